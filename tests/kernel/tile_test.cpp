// The two products over a tile: right for every number of heads, tokens and channels, with the same bits in every
// block.
#include "ifa/kernel/tile.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ifa/kernel/workspace.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::FloatProducts;
using ifa::IntegerProducts;
using ifa::kScoreStride;
using ifa::kTileTokens;

constexpr Index kHeads[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16};
constexpr Index kDims[] = {1, 3, 7, 8, 9, 16, 31, 57, 64, 80, 127, 129};

template <class T>
void fill(std::vector<T>& memory, Index rows, Index stride, Index count, std::uint64_t seed) {
    Random random(seed);
    for (Index row = 0; row < rows; ++row)
        for (Index i = 0; i < count; ++i) {
            if constexpr (std::is_integral_v<T>)
                memory[size(row * stride + i)] = static_cast<T>(random.integer(-32767, 32767));
            else memory[size(row * stride + i)] = random.normal();
        }
}

// Rows of `dim` elements, padded as scratch is.
template <class T>
struct RowsOf {
    RowsOf(Index heads, Index dim, std::uint64_t seed) : stride(ifa::padded(dim)), memory(size(heads * stride)) {
        fill(memory, heads, stride, dim, seed);
    }
    ifa::RowsOf<T> view() { return {memory.data(), stride}; }

    Index stride;
    std::vector<T> memory;
};
using Rows = RowsOf<float>;
using IntegerRows = RowsOf<std::int16_t>;

// Scores or weights of a tile.
template <class T>
struct SlotRows {
    SlotRows(Index heads, std::uint64_t seed) : memory(size(heads * kScoreStride)) {
        fill(memory, heads, kScoreStride, kTileTokens, seed);
    }
    ifa::SlotRows<T> view() { return {memory.data()}; }

    std::vector<T> memory;
};
using Scores = SlotRows<float>;
using Weights = SlotRows<float>;
using IntegerWeights = SlotRows<std::int16_t>;

// A tile of `tokens` rows at addresses of any alignment; the rows end with the memory.
template <class T>
struct RandomTile {
    RandomTile(int tokens, Index dim, std::uint64_t seed) : rows(Random(seed).vector<T>(size(tokens * dim))) {
        tile.tokens = tokens;
        tile.visible = ifa::Slots::first(tokens);
        for (int slot = 0; slot < tokens; ++slot) tile.keys[slot] = tile.values[slot] = rows.data() + slot * dim;
        tile.pack();
    }

    std::vector<T> rows;
    ifa::Tile<T, T> tile;
};

template <class T>
class TileOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16, std::int8_t>;
TYPED_TEST_SUITE(TileOf, Elements);

TYPED_TEST(TileOf, ScoresAreDotProducts) {
    for (const Index dim : kDims) {
        const RandomTile<TypeParam> random(kTileTokens - 3, dim, 2);
        Rows queries(3, dim, 1);
        Scores scores(3, 9);
        ifa::score_tile<FloatProducts>(queries.view(), 3, random.tile, dim, scores.view());
        for (Index h = 0; h < 3; ++h)
            for (int slot = 0; slot < random.tile.tokens; ++slot) {
                double dot = 0, absolute = 0;
                for (Index d = 0; d < dim; ++d) {
                    const double product = as_double(queries.view()[h][d]) * as_double(random.tile.keys[slot][d]);
                    dot += product, absolute += std::abs(product);
                }
                EXPECT_NEAR(as_double(scores.view()[h][slot]), dot, 3e-7 * absolute) << dim << ' ' << h << ' ' << slot;
            }
    }
}

