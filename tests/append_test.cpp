// New rows put into caches of every kind, at the positions given and nowhere else.
#include "ifa/append.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 3, .heads = 2, .kv_heads = 2, .seq = 40, .key_dim = 20, .value_dim = 12};
const std::vector<int> kPositions{0, -1, 35};

Shape rows_of(const Shape& cache, Index tokens) {
    return {.batch = cache.batch, .heads = cache.heads, .seq = tokens, .head_dim = cache.head_dim};
}

// New rows [B, kvN, T, D] of type T.
template <class T>
struct NewRows {
    explicit NewRows(Index tokens, Layout layout = Layout::kBnsd)
        : key(Random(1).vector<T>(elements(rows_of(kSizes.key(), tokens))), rows_of(kSizes.key(), tokens), layout),
          value(Random(2).vector<T>(elements(rows_of(kSizes.value(), tokens))), rows_of(kSizes.value(), tokens),
                layout) {}

    Tensor<T> key, value;
};

// The cache [B, kvN, S, D] after the rows are written at kPositions: poison elsewhere.
template <class Cache, class New>
std::vector<Cache> expected_cache(const Shape& shape, const Tensor<New>& rows) {
    Tensor<Cache> cache(shape, Layout::kBnsd);
    const auto from = rows.view();
    const auto to = cache.view();
    for (Index b = 0; b < shape.batch; ++b)
        for (Index h = 0; kPositions[size(b)] >= 0 && h < shape.heads; ++h)
            for (Index t = 0; t < from.shape.seq; ++t)
                for (Index d = 0; d < shape.head_dim; ++d)
                    to.row(b, h, kPositions[size(b)] + t)[d] =
                        static_cast<Cache>(static_cast<float>(from.row(b, h, t)[d]));
    return cache.dense();
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class Types>
class Append : public ::testing::Test {};
using float16 = ifa::float16;
using bfloat16 = ifa::bfloat16;
// New rows and cache.
using AllTypes =
    ::testing::Types<std::pair<float, float>, std::pair<float, float16>, std::pair<float, bfloat16>,
                     std::pair<float16, float16>, std::pair<bfloat16, float>, std::pair<bfloat16, float16>>;
TYPED_TEST_SUITE(Append, AllTypes);

TYPED_TEST(Append, WritesTheRowsAtTheirPositionsAndNothingElse) {
    using New = typename TypeParam::first_type;
    using Cache = typename TypeParam::second_type;
    for (const Layout layout : kLayouts)
        for (const Index tokens : {0, 1, 5}) {
            Tensor<Cache> key(kSizes.key(), layout), value(kSizes.value(), layout);
            const NewRows<New> rows(tokens, layout);
            ifa::append(ifa::ContiguousKv{key.view(), value.view()}, rows.key.view(), rows.value.view(), kPositions);
            EXPECT_TRUE(same_bits(key.dense(), (expected_cache<Cache>(kSizes.key(), rows.key)))) << name(layout);
            EXPECT_TRUE(same_bits(value.dense(), (expected_cache<Cache>(kSizes.value(), rows.value)))) << name(layout);
            EXPECT_TRUE(key.surroundings_untouched() && value.surroundings_untouched()) << name(layout);
        }
}

TEST(Append, OnePositionServesTheWholeBatch) {
    Tensor<float> one(kSizes.key(), Layout::kBsh), each(kSizes.key(), Layout::kBsh),
        value(kSizes.value(), Layout::kBsh);
    const NewRows<float> rows(2);
    ifa::append(ifa::ContiguousKv{one.view(), value.view()}, rows.key.view(), rows.value.view(), 7);
    ifa::append(ifa::ContiguousKv{each.view(), value.view()}, rows.key.view(), rows.value.view(),
                std::vector<int>(3, 7));
    EXPECT_TRUE(same_bits(one.dense(), each.dense()));
}

TEST(Append, PagesGrowAcrossTheirBlocks) {
    // Rows of 5 tokens at 14..18 straddle blocks of 16, 7 and 1.
    for (const Index block_size : {1, 7, 16}) {
        const Decode<float> decode(kSizes);
        const std::vector<Index> lengths{40, 40, 40};
        auto pages = paged(decode, lengths, block_size, Layout::kBsh);
        auto flat = operands<float>(decode);
        const NewRows<float> rows(5);
        const std::vector<int> positions{14, -3, 33};
        const ifa::PagedKv paged_kv{pages.key.view(), pages.value.view(), pages.block_table()};
        const ifa::ContiguousKv flat_kv{flat.key.view(), flat.value.view()};
        ifa::append(paged_kv, rows.key.view(), rows.value.view(), positions);
        ifa::append(flat_kv, rows.key.view(), rows.value.view(), positions);
        std::vector<float> from_pages(elements(kSizes.output())), from_flat(from_pages);
        ifa::incre_flash_attention(flat.query.view(), paged_kv, ifa::bsh(from_pages, kSizes.output()), {},
                                   ifa::RightPadding{.lengths = 40});
        ifa::incre_flash_attention(flat.query.view(), flat_kv, ifa::bsh(from_flat, kSizes.output()));
        EXPECT_EQ(from_pages, from_flat) << block_size;
        EXPECT_TRUE(pages.key.surroundings_untouched());
    }
}

TEST(Append, ListsTakeRowsUpToTheLengthOfEachTensor) {
    std::vector<float> first(2 * 10 * 20), second(2 * 4 * 20), value_1(2 * 10 * 12), value_2(2 * 4 * 12);
    const std::vector<TensorView<float>> keys{ifa::bsh(first, {.heads = 2, .seq = 10, .head_dim = 20}),
                                              ifa::bnsd(second, {.heads = 2, .seq = 4, .head_dim = 20})};
    const std::vector<TensorView<float>> values{ifa::bsh(value_1, {.heads = 2, .seq = 10, .head_dim = 12}),
                                                ifa::bnsd(value_2, {.heads = 2, .seq = 4, .head_dim = 12})};
    const auto new_key = Random(1).vector<float>(2 * 2 * 20), new_value = Random(2).vector<float>(2 * 2 * 12);
    const Shape rows{.batch = 2, .heads = 2, .seq = 1, .head_dim = 20},
        value_rows{.batch = 2, .heads = 2, .seq = 1, .head_dim = 12};
    const auto append_at = [&](const std::vector<int>& positions) {
        return thrown_by([&] {
            ifa::append(ifa::TensorListKv{keys, values}, ifa::bnsd(new_key, rows), ifa::bnsd(new_value, value_rows),
                        positions);
        });
    };
    EXPECT_TRUE(append_at({9, 3}).accepted);
    EXPECT_EQ(*keys[1].row(0, 1, 3), new_key[60]);
    EXPECT_EQ(*values[0].row(0, 1, 9), new_value[12]);
    EXPECT_EQ(append_at({9, 4}).message.rfind("positions[1]: ", 0), 0u);
}

TEST(Append, QuantisesThroughTheCodecOfTheCache) {
    Tensor<std::int8_t> key(kSizes.key(), Layout::kBsh), value(kSizes.value(), Layout::kBsh);
    const Scales<float> scales(kSizes.channels(), 3);
    const NewRows<float> rows(5);
    const ifa::ContiguousKv kv{key.view(), value.view()};
    ifa::append(ifa::antiquant(kv, ifa::per_channel(scales.scale, scales.offset)), rows.key.view(), rows.value.view(),
                kPositions);
    EXPECT_TRUE(key.surroundings_untouched());
    const auto expect_quantised = [&](const TensorView<std::int8_t>& cache, const auto& from, std::size_t channel_0) {
        for (Index b : {0, 2})
            for (Index h = 0; h < 2; ++h)
                for (Index t = 0; t < 5; ++t)
                    for (Index d = 0; d < cache.shape.head_dim; ++d) {
                        const std::size_t channel = channel_0 + size(h * cache.shape.head_dim + d);
                        const float unrounded = from.row(b, h, t)[d] / scales.scale[channel] - scales.offset[channel];
                        const float bounded = std::min(std::max(std::nearbyint(unrounded), -128.f), 127.f);
                        EXPECT_EQ(static_cast<float>(cache.row(b, h, kPositions[size(b)] + t)[d]), bounded);
                    }
    };
    expect_quantised(key.view(), rows.key.view(), 0);
    expect_quantised(value.view(), rows.value.view(), 40);
    EXPECT_EQ(*key.view().row(1, 0, 0), static_cast<std::int8_t>(kPoison<std::int8_t>));
}

TEST(Append, GrowsACacheThatAttendsLikeOneFilledAtOnce) {
    const Decode<float, float> decode(kSizes);
    auto filled = operands<float>(decode, Layout::kBnsd);
    Tensor<float> key(kSizes.key(), Layout::kBnsd), value(kSizes.value(), Layout::kBnsd),
        out(kSizes.output(), Layout::kBnsd);
    const ifa::ContiguousKv grown{key.view(), value.view()};
    for (Index token = 0; token < 10; ++token) {
        const auto row = [&](const TensorView<float>& all, const Shape& shape) {
            return ifa::strided(all.row(0, 0, token), rows_of(shape, 1), all.strides);
        };
        ifa::append(grown, row(filled.key.view(), kSizes.key()), row(filled.value.view(), kSizes.value()), token);
        const ifa::RightPadding padding{.lengths = token + 1};
        ifa::incre_flash_attention(filled.query.view(), grown, out.view(), {}, padding);
        ifa::incre_flash_attention(filled.query.view(), ifa::ContiguousKv{filled.key.view(), filled.value.view()},
                                   filled.out.view(), {}, padding);
        EXPECT_EQ(out.dense(), filled.out.dense()) << token;
    }
}

// Appends 3 tokens after `spoil`, and expects the cache untouched when that throws.
struct Appending {
    Tensor<float> key{kSizes.key(), Layout::kBsh}, value{kSizes.value(), Layout::kBsh};
    NewRows<float> rows{3};
    TensorView<float> new_key = rows.key.view(), new_value = rows.value.view(), cache_key = key.view();
    ifa::Lengths positions = 4;

    static std::function<Refusal()> after(const std::function<void(Appending&)>& spoil) {
        return [spoil] {
            Appending a;
            spoil(a);
            const Refusal refusal = thrown_by([&] {
                ifa::append(ifa::ContiguousKv{a.cache_key, a.value.view()}, a.new_key, a.new_value, a.positions);
            });
            EXPECT_TRUE(a.key.untouched() && a.value.untouched());
            return refusal;
        };
    }
};

TEST(Append, RefusesWhatDoesNotFitBeforeWriting) {
    using enum ifa::ErrorKind;
    static const std::vector<int> two{1, 2}, late{1, 38, 2};
    const BadInput table[] = {
        {"count", kValue, "positions", "1 or 3 elements", "got 2",
         Appending::after([](Appending& a) { a.positions = two; })},
        {"absent", kValue, "positions", "1 or 3 elements", "got none",
         Appending::after([](Appending& a) { a.positions = {}; })},
        {"null positions", kRuntime, "positions", "data", "null pointer",
         Appending::after([](Appending& a) { a.positions = ifa::Span<const int>(nullptr, 3); })},
        {"too late", kRuntime, "positions[1]", "at most 37", "got 38",
         Appending::after([](Appending& a) { a.positions = late; })},
        {"too many tokens", kRuntime, "positions[0]", "at most", "got 0", Appending::after([](Appending& a) {
             a.new_key.shape.seq = a.new_value.shape.seq = 41, a.positions = 0;
             a.new_key.strides = a.new_value.strides = {}, a.new_key.extent = a.new_value.extent = ifa::kUnknownExtent;
         })},
        {"heads", kRuntime, "new_key", "(3, 2, 3, 20)", "got (3, 1, 3, 20)",
         Appending::after([](Appending& a) { a.new_key.shape.heads = 1; })},
        {"tokens", kRuntime, "new_value", "(3, 2, 3, 12)", "got (3, 2, 2, 12)",
         Appending::after([](Appending& a) { a.new_value.shape.seq = 2; })},
        {"null rows", kRuntime, "new_key", "data", "null pointer",
         Appending::after([](Appending& a) { a.new_key.data = nullptr; })},
        {"short rows", kRuntime, "new_value", "at least 216 elements", "got 215",
         Appending::after([](Appending& a) { a.new_value.extent = 215; })},
        {"null cache", kRuntime, "key", "data", "null pointer",
         Appending::after([](Appending& a) { a.cache_key.data = nullptr; })},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(Append, RefusesBlocksOutsideThePool) {
    const Decode<float> decode(kSizes);
    auto pages = paged(decode, {40, 40, 40}, 16, Layout::kBsh);
    const NewRows<float> rows(5);
    pages.table[size(pages.max_blocks) + 1] = -1;
    const std::vector<float> before = pages.key.dense();
    const Refusal refusal = thrown_by([&] {
        ifa::append(ifa::PagedKv{pages.key.view(), pages.value.view(), pages.block_table()}, rows.key.view(),
                    rows.value.view(), 14);
    });
    EXPECT_EQ(refusal.message.rfind("block_table[1][1]: ", 0), 0u) << refusal.message;
    EXPECT_TRUE(same_bits(pages.key.dense(), before));
}

}  // namespace
