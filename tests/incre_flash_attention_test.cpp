// The entry point: every type over every other, empty calls, and what `check` says of a call that is fine.
#include "ifa/incre_flash_attention.hpp"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 90, .key_dim = 33, .value_dim = 21};

template <class Types>
class Attention : public ::testing::Test {};
using float16 = ifa::float16;
using bfloat16 = ifa::bfloat16;
// Query, cache and output.
using AllTypes = ::testing::Types<std::tuple<float, float, float>, std::tuple<float, float16, bfloat16>,
                                  std::tuple<float, bfloat16, float16>, std::tuple<float16, float, float16>,
                                  std::tuple<float16, float16, float16>, std::tuple<float16, bfloat16, float>,
                                  std::tuple<bfloat16, float, bfloat16>, std::tuple<bfloat16, float16, float>,
                                  std::tuple<bfloat16, bfloat16, bfloat16>>;
TYPED_TEST_SUITE(Attention, AllTypes);

TYPED_TEST(Attention, TypesOfQueryCacheAndOutputAreIndependent) {
    using Query = std::tuple_element_t<0, TypeParam>;
    using Cache = std::tuple_element_t<1, TypeParam>;
    using Out = std::tuple_element_t<2, TypeParam>;
    const Decode<Query, Cache> decode(kSizes);
    auto all = operands<Out>(decode, Layout::kStrided);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    EXPECT_FALSE(ifa::check(all.query.view(), kv, all.out.view(), {.scale = decode.scale}));
    EXPECT_TRUE(all.out.untouched());
    ifa::incre_flash_attention(all.query.view(), kv, all.out.view(), {.scale = decode.scale});
    EXPECT_TRUE(within_bound(all.out.dense(), reference::attend(decode.problem()), kTau,
                             std::string(type_name<Cache>()) + " cache, " + type_name<Out>() + " output"));
    EXPECT_TRUE(all.out.surroundings_untouched());
}

TEST(IncreFlashAttention, AnEmptyBatchReturnsAtOnce) {
    const Shape none{.batch = 0, .heads = 4, .head_dim = 8};
    const auto nothing = ifa::bsh(static_cast<float*>(nullptr), none);
    EXPECT_NO_THROW(ifa::incre_flash_attention(nothing, ifa::ContiguousKv{nothing, nothing}, nothing));
    const std::vector<TensorView<const float>> list;
    EXPECT_NO_THROW(ifa::incre_flash_attention(nothing, ifa::TensorListKv{list, list}, nothing));
    const Shape pool{.batch = 3, .heads = 2, .seq = 16, .head_dim = 8};
    std::vector<float> blocks(elements(pool));
    const ifa::PagedKv pages{ifa::bsh(blocks, pool), ifa::bsh(blocks, pool),
                             ifa::block_table(static_cast<std::int32_t*>(nullptr), {.batch = 0, .max_blocks = 4})};
    EXPECT_NO_THROW(ifa::incre_flash_attention(nothing, pages, nothing, {}, ifa::RightPadding{.lengths = 7}));
}

TEST(IncreFlashAttention, ACacheOfNoTokensGivesZeros) {
    const Shape query{.batch = 2, .heads = 4, .head_dim = 8}, empty{.batch = 2, .heads = 2, .seq = 0, .head_dim = 8};
    const std::vector<float> q(64, 1.f);
    std::vector<float> out(64, 7.f);
    const auto nothing = ifa::bnsd(static_cast<const float*>(nullptr), empty);
    ifa::incre_flash_attention(ifa::bsh(q, query), ifa::ContiguousKv{nothing, nothing}, ifa::bsh(out, query));
    EXPECT_EQ(out, std::vector<float>(64, 0.f));
}

TEST(IncreFlashAttention, OptionsMayBeLeftOut) {
    const Decode<float> decode(kSizes);
    auto with = operands<float>(decode), without = operands<float>(decode);
    const ifa::ContiguousKv kv{with.key.view(), with.value.view()};
    ifa::incre_flash_attention(with.query.view(), kv, with.out.view(), {.scale = 1.0});
    ifa::incre_flash_attention(with.query.view(), kv, without.out.view());
    EXPECT_EQ(with.out.dense(), without.out.dense());
}

TEST(IncreFlashAttention, TheScaleMayBeNegativeOrZero) {
    Decode<float> decode(kSizes);
    for (const double scale : {-0.2, 0.0}) {
        decode.scale = scale;
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {.scale = scale});
        EXPECT_TRUE(within_bound(all.out.dense(), reference::attend(decode.problem()), kTau, "float32 cache")) << scale;
    }
}

TEST(IncreFlashAttention, ChunksOfAnyLengthAreRight) {
    const Decode<float> decode({.batch = 2, .heads = 4, .kv_heads = 2, .seq = 1000, .key_dim = 16});
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    for (const Index tiles : {1, 2, 8, 11, 1000}) {
        const Index chunk_tokens = tiles * ifa::kTileTokens;
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {.scale = decode.scale, .chunk_tokens = chunk_tokens});
        EXPECT_TRUE(within_bound(all.out.dense(), exact, kTau, "float32 cache")) << chunk_tokens;
    }
}

}  // namespace
