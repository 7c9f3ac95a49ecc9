// The two products over a tile: right for every number of heads, tokens and channels, with the same bits in every
// block.
#include "ifa/kernel/tile.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/kernel/workspace.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::HeadRows;
using ifa::kTileTokens;

constexpr Index kHeads[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16};
constexpr Index kDims[] = {1, 3, 7, 8, 9, 16, 31, 57, 64, 80, 127, 129};

// Rows of `dim` floats, padded as scratch is.
struct Rows {
    Rows(Index heads, Index dim, std::uint64_t seed) : stride(ifa::padded(dim)), memory(size(heads * stride), 0.f) {
        Random random(seed);
        for (Index h = 0; h < heads; ++h)
            for (Index d = 0; d < dim; ++d) memory[size(h * stride + d)] = random.normal();
    }
    HeadRows view() { return {memory.data(), stride}; }

    Index stride;
    std::vector<float> memory;
};

// A tile of `tokens` rows at addresses of any alignment; the rows end with the memory.
template <class T>
struct RandomTile {
    RandomTile(int tokens, Index dim, std::uint64_t seed)
        : rows(Random(seed).vector<T>(size(tokens * dim))), zeros(size(dim), static_cast<T>(0.f)) {
        tile.tokens = tokens;
        for (int slot = 0; slot < kTileTokens; ++slot)
            tile.keys[slot] = tile.values[slot] = slot < tokens ? rows.data() + slot * dim : zeros.data();
        tile.hidden = tile.all_slots() & ~((std::uint64_t{1} << tokens) - 1);
    }

    std::vector<T> rows, zeros;
    ifa::Tile<T, T> tile;
};

template <class T>
class TileOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16, std::int8_t>;
TYPED_TEST_SUITE(TileOf, Elements);

TYPED_TEST(TileOf, ScoresAreDotProducts) {
    for (const Index dim : kDims) {
        const RandomTile<TypeParam> random(kTileTokens - 3, dim, 2);
        Rows queries(3, dim, 1), scores(3, ifa::kTileStride, 9);
        ifa::score_tile(queries.view(), 3, random.tile, dim, scores.view());
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
    Rows queries(16, kDim, 1), expected(16, ifa::kTileStride, 3);
    for (Index h = 0; h < 16; ++h)
        ifa::score_tile({queries.view()[h], queries.stride}, 1, full.tile, kDim, {expected.view()[h], expected.stride});
    for (const Index heads : kHeads)
        for (int tokens = 1; tokens <= kTileTokens; ++tokens) {
            RandomTile<TypeParam> part(tokens, kDim, 2);
            Rows scores(heads, ifa::kTileStride, 4);
            ifa::score_tile(queries.view(), heads, part.tile, kDim, scores.view());
            for (Index h = 0; h < heads; ++h)
                for (int slot = 0; slot < tokens; ++slot)
                    ASSERT_EQ(scores.view()[h][slot], expected.view()[h][slot])
                        << heads << ' ' << tokens << ' ' << slot;
        }
}

// The running sums after one tile, in double.
double expected_sum(HeadRows probabilities, HeadRows before, float rescale, const auto& tile, double shift, Index h,
                    Index d) {
    double sum = as_double(rescale) * as_double(before[h][d]);
    for (int slot = 0; slot < tile.tokens; ++slot)
        sum += as_double(probabilities[h][slot]) * (as_double(tile.values[slot][d]) + shift);
    return sum;
}

template <bool Shifted, class T>
void expect_accumulates(Index heads, Index dim) {
    const RandomTile<T> random(kTileTokens - 5, dim, 2);
    Rows probabilities(heads, ifa::kTileStride, 1), sums(heads, dim, 6), before(heads, dim, 6);
    const std::vector<float> rescale = Random(7).vector<float>(size(heads));
    const std::vector<float> shift(size(ifa::padded(dim)), 3.f);
    ifa::accumulate_tile<Shifted>({probabilities.view(), rescale.data()}, heads, random.tile, shift.data(), dim,
                                  sums.view());
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
    Rows probabilities(16, ifa::kTileStride, 1), expected(16, kDim, 6);
    const std::vector<float> rescale = Random(7).vector<float>(16);
    for (Index h = 0; h < 16; ++h)
        ifa::accumulate_tile<false>({{probabilities.view()[h], probabilities.stride}, &rescale[size(h)]}, 1,
                                    random.tile, nullptr, kDim, {expected.view()[h], expected.stride});
    for (const Index heads : kHeads) {
        Rows sums(16, kDim, 6);
        ifa::accumulate_tile<false>({probabilities.view(), rescale.data()}, heads, random.tile, nullptr, kDim,
                                    sums.view());
        for (Index i = 0; i < heads * sums.stride; ++i)
            ASSERT_EQ(sums.memory[size(i)], expected.memory[size(i)]) << heads;
    }
}

TEST(Tile, EachSetBitIsVisitedInOrder) {
    std::vector<int> bits;
    ifa::for_each_bit(0b1001000000000000000000101, [&](int bit) { bits.push_back(bit); });
    EXPECT_EQ(bits, (std::vector<int>{0, 2, 21, 24}));
}

TEST(Tile, IsWhollyHiddenWhenEverySlotIs) {
    ifa::Tile<float, float> tile = {};
    EXPECT_FALSE(tile.wholly_hidden());
    tile.hidden = tile.all_slots();
    EXPECT_TRUE(tile.wholly_hidden());
    tile.hidden &= ~(std::uint64_t{1} << (kTileTokens - 1));
    EXPECT_FALSE(tile.wholly_hidden());
}

TEST(Tile, HeadsAreSplitIntoNearlyEqualBlocks) {
    for (Index heads = 1; heads <= 40; ++heads) {
        Index next = 0;
        int smallest = 4, largest = 1;
        ifa::split_heads(heads, [&]<int Heads>(Index first) {
            EXPECT_EQ(first, next);
            next += Heads;
            smallest = std::min(smallest, Heads), largest = std::max(largest, Heads);
        });
        EXPECT_EQ(next, heads);
        EXPECT_LE(largest - smallest, 1);
    }
}

}  // namespace
