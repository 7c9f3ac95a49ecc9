// What inner_precise chooses: exact sums under large value offsets, or one unfolding at the end.
#include "ifa/precision.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

// Values that nearly cancel against their offset: x = (int8 + offset) * scale with int8 around -offset.
struct Cancelling {
    Cancelling(Index seq, int offset)
        : decode({.batch = 1, .heads = 2, .kv_heads = 1, .seq = seq, .key_dim = 16, .value_dim = 48}),
          scales(64, 3, 1) {
        Random random(5);
        for (std::int8_t& x : decode.value) x = static_cast<std::int8_t>(-offset + random.integer(-2, 2));
        for (float& x : scales.offset) x = static_cast<float>(offset) + 0.25f;
    }

    template <class Precision>
    std::vector<float> run(const Precision& precision) const {
        auto all = operands<float>(decode);
        const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
        ifa::incre_flash_attention(all.query.view(), ifa::antiquant(kv, ifa::per_channel(scales.scale, scales.offset)),
                                   all.out.view(), {.scale = decode.scale}, precision);
        return all.out.dense();
    }
    std::vector<reference::Row> exact() const {
        reference::Problem problem = decode.problem();
        dequantise(problem, scales);
        return reference::attend(problem);
    }

    Decode<float, std::int8_t> decode;
    Scales<float> scales;
};

TEST(Precision, HighPrecisionHoldsUnderOffsetsThatCancel) {
    for (const int offset : {16, 30, 70, 126})
        for (const Index seq : {100, 4096}) {
            const Cancelling data(seq, offset);
            const std::vector<reference::Row> exact = data.exact();
            for (const reference::Row& row : exact) EXPECT_LT(row.absolute_norm, 0.2);
            EXPECT_TRUE(
                within_bound(data.run(ifa::HighPrecision{}), exact, kTau, "int8 cache, HighPrecision, large offsets"))
                << offset << ' ' << seq;
        }
}

TEST(Precision, HighPerformanceHoldsUnderModerateOffsets) {
    const Cancelling data(4096, 16);
    EXPECT_TRUE(within_bound(data.run(ifa::HighPerformance{}), data.exact(), kTauInt8HighPerformance,
                             "int8 cache, HighPerformance, large offsets"));
}

TEST(Precision, HighPerformanceIsTheDefault) {
    const Cancelling data(100, 70);
    auto all = operands<float>(data.decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    ifa::incre_flash_attention(all.query.view(),
                               ifa::antiquant(kv, ifa::per_channel(data.scales.scale, data.scales.offset)),
                               all.out.view(), {.scale = data.decode.scale});
    EXPECT_EQ(all.out.dense(), data.run(ifa::HighPerformance{}));
}

TEST(Precision, ChangesNothingOverFloatCaches) {
    const Decode<float, ifa::float16> decode({.batch = 1, .heads = 2, .kv_heads = 1, .seq = 100, .key_dim = 16});
    auto high = operands<float>(decode), fast = operands<float>(decode);
    const ifa::ContiguousKv kv{high.key.view(), high.value.view()};
    ifa::incre_flash_attention(high.query.view(), kv, high.out.view(), {.scale = decode.scale}, ifa::HighPrecision{});
    ifa::incre_flash_attention(high.query.view(), kv, fast.out.view(), {.scale = decode.scale}, ifa::HighPerformance{});
    EXPECT_EQ(high.out.dense(), fast.out.dense());
}

// Two tokens, the second `difference` below the first, whose value is zero: the row is all the second's.
template <class Cache, class Precision>
void expect_small_weight_within_bound(float difference, const Precision& precision, double tau) {
    Decode<float, Cache> decode({.seq = 2, .key_dim = 4, .value_dim = 1});
    decode.value = {static_cast<Cache>(0), static_cast<Cache>(100)};
    const std::vector<float> bias{0, -difference}, scale{1, 1};
    auto all = operands<float>(decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    const auto attend = [&](const auto& storage) {
        ifa::incre_flash_attention(all.query.view(), storage, all.out.view(), {.scale = 0}, precision,
                                   ifa::PseShift{ifa::bias(bias, {.seq = 2})});
    };
    if constexpr (std::is_same_v<Cache, std::int8_t>) attend(ifa::antiquant(kv, ifa::per_tensor(scale)));
    else attend(kv);
    reference::Problem problem = decode.problem();
    problem.scale = 0;
    problem.bias = as_doubles(bias);
    EXPECT_TRUE(within_bound(all.out.dense(), reference::attend(problem), tau, "small weights")) << difference;
}

TEST(Precision, WhatIsLostOfWeightsTooSmallToBeHeldIsWithinTheBound) {
    for (const float difference : {1.f, 9.f, 11.f, 12.f, 40.f, 86.f, 88.f, 103.f, 140.f}) {
        expect_small_weight_within_bound<float>(difference, ifa::HighPrecision{}, kTau);
        expect_small_weight_within_bound<std::int8_t>(difference, ifa::HighPrecision{}, kTau);
        expect_small_weight_within_bound<std::int8_t>(difference, ifa::HighPerformance{}, kTauInt8HighPerformance);
    }
}

}  // namespace