TYPED_TEST(TileOf, AScoreHasTheSameBitsInEveryBlock) {
    constexpr Index kDim = 57;
    const RandomTile<TypeParam> full(kTileTokens, kDim, 2);
    Rows queries(16, kDim, 1);
    Scores expected(16, 3);
    for (Index h = 0; h < 16; ++h)
        ifa::score_tile<FloatProducts>(queries.view().from(h), 1, full.tile, kDim, expected.view().from(h));
    for (const Index heads : kHeads)
        for (int tokens = 1; tokens <= kTileTokens; ++tokens) {
            RandomTile<TypeParam> part(tokens, kDim, 2);
            Scores scores(heads, 4);
            ifa::score_tile<FloatProducts>(queries.view(), heads, part.tile, kDim, scores.view());
            for (Index h = 0; h < heads; ++h)
                for (int slot = 0; slot < tokens; ++slot)
                    ASSERT_EQ(scores.view()[h][slot], expected.view()[h][slot])
                        << heads << ' ' << tokens << ' ' << slot;
        }
}

// The running sums after one tile, in double.
double expected_sum(ifa::ScoreRows probabilities, ifa::HeadRows before, float rescale, const auto& tile, double shift,
                    Index h, Index d) {
    double sum = as_double(rescale) * as_double(before[h][d]);
    for (int slot = 0; slot < tile.tokens; ++slot)
        sum += as_double(probabilities[h][slot]) * (as_double(tile.values[slot][d]) + shift);
    return sum;
}

template <bool Shifted, class T>
void expect_accumulates(Index heads, Index dim) {
    const RandomTile<T> random(kTileTokens - 5, dim, 2);
    Weights probabilities(heads, 1);
    Rows sums(heads, dim, 6), before(heads, dim, 6);
    const std::vector<float> rescale = Random(7).vector<float>(size(heads));
    const std::vector<float> shift(size(ifa::padded(dim)), 3.f);
    ifa::accumulate_tile<FloatProducts, Shifted>({probabilities.view(), rescale.data(), rescale.data()}, heads,
                                                 random.tile, shift.data(), dim, sums.view());
    const double magnitude = std::is_integral_v<T> ? 128 : 4;
    for (Index h = 0; h < heads; ++h)
        for (Index d = 0; d < dim; ++d)
            EXPECT_NEAR(
                as_double(sums.view()[h][d]),
                expected_sum(probabilities.view(), before.view(), rescale[size(h)], random.tile, Shifted ? 3 : 0, h, d),
                1e-5 * magnitude)
                << heads << ' ' << dim << ' ' << h << ' ' << d;
}

TYPED_TEST(TileOf, OutputsAreWeightedSumsOfValues) {
    for (const Index heads : kHeads)
        for (const Index dim : kDims) expect_accumulates<false, TypeParam>(heads, dim);
}

TYPED_TEST(TileOf, AShiftIsAddedToEveryValue) {
    for (const Index dim : kDims) expect_accumulates<true, TypeParam>(5, dim);
}

TYPED_TEST(TileOf, AnOutputHasTheSameBitsInEveryBlock) {
    constexpr Index kDim = 80;
    const RandomTile<TypeParam> random(kTileTokens, kDim, 2);
    Weights probabilities(16, 1);
    Rows expected(16, kDim, 6);
    const std::vector<float> rescale = Random(7).vector<float>(16);
    for (Index h = 0; h < 16; ++h)
        ifa::accumulate_tile<FloatProducts, false>({probabilities.view().from(h), &rescale[size(h)], &rescale[size(h)]},
                                                   1, random.tile, nullptr, kDim, expected.view().from(h));
    for (const Index heads : kHeads) {
        Rows sums(16, kDim, 6);
        ifa::accumulate_tile<FloatProducts, false>({probabilities.view(), rescale.data(), rescale.data()}, heads,
                                                   random.tile, nullptr, kDim, sums.view());
        for (Index i = 0; i < heads * sums.stride; ++i)
            ASSERT_EQ(sums.memory[size(i)], expected.memory[size(i)]) << heads;
    }
}

constexpr std::uint64_t kMasks[] = {0x800000000000, 0x1,           0xfffffffff000, 0x555555555555, 0xcafe12345678,
                                    0x0fffffffffff, 0xffffffffffff};

