// int8 caches: what scales and offsets make of the stored integers, in every form of the parameters.
#include "ifa/quant/antiquant.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 700, .key_dim = 72, .value_dim = 40};

using Int8Decode = Decode<ifa::float16, std::int8_t>;

// A call over the int8 cache with `codec` and any policies.
template <class Codec, class... Policies>
std::vector<float> run(const Int8Decode& decode, const Codec& codec, const Policies&... policies) {
    auto all = operands<float>(decode, Layout::kBnsd);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    ifa::incre_flash_attention(all.query.view(), ifa::antiquant(kv, codec), all.out.view(), {.scale = decode.scale},
                               policies...);
    return all.out.dense();
}

template <class T>
void expect_both_precisions(const Int8Decode& decode, const Scales<T>& scales, bool with_offset, const auto& codec) {
    reference::Problem problem = decode.problem();
    dequantise(problem, scales, with_offset);
    const std::vector<reference::Row> exact = reference::attend(problem);
    EXPECT_TRUE(within_bound(run(decode, codec, ifa::HighPrecision{}), exact, kTau, "int8 cache, HighPrecision"));
    EXPECT_TRUE(within_bound(run(decode, codec), exact, kTauInt8HighPerformance, "int8 cache, HighPerformance"));
}

template <class T>
class AntiquantOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16>;
TYPED_TEST_SUITE(AntiquantOf, Elements);

TYPED_TEST(AntiquantOf, PerChannelWithAndWithoutOffset) {
    const Int8Decode decode(kSizes);
    const Scales<TypeParam> scales(kSizes.channels(), 3);
    expect_both_precisions(decode, scales, true, ifa::per_channel(scales.scale, scales.offset));
    expect_both_precisions(decode, scales, false, ifa::per_channel(scales.scale));
}

TYPED_TEST(AntiquantOf, PerTensorWithAndWithoutOffset) {
    const Int8Decode decode(kSizes);
    const Scales<TypeParam> scales(2, 3);
    expect_both_precisions(decode, scales, true, ifa::per_tensor(scales.scale, scales.offset));
    expect_both_precisions(decode, scales, false, ifa::per_tensor(scales.scale));
}

TEST(Antiquant, ParametersMayBePointers) {
    const Int8Decode decode(kSizes);
    const Scales<float> scales(kSizes.channels(), 3);
    EXPECT_EQ(run(decode, ifa::per_channel(scales.scale.data(), scales.offset.data())),
              run(decode, ifa::per_channel(scales.scale, scales.offset)));
}

TEST(Antiquant, AnOffsetOfZeroIsNoOffset) {
    const Int8Decode decode(kSizes);
    const Scales<float> scales(kSizes.channels(), 3, 0);
    EXPECT_EQ(run(decode, ifa::per_channel(scales.scale, scales.offset)), run(decode, ifa::per_channel(scales.scale)));
}

TEST(Antiquant, EveryKvHeadHasScalesOfItsOwn) {
    const Int8Decode decode({.batch = 1, .heads = 3, .kv_heads = 3, .seq = 40, .key_dim = 8});
    const Scales<float> scales(decode.sizes.channels(), 4);
    expect_both_precisions(decode, scales, true, ifa::per_channel(scales.scale, scales.offset));
}

TEST(Antiquant, PagesAndListsAreDequantisedAlike) {
    const Int8Decode decode(kSizes);
    const Scales<ifa::float16> scales(kSizes.channels(), 3);
    const auto codec = ifa::per_channel(scales.scale, scales.offset);
    const std::vector<Index> lengths{700, 333};
    reference::Problem problem = decode.problem(lengths);
    dequantise(problem, scales);
    const std::vector<reference::Row> exact = reference::attend(problem);
    const auto pages = paged(decode, lengths, 32, Layout::kBsh);
    const TensorList keys(decode.key, kSizes.key(), lengths, Layout::kBsh),
        values(decode.value, kSizes.value(), lengths, Layout::kBsh);
    std::vector<float> out(elements(kSizes.output()));
    const auto expect_right = [&](const auto& kv, const auto&... policies) {
        ifa::incre_flash_attention(ifa::bsh(decode.query, kSizes.query()), ifa::antiquant(kv, codec),
                                   ifa::bsh(out, kSizes.output()), {.scale = decode.scale}, ifa::HighPrecision{},
                                   policies...);
        EXPECT_TRUE(within_bound(out, exact, kTau, "int8 cache, HighPrecision"));
    };
    expect_right(ifa::PagedKv{pages.key.view(), pages.value.view(), pages.block_table()},
                 ifa::RightPadding{.lengths = lengths});
    expect_right(ifa::TensorListKv{keys.views, values.views});
}

