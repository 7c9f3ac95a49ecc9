// The cache as blocks of a pool: any block size, order and layout, shared blocks, and entries that are never read.
#include "ifa/kv/paged.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 130, .key_dim = 24, .value_dim = 16};
const std::vector<Index> kLengths{130, 0, 57};

// Token-major pools are (blocks, block_size, kvN * D), head-major ones (blocks, kvN, block_size, D).
template <class Cache>
std::vector<float> run(const Decode<float, Cache>& decode, const Pages<Cache>& pages, const auto&... policies) {
    Tensor<float> out(decode.sizes.output(), Layout::kBsh);
    ifa::incre_flash_attention(ifa::bsh(decode.query, decode.sizes.query()),
                               ifa::PagedKv{pages.key.view(), pages.value.view(), pages.block_table()}, out.view(),
                               {.scale = decode.scale}, policies...);
    return out.dense();
}

TEST(PagedKv, EveryBlockSizeAndPoolLayoutIsRight) {
    const Decode<float, ifa::float16> decode(kSizes);
    const std::vector<reference::Row> exact = reference::attend(decode.problem(kLengths));
    for (const Index block_size : {1, 2, 3, 7, 16, 24, 25, 128, 500})
        for (const Layout layout : kLayouts) {
            const auto pages = paged(decode, kLengths, block_size, layout);
            EXPECT_TRUE(within_bound(run(decode, pages, ifa::RightPadding{.lengths = kLengths}), exact, kTau, "paged"))
                << block_size << ' ' << name(layout);
        }
}

TEST(PagedKv, SharedBlocksAreReadByBothSequences) {
    // Both sequences begin with the same two blocks of 16, as after a common prompt.
    const Decode<float> decode({.batch = 2, .heads = 2, .kv_heads = 1, .seq = 64, .key_dim = 16});
    const std::vector<Index> lengths{64, 64};
    auto pages = paged(decode, lengths, 16, Layout::kBsh);
    for (std::size_t i = 0; i < 2; ++i) pages.table[size(pages.max_blocks) + i] = pages.table[i];
    reference::Problem problem = decode.problem();
    std::copy_n(problem.key.begin(), 32 * 16, problem.key.begin() + 64 * 16);
    std::copy_n(problem.value.begin(), 32 * 16, problem.value.begin() + 64 * 16);
    EXPECT_TRUE(within_bound(run(decode, pages, ifa::RightPadding{.lengths = lengths}), reference::attend(problem),
                             kTau, "paged"));
}

TEST(PagedKv, EntriesBeyondTheLengthAreNeverRead) {
    const Decode<float> decode(kSizes);
    auto pages = paged(decode, kLengths, 16, Layout::kBsh);
    const std::vector<float> expected = run(decode, pages, ifa::RightPadding{.lengths = kLengths});
    for (std::int32_t& entry : pages.table)
        if (entry == -1) entry = std::numeric_limits<std::int32_t>::max();
    EXPECT_EQ(run(decode, pages, ifa::RightPadding{.lengths = kLengths}), expected);
}

TEST(PagedKv, MasksAndBiasesAreIndexedByTheColumnOfTheTable) {
    const Decode<float> decode(kSizes);
    const auto pages = paged(decode, kLengths, 16, Layout::kBnsd);
    const Index columns = pages.columns() + 5;
    Random random(5);
    const std::vector<std::uint8_t> hidden = random.mask(size(3 * columns), 1, 4);
    const std::vector<float> bias = random.vector<float>(size(4 * columns));
    reference::Problem problem = decode.problem(kLengths);
    for (Index b = 0; b < 3; ++b)
        for (Index j = 0; j < 130; ++j) problem.hidden.push_back(hidden[size(b * columns + j)]);
    for (Index row = 0; row < 12; ++row)
        for (Index j = 0; j < 130; ++j) problem.bias.push_back(as_double(bias[size(row % 4 * columns + j)]));
    const auto out = run(decode, pages, ifa::RightPadding{.lengths = kLengths},
                         ifa::AttnMask{ifa::mask(hidden, {.batch = 3, .seq = columns})},
                         ifa::PseShift{ifa::bias(bias, {.batch = 1, .heads = 4, .seq = columns})});
    EXPECT_TRUE(within_bound(out, reference::attend(problem), kTau, "paged"));
}

TEST(PagedKv, KnowsItsExtents) {
    const Decode<float> decode(kSizes);
    const auto pages = paged(decode, kLengths, 16, Layout::kBsh);
    const ifa::PagedKv kv{pages.key.view(), pages.value.view(), pages.block_table()};
    EXPECT_EQ(kv.batch(), 3);
    EXPECT_EQ(kv.block_size(), 16);
    EXPECT_EQ(kv.columns(), 10 * 16);
    EXPECT_EQ(kv.length(1), 10 * 16);
}

TEST(PagedKv, GathersAcrossBlocks) {
    std::vector<float> pool(5 * 3 * 2 * 4);
    const Shape shape{.batch = 5, .heads = 2, .seq = 3, .head_dim = 4};
    const std::vector<std::int32_t> table{4, 0, 2};
    const ifa::PagedKv kv{ifa::bsh(pool, shape), ifa::bnsd(pool, shape), ifa::block_table(table, {.max_blocks = 3})};
    const float *keys[7], *values[7];
    kv.gather(0, 1, 2, 7, keys, values);
    for (Index i = 0; i < 7; ++i) {
        const Index column = 2 + i, block = table[size(column / 3)];
        EXPECT_EQ(keys[i], kv.key.row(block, 1, column % 3));
        EXPECT_EQ(values[i], kv.value.row(block, 1, column % 3));
    }
}

TEST(PagedKv, AnEmptyTableIsFineWhileEverySequenceIsEmpty) {
    const Decode<float> decode({.batch = 2, .heads = 2, .kv_heads = 1, .seq = 0, .key_dim = 16});
    const Shape pool{.batch = 0, .heads = 1, .seq = 16, .head_dim = 16};
    std::vector<float> out(64, 1.f);
    ifa::incre_flash_attention(
        ifa::bsh(decode.query, decode.sizes.query()),
        ifa::PagedKv{ifa::bsh(static_cast<float*>(nullptr), pool), ifa::bsh(static_cast<float*>(nullptr), pool),
                     ifa::block_table(static_cast<std::int32_t*>(nullptr), {.batch = 2, .max_blocks = 0})},
        ifa::bsh(out, decode.sizes.output()), {}, ifa::RightPadding{.lengths = 0});
    EXPECT_EQ(out, std::vector<float>(64, 0.f));
}

}  // namespace
