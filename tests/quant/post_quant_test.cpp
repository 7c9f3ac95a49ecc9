// int8 outputs: rounding, saturation, and the quantised zero, per tensor and per channel.
#include "ifa/quant/post_quant.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 300, .key_dim = 24, .value_dim = 37};
constexpr std::size_t kChannels = 6 * 37;

// Quantised by `quant` in a tensor of any layout.
template <class Query, class Cache, class Quant>
std::vector<std::int8_t> run(const Decode<Query, Cache>& decode, Layout layout, const Quant& quant,
                             const auto&... policies) {
    auto all = operands<std::int8_t>(decode, layout);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                               ifa::post_quant(all.out.view(), quant), {.scale = decode.scale}, policies...);
    EXPECT_TRUE(all.out.surroundings_untouched());
    return all.out.dense();
}

Parameter constant(double value) {
    return [value](std::size_t) { return value; };
}
Parameter per_channel(const std::vector<float>& values) {
    return [&values](std::size_t i) { return as_double(values[i % kChannels]); };
}

TEST(PostQuant, OneScaleAndOffsetForTheTensor) {
    const Decode<ifa::float16> decode(kSizes);
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    for (const Layout layout : kLayouts)
        EXPECT_TRUE(within_step(run(decode, layout, ifa::QuantPerTensor{.scale = 90.f, .offset = 3.25f}), exact, kTau,
                                constant(90), constant(3.25)));
}

TEST(PostQuant, OneScaleAndOffsetPerHeadAndChannel) {
    const Decode<ifa::bfloat16> decode(kSizes);
    const std::vector<float> scale = Random(1).vector<float>(kChannels, {.spread = 16.f, .mean = 90.f});
    const std::vector<float> offset = Random(2).vector<float>(kChannels, {.spread = 8.f});
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    EXPECT_TRUE(within_step(run(decode, Layout::kBsh, ifa::QuantPerChannel{.scale = scale, .offset = offset}), exact,
                            kTau, per_channel(scale), per_channel(offset)));
    EXPECT_TRUE(within_step(run(decode, Layout::kBnsd, ifa::QuantPerChannel{.scale = scale}), exact, kTau,
                            per_channel(scale), constant(0)));
}

TEST(PostQuant, ServesInt8CachesToo) {
    const Decode<ifa::float16, std::int8_t> decode(kSizes);
    const Scales<ifa::float16> scales(kSizes.channels(), 3);
    reference::Problem problem = decode.problem();
    dequantise(problem, scales);
    auto all = operands<std::int8_t>(decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    ifa::incre_flash_attention(all.query.view(), ifa::antiquant(kv, ifa::per_channel(scales.scale, scales.offset)),
                               ifa::post_quant(all.out.view(), {.scale = 40.f}), {.scale = decode.scale},
                               ifa::HighPrecision{});
    EXPECT_TRUE(within_step(all.out.dense(), reference::attend(problem), kTau, constant(40), constant(0)));
}

// One key: the output is its value, exactly.
Decode<float> one_key(const std::vector<float>& values) {
    Decode<float> decode({.key_dim = 4, .value_dim = static_cast<Index>(values.size())});
    decode.value = values;
    return decode;
}

TEST(PostQuant, TiesGoToEven) {
    const auto out = run(one_key({0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -127.5f, 3.49f}), Layout::kBsh,
                         ifa::QuantPerTensor{.scale = 1.f});
    EXPECT_EQ(out, (std::vector<std::int8_t>{0, 2, 2, 0, -2, -2, 126, -128, 3}));
}

TEST(PostQuant, WhatDoesNotFitSaturates) {
    const auto out = run(one_key({127.4f, 127.5f, 1e30f, -128.5f, -1e30f, 3e38f, -3e38f, 0.f}), Layout::kBsh,
                         ifa::QuantPerTensor{.scale = 100.f});
    EXPECT_EQ(out, (std::vector<std::int8_t>{127, 127, 127, -128, -128, 127, -128, 0}));
}

TEST(PostQuant, TheScaleMayBeNegative) {
    EXPECT_EQ(run(one_key({1.f, -2.f}), Layout::kBsh, ifa::QuantPerTensor{.scale = -10.f, .offset = 1.f}),
              (std::vector<std::int8_t>{-9, 21}));
}

TEST(PostQuant, ARowWithNothingVisibleIsTheQuantisedZero) {
    const Decode<float> decode(kSizes);
    for (const auto& [offset, zero] : {std::pair{3.5f, 4}, {2.5f, 2}, {-7.f, -7}, {500.f, 127}, {-500.f, -128}}) {
        const auto out = run(decode, Layout::kBsh, ifa::QuantPerTensor{.scale = 90.f, .offset = offset},
                             ifa::RightPadding{.lengths = 0});
        EXPECT_EQ(out, std::vector<std::int8_t>(2 * kChannels, static_cast<std::int8_t>(zero)));
    }
}

TEST(PostQuant, ARowWithNothingVisibleIsTheQuantisedZeroOfEachChannel) {
    const std::vector<float> scale(kChannels, 2.f), offset = Random(2).vector<float>(kChannels, {.spread = 64.f});
    const std::vector<std::uint8_t> hidden(300, 1);
    const auto out = run(Decode<float>(kSizes), Layout::kBsh, ifa::QuantPerChannel{.scale = scale, .offset = offset},
                         ifa::AttnMask{ifa::mask(hidden, {.seq = 300})});
    for (std::size_t i = 0; i < out.size(); ++i) {
        const float rounded = std::min(std::max(std::nearbyint(offset[i % kChannels]), -128.f), 127.f);
        EXPECT_EQ(static_cast<float>(out[i]), rounded) << i;
    }
}

TEST(PostQuant, ParametersMayNotLieInTheOutput) {
    const Decode<float> decode(kSizes);
    const auto all = operands<std::int8_t>(decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    std::vector<float> shared(kChannels, 1.f);
    const std::vector<float> apart(kChannels, 1.f);
    const auto out = ifa::bsh(reinterpret_cast<std::int8_t*>(shared.data()), kSizes.output());
    const auto message = [&](const ifa::QuantPerChannel& quant) {
        const ifa::CheckResult error = ifa::check(all.query.view(), kv, ifa::post_quant(out, quant));
        return std::string(error ? error->message : "nothing");
    };
    const std::string overlap = "attention_out: expected memory apart from every input, got an overlap with ";
    EXPECT_EQ(message({.scale = shared}), overlap + "quant_scale2");
    EXPECT_EQ(message({.scale = apart, .offset = shared}), overlap + "quant_offset2");
}

TEST(PostQuant, TheLogSumExpMayBeKeptBesideIt) {
    const Decode<float> decode(kSizes);
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    auto all = operands<std::int8_t>(decode);
    std::vector<float> log_sum_exp(12);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                               ifa::keep_log_sum_exp(ifa::post_quant(all.out.view(), {.scale = 90.f}),
                                                     ifa::bsh(log_sum_exp, {.batch = 2, .heads = 6})),
                               {.scale = decode.scale});
    EXPECT_TRUE(within_step(all.out.dense(), exact, kTau, constant(90), constant(0)));
    for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(static_cast<double>(log_sum_exp[i]), exact[i].log_sum_exp, 2e-6);
}

}  // namespace