// Leaves the rows of visible slots; those of others cannot even be read.
template <class T>
void hide(RandomTile<T>& random, std::uint64_t visible) {
    random.tile.visible = visible;
    for (int slot = 0; slot < kTileTokens; ++slot)
        if (!(visible >> slot & 1)) random.tile.keys[slot] = random.tile.values[slot] = nullptr;
    random.tile.pack();
}

TEST(Tile, AsksForTheRowsOfHiddenTokensWhereGapsCostMore) {
    const auto asked = [](std::uint64_t visible) {
        RandomTile<float> random(kTileTokens, 8, 2);
        const std::vector<const float*> rows(random.tile.keys, random.tile.keys + kTileTokens);
        random.tile.visible = visible;
        random.tile.pack();
        const auto& tile = random.tile;
        const std::vector<const float*> keys(tile.asked_keys(), tile.asked_keys() + tile.asked());
        EXPECT_EQ(keys, std::vector(tile.asked_values(), tile.asked_values() + tile.asked()));
        const float* const* const first = tile.keys + tile.first_row;
        EXPECT_TRUE(keys == rows || keys == std::vector(first, first + tile.rows()));
        return keys.size();
    };
    EXPECT_EQ(asked(0xffffffffffff), 48u);
    EXPECT_EQ(asked(0x0000000f), 4u);  // no gap
    EXPECT_EQ(asked(0xffffff000000), 24u);
    EXPECT_EQ(asked(0x555555555555), ifa::simd::kLanes < 16 ? 48u : 24u);
    EXPECT_EQ(asked(0x800000000001), 2u);
}

TYPED_TEST(TileOf, ScoresOfVisibleTokensHaveTheBitsOfThoseAmongAll) {
    constexpr Index kDim = 57;
    const RandomTile<TypeParam> all(kTileTokens, kDim, 2);
    Rows queries(16, kDim, 1);
    for (const std::uint64_t visible : kMasks) {
        RandomTile<TypeParam> some(kTileTokens, kDim, 2);
        hide(some, visible);
        for (const Index heads : kHeads) {
            Scores expected(heads, 3), scores(heads, 4);
            ifa::score_tile<FloatProducts>(queries.view(), heads, all.tile, kDim, expected.view());
            ifa::score_tile<FloatProducts>(queries.view(), heads, some.tile, kDim, scores.view());
            if (some.tile.packed) some.tile.rows_to_slots(scores.view(), heads);
            for (Index h = 0; h < heads; ++h)
                ifa::for_each_bit(visible, [&](int slot) {
                    ASSERT_EQ(scores.view()[h][slot], expected.view()[h][slot]) << heads << ' ' << slot;
                });
        }
    }
}

TYPED_TEST(TileOf, SumsOverVisibleTokensHaveTheBitsOfThoseOverAll) {
    constexpr Index kDim = 57;
    const RandomTile<TypeParam> all(kTileTokens, kDim, 2);
    for (const std::uint64_t visible : kMasks) {
        RandomTile<TypeParam> some(kTileTokens, kDim, 2);
        hide(some, visible);
        for (const Index heads : kHeads) {
            Weights weights(heads, 1);
            Rows expected(heads, kDim, 6), sums(heads, kDim, 6);
            for (Index h = 0; h < heads; ++h)
                for (int slot = 0; slot < kTileTokens; ++slot)
                    if (!(visible >> slot & 1)) weights.view()[h][slot] = 0;
            const std::vector<float> rescale(size(heads), 0.75f);
            const auto accumulate = [&](auto& tile, Rows& to) {
                ifa::accumulate_tile<FloatProducts, false>({weights.view(), rescale.data(), rescale.data()}, heads,
                                                           tile, nullptr, kDim, to.view());
            };
            accumulate(all.tile, expected);
            if (some.tile.packed) some.tile.slots_to_rows(weights.view(), heads);
            accumulate(some.tile, sums);
            ASSERT_EQ(sums.memory, expected.memory) << heads;
        }
    }
}