// What a term that is not shift-invariant sees must contain the constant that folding leaves out.
TEST(Antiquant, ASoftCapSeesTheKeyOffset) {
    const Int8Decode decode(kSizes);
    const Scales<float> scales(kSizes.channels(), 3);
    reference::Problem problem = decode.problem();
    dequantise(problem, scales);
    problem.term = [](double s, std::size_t, std::size_t, std::size_t) { return 3 * std::tanh(s / 3); };
    const auto cap = [](const ifa::ScoreTile& tile) {
        for (float& x : tile.scores) x = 3 * std::tanh(x / 3);
    };
    const auto codec = ifa::per_channel(scales.scale, scales.offset);
    EXPECT_TRUE(within_bound(run(decode, codec, cap, ifa::HighPrecision{}), reference::attend(problem), kTau,
                             "int8 cache, soft cap"));
}

TEST(Antiquant, TheLogSumExpHoldsTheKeyOffset) {
    const Int8Decode decode(kSizes);
    const Scales<float> scales(kSizes.channels(), 3);
    reference::Problem problem = decode.problem();
    dequantise(problem, scales);
    const std::vector<reference::Row> exact = reference::attend(problem);
    auto all = operands<float>(decode);
    std::vector<float> log_sum_exp(exact.size());
    ifa::incre_flash_attention(all.query.view(),
                               ifa::antiquant(ifa::ContiguousKv{all.key.view(), all.value.view()},
                                              ifa::per_channel(scales.scale, scales.offset)),
                               ifa::keep_log_sum_exp(all.out.view(), ifa::bsh(log_sum_exp, {.batch = 2, .heads = 6})),
                               {.scale = decode.scale}, ifa::HighPrecision{});
    for (std::size_t i = 0; i < exact.size(); ++i)
        EXPECT_NEAR(static_cast<double>(log_sum_exp[i]), exact[i].log_sum_exp, 2e-7 * (8 + exact[i].magnitude));
}

TEST(Antiquant, StoresTheNearestIntegerTiesToEven) {
    // scale 1/2 and offset -3: x is stored as 2x + 3, and so is its dequantised value.
    const std::vector<float> scale{0.5f, 0.5f}, offset{-3.f, -3.f};
    const auto codec = ifa::per_tensor(scale, offset);
    const ifa::Geometry geometry{.batch = 1, .heads = 1, .kv_heads = 1, .key_dim = 9, .value_dim = 9};
    const std::vector<float> rows{0.f, 0.25f, 0.75f, -0.25f, -1.75f, 1e9f, -1e9f, 62.f, -65.5f};
    const std::vector<std::int8_t> expected{3, 4, 4, 2, 0, 127, -128, 127, -128};
    std::vector<std::int8_t> key(9), value(9);
    codec.encode_key(geometry, 0, rows.data(), key.data());
    codec.encode_value(geometry, 0, rows.data(), value.data());
    EXPECT_EQ(key, expected);
    EXPECT_EQ(value, expected);
}

TEST(Antiquant, FoldsInFloat64) {
    // Folding 300 * 60000 in float16 would overflow.
    const std::vector<ifa::float16> scale(2, static_cast<ifa::float16>(60000.f));
    const ifa::Geometry geometry{.batch = 1, .heads = 1, .kv_heads = 1, .key_dim = 1, .value_dim = 1};
    const float query = 300.f;
    double folded = 0;
    ifa::per_tensor(scale).fold_query(geometry, 0, 0.5, &query, &folded);
    EXPECT_EQ(folded, 0.5 * 300 * as_double(scale[0]));
}

}  // namespace