TEST(IntegerProducts, ScoresAreExactInEveryBlock) {
    for (const Index dim : kDims)
        for (const Index heads : kHeads)
            for (const int tokens : {1, 7, 8, kTileTokens}) {
                const RandomTile<std::int8_t> random(tokens, dim, 2);
                IntegerRows queries(heads, dim, 1);
                Scores scores(heads, 9);
                ifa::score_tile<IntegerProducts>(queries.view(), heads, random.tile, dim, scores.view());
                for (Index h = 0; h < heads; ++h)
                    for (int slot = 0; slot < tokens; ++slot) {
                        std::int32_t dot = 0;
                        for (Index d = 0; d < dim; ++d) dot += queries.view()[h][d] * random.tile.keys[slot][d];
                        ASSERT_EQ(scores.view()[h][slot], static_cast<float>(dot)) << dim << ' ' << heads;
                    }
            }
}

TEST(IntegerProducts, LowPartsAreAddedInTheirUnits) {
    constexpr Index kHeadsHere = 3, kDim = 57;
    const RandomTile<std::int8_t> random(kTileTokens - 5, kDim, 2);
    IntegerRows high(kHeadsHere, kDim, 1), low(kHeadsHere, kDim, 2);
    for (std::int16_t& x : high.memory) x = static_cast<std::int16_t>(x / 128);
    Scores scores(kHeadsHere, 9);
    ifa::score_tile<IntegerProducts>(high.view(), kHeadsHere, random.tile, kDim, scores.view());
    ifa::score_tile<IntegerProducts, ifa::kAdds>(low.view(), kHeadsHere, random.tile, kDim, scores.view());
    for (Index h = 0; h < kHeadsHere; ++h)
        for (int slot = 0; slot < random.tile.tokens; ++slot) {
            double exact = 0;
            for (Index d = 0; d < kDim; ++d)
                exact += (double{1} * high.view()[h][d] + double{ifa::kLowPart} * low.view()[h][d]) *
                         random.tile.keys[slot][d];
            EXPECT_NEAR(as_double(scores.view()[h][slot]), exact, 0x1p-24 * (std::abs(exact) + 1)) << h << ' ' << slot;
        }
}

TEST(IntegerProducts, TheLargestOperandsDoNotOverflow) {
    for (const Index dim : {256, 512, 576}) {
        RandomTile<std::int8_t> random(kTileTokens, dim, 2);
        std::fill(random.rows.begin(), random.rows.end(), std::int8_t{-128});
        const auto largest = static_cast<std::int16_t>(-(1 << (IntegerProducts::query_exponent(dim) + 1)));
        IntegerRows queries(1, dim, 1);
        std::fill(queries.memory.begin(), queries.memory.end(), largest);
        Scores scores(1, 9);
        ifa::score_tile<IntegerProducts>(queries.view(), 1, random.tile, dim, scores.view());
        EXPECT_EQ(scores.view()[0][5], 128.f * static_cast<float>(-largest) * static_cast<float>(dim)) << dim;
    }
}

TEST(IntegerProducts, OutputsAreWeightedSumsOfValues) {
    for (const Index heads : kHeads)
        for (const Index dim : kDims)
            for (const int tokens : {1, 7, 8, kTileTokens}) {
                const RandomTile<std::int8_t> random(tokens, dim, 2);
                IntegerWeights weights(heads, 1);
                for (Index h = 0; h < heads; ++h)  // as a slot without a token has
                    for (int slot = tokens; slot < ifa::kTileTokens; ++slot) weights.view()[h][slot] = 0;
                Rows sums(heads, dim, 6), before(heads, dim, 6);
                const std::vector<float> unit(size(heads), 0x1p-15f), rescale(size(heads), 0.75f);
                ifa::accumulate_tile<IntegerProducts, false>({weights.view(), unit.data(), rescale.data()}, heads,
                                                             random.tile, nullptr, dim, sums.view());
                for (Index h = 0; h < heads; ++h)
                    for (Index d = 0; d < dim; ++d) {
                        double sum = 0;
                        for (int slot = 0; slot < tokens; ++slot)
                            sum += double{1} * weights.view()[h][slot] * random.tile.values[slot][d];
                        const double expected = sum * 0x1p-15 + 0.75 * as_double(before.view()[h][d]);
                        ASSERT_NEAR(as_double(sums.view()[h][d]), expected, 3e-7 * (std::abs(expected) + 4))
                            << heads << ' ' << dim << ' ' << tokens;
                    }
            }
}

TEST(Tile, EachSetBitIsVisitedInOrder) {
    std::vector<int> bits;
    ifa::for_each_bit(0b1001000000000000000000101, [&](int bit) { bits.push_back(bit); });
    EXPECT_EQ(bits, (std::vector<int>{0, 2, 21, 24}));
}

TEST(Slots, HaveGapsUnlessTheVisibleOnesAreARunFromAnEvenOne) {
    for (int tokens = 0; tokens <= kTileTokens; ++tokens)
        EXPECT_FALSE((ifa::Slots{0, tokens, ifa::Slots::first(tokens)}.has_gaps())) << tokens;
    for (const std::uint64_t visible : {0x4u, 0x40000000u, 0xfffffffcu, 0x30u})
        EXPECT_FALSE((ifa::Slots{0, kTileTokens, visible}.has_gaps())) << visible;
    for (const std::uint64_t visible : {0x2u, 0x80000000u, 0xfffffffeu, 0xbfffffffu, 0x5u})
        EXPECT_TRUE((ifa::Slots{0, kTileTokens, visible}.has_gaps())) << visible;
}

TEST(Slots, TakeTheirElementsTogetherAndApart) {
    for (const std::uint64_t visible : kMasks) {
        const ifa::Slots slots{0, kTileTokens, visible};
        Scores elements(3, 1);
        const Scores before = elements;
        slots.slots_to_rows(elements.view(), 3);
        int row = 0;
        ifa::for_each_bit(visible, [&](int slot) {
            for (Index h = 0; h < 3; ++h)
                EXPECT_EQ(elements.view()[h][row], before.memory[size(h * ifa::kScoreStride + slot)]);
            ++row;
        });
        EXPECT_EQ(row, slots.rows());
        for (Index h = 0; h < 3 && row < kTileTokens; ++h) EXPECT_EQ(elements.view()[h][row], 0);
        slots.rows_to_slots(elements.view(), 3);
        ifa::for_each_bit(visible, [&](int slot) {
            for (Index h = 0; h < 3; ++h)
                EXPECT_EQ(elements.view()[h][slot], before.memory[size(h * ifa::kScoreStride + slot)]);
        });
    }
}

TEST(Slots, AreVisibleFromTheBeginningOfAVectorToTheLastOne) {
    for (int first = 0; first < kTileTokens; ++first)
        for (int last = first; last < kTileTokens; ++last) {
            const std::uint64_t visible = std::uint64_t{1} << first | std::uint64_t{1} << last;
            const ifa::Slots slots{0, kTileTokens, visible};
            EXPECT_EQ(slots.begin(), first - first % ifa::simd::kLanes);
            EXPECT_EQ(slots.end(), last + 1);
        }
}

TEST(Tile, HeadsAreSplitIntoNearlyEqualBlocks) {
    for (Index heads = 1; heads <= 40; ++heads) {
        Index next = 0;
        int smallest = 6, largest = 1;
        ifa::split_evenly<6>(heads, [&](Index first, auto n) {
            EXPECT_EQ(first, next);
            next += n;
            smallest = std::min<int>(smallest, n), largest = std::max<int>(largest, n);
        });
        EXPECT_EQ(next, heads);
        EXPECT_LE(largest - smallest, 1);
    }
}

}  // namespace
