// Scales and offsets found from typical rows bring those rows back.
#include "ifa/calibrator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ifa/ifa.hpp"
#include "support/decode.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 4, .kv_heads = 2, .seq = 200, .key_dim = 24, .value_dim = 16};

// Typical rows: some channels 20 times as large, some only positive, some always zero, some constant.
Decode<float> typical() {
    Decode<float> decode(kSizes);
    const auto shape = [](std::vector<float>& rows, std::size_t dim) {
        for (std::size_t i = 0; i < rows.size(); ++i) switch (i % dim) {
                case 3: rows[i] *= 20; break;
                case 5: rows[i] = std::abs(rows[i]) + 4; break;
                case 7: rows[i] = 0; break;
                case 9: rows[i] = -2.5f; break;
                case 11: rows[i] = -std::abs(rows[i]); break;
                default: break;
            }
    };
    shape(decode.key, 24), shape(decode.value, 16);
    return decode;
}

template <class T>
struct Calibrated {
    explicit Calibrated(const Decode<float>& decode, float headroom = 0.f) {
        ifa::Calibrator calibrator(kSizes.kv_heads, kSizes.key_dim, kSizes.output_dim());
        calibrator.observe(ifa::bnsd(decode.key, kSizes.key()), ifa::bnsd(decode.value, kSizes.value()));
        scale.resize(size(calibrator.channels())), offset.resize(scale.size());
        calibrator.write(scale, offset, headroom);
    }
    auto codec() const { return ifa::per_channel(scale, offset); }
    double dequantised(std::int8_t x, std::size_t channel) const {
        return (as_double(x) + as_double(offset[channel])) * as_double(scale[channel]);
    }

    std::vector<T> scale, offset;
};

// The cache of `decode`, quantised.
struct Quantised {
    template <class T>
    Quantised(const Decode<float>& decode, const Calibrated<T>& calibrated)
        : key(kSizes.key(), Layout::kBnsd), value(kSizes.value(), Layout::kBnsd) {
        ifa::append(ifa::antiquant(ifa::ContiguousKv{key.view(), value.view()}, calibrated.codec()),
                    ifa::bnsd(decode.key, kSizes.key()), ifa::bnsd(decode.value, kSizes.value()), 0);
    }

    Tensor<std::int8_t> key, value;
};

// Calls visit(x, stored, channel) for every element of key and value.
template <class Visit>
void each_element(const Decode<float>& decode, const Quantised& quantised, const Visit& visit) {
    const auto walk = [&](const std::vector<float>& rows, const std::vector<std::int8_t>& stored, std::size_t dim,
                          std::size_t channel_0) {
        for (std::size_t i = 0; i < rows.size(); ++i)
            visit(as_double(rows[i]), stored[i], channel_0 + i / (dim * 200) % 2 * dim + i % dim);
    };
    walk(decode.key, quantised.key.dense(), 24, 0);
    walk(decode.value, quantised.value.dense(), 16, 48);
}

// Half a step, and what rounding a scale to T does to 255 steps.
template <class T>
constexpr double kSteps = 0.5 + 255 * (std::is_same_v<T, float>          ? 0x1p-23
                                       : std::is_same_v<T, ifa::float16> ? 0x1p-11
                                                                         : 0x1p-8);

template <class T>
class CalibratorOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16>;
TYPED_TEST_SUITE(CalibratorOf, Elements);

TYPED_TEST(CalibratorOf, WhatWasObservedComesBackWithinHalfAStep) {
    const Decode<float> decode = typical();
    const Calibrated<TypeParam> calibrated(decode);
    each_element(decode, Quantised(decode, calibrated), [&](double x, std::int8_t stored, std::size_t channel) {
        ASSERT_NEAR(calibrated.dequantised(stored, channel), x,
                    kSteps<TypeParam> * as_double(calibrated.scale[channel]) + 1e-6)
            << channel;
    });
}

TYPED_TEST(CalibratorOf, ZeroComesBackAsZeroAndOffsetsAreWhole) {
    const Decode<float> decode = typical();
    const Calibrated<TypeParam> calibrated(decode);
    for (std::size_t channel = 0; channel < calibrated.scale.size(); ++channel) {
        const double offset = as_double(calibrated.offset[channel]);
        EXPECT_EQ(offset, std::nearbyint(offset));
        EXPECT_GE(-offset, -128);
        EXPECT_LE(-offset, 127);
    }
    each_element(decode, Quantised(decode, calibrated), [&](double x, std::int8_t stored, std::size_t channel) {
        if (x == 0) {
            EXPECT_EQ(calibrated.dequantised(stored, channel), 0);
        }
    });
}

TEST(Calibrator, OneStepIsA255thOfTheRange) {
    std::vector<float> rows{-1.f, 4.1f, 0.f, 1.55f, 1.f, 0.f}, scale(6), offset(6);
    ifa::Calibrator calibrator(1, 3, 3);
    const auto view = ifa::bnsd(rows, {.seq = 2, .head_dim = 3});
    calibrator.observe(view, view);
    calibrator.write(scale, offset);
    EXPECT_FLOAT_EQ(scale[0], 2.55f / 255);
    EXPECT_FLOAT_EQ(scale[1], 4.1f / 255);
    EXPECT_EQ(scale[2], 1.f);
    EXPECT_EQ(offset[0], -100.f + 128);
    EXPECT_EQ(offset[1], 128.f);
}

TEST(Calibrator, RangesGrowOverObservations) {
    const Decode<float> decode = typical();
    ifa::Calibrator at_once(2, 24, 16), bit_by_bit(2, 24, 16);
    at_once.observe(ifa::bnsd(decode.key, kSizes.key()), ifa::bnsd(decode.value, kSizes.value()));
    for (Index t = 0; t < 200; ++t) {
        const auto row = [&](const auto& rows, Index dim) {
            return ifa::strided(rows.data() + t * dim, {.batch = 2, .heads = 2, .seq = 1, .head_dim = dim},
                                {400 * dim, 200 * dim, dim});
        };
        bit_by_bit.observe(row(decode.key, 24), row(decode.value, 16));
    }
    std::vector<float> scale_1(80), offset_1(80), scale_2(80), offset_2(80);
    at_once.write(scale_1, offset_1), bit_by_bit.write(scale_2, offset_2);
    EXPECT_EQ(scale_1, scale_2);
    EXPECT_EQ(offset_1, offset_2);
}

TEST(Calibrator, ACopyHasTheRangesSoFarAndThenItsOwn) {
    const std::vector<float> small{-1.f, 1.f}, large{-40.f, 40.f};
    const ifa::Shape shape{.seq = 2, .head_dim = 1};
    const auto scale_of = [](const ifa::Calibrator& calibrator) {
        std::vector<float> scale(2), offset(2);
        calibrator.write(scale, offset);
        return scale[0];
    };
    ifa::Calibrator first(1, 1, 1);
    first.observe(ifa::bnsd(small, shape), ifa::bnsd(small, shape));
    ifa::Calibrator second(first);
    EXPECT_EQ(scale_of(second), scale_of(first));
    second.observe(ifa::bnsd(large, shape), ifa::bnsd(large, shape));
    EXPECT_FLOAT_EQ(scale_of(first), 2.f / 255);
    EXPECT_FLOAT_EQ(scale_of(second), 80.f / 255);
}

TEST(Calibrator, HeadroomLetsLargerRowsComeBack) {
    const Decode<float> decode = typical();
    Decode<float> larger = decode;
    for (float& x : larger.key) x *= 1.25f;
    for (float& x : larger.value) x *= 1.25f;
    const auto worst_steps = [&](const Calibrated<float>& calibrated) {
        double worst = 0;
        each_element(larger, Quantised(larger, calibrated), [&](double x, std::int8_t stored, std::size_t channel) {
            worst = std::max(
                worst, std::abs(calibrated.dequantised(stored, channel) - x) / as_double(calibrated.scale[channel]));
        });
        return worst;
    };
    EXPECT_GT(worst_steps(Calibrated<float>(decode)), 10);
    EXPECT_LT(worst_steps(Calibrated<float>(decode, 0.25f)), 0.51);
}

TEST(Calibrator, ACalibratedCacheAttendsLikeTheOneItCameFrom) {
    const Decode<float> decode = typical();
    const Calibrated<ifa::float16> calibrated(decode);
    const Quantised cache(decode, calibrated);
    reference::Problem problem = decode.problem();
    problem.key = as_doubles(cache.key.dense()), problem.value = as_doubles(cache.value.dense());
    dequantise(problem, as_doubles(calibrated.scale), as_doubles(calibrated.offset));
    std::vector<float> out(elements(kSizes.output()));
    ifa::incre_flash_attention(
        ifa::bsh(decode.query, kSizes.query()),
        ifa::antiquant(ifa::ContiguousKv{cache.key.view(), cache.value.view()}, calibrated.codec()),
        ifa::bsh(out, kSizes.output()), {.scale = decode.scale}, ifa::HighPrecision{});
    // Offsets of lopsided channels are far beyond 16: not standard data.
    const std::vector<reference::Row> stored = reference::attend(problem);
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    for (std::size_t row = 0; row < exact.size(); ++row) {
        const std::vector<double> got(out.begin() + static_cast<std::ptrdiff_t>(row * 16),
                                      out.begin() + static_cast<std::ptrdiff_t>(row * 16 + 16));
        EXPECT_LT(reference::distance(got, stored[row].values), general_bound(stored[row], kTau));
        EXPECT_LT(reference::distance(got, exact[row].values), 0.05 * reference::norm(exact[row].values));
    }
}

TEST(Calibrator, RefusesRowsAndRangesOfAnotherShape) {
    using enum ifa::ErrorKind;
    static const std::vector<float> rows(1000);
    const auto observe = [](const Shape& key, const Shape& value) {
        return [=] {
            ifa::Calibrator calibrator(2, 24, 16);
            return thrown_by([&] { calibrator.observe(ifa::bnsd(rows, key), ifa::bnsd(rows, value)); });
        };
    };
    const auto write = [](std::size_t scales, std::size_t offsets) {
        return [=] {
            std::vector<float> scale(scales), offset(offsets);
            return thrown_by([&] { ifa::Calibrator(2, 24, 16).write(scale, offset); });
        };
    };
    const Shape key{.heads = 2, .head_dim = 24}, value{.heads = 2, .head_dim = 16};
    const BadInput table[] = {
        {"heads", kRuntime, "key", "2 heads of dimension 24", "got 1 of 24",
         observe({.heads = 1, .head_dim = 24}, value)},
        {"dimension", kRuntime, "value", "2 heads of dimension 16", "got 2 of 17",
         observe(key, {.heads = 2, .head_dim = 17})},
        {"short", kRuntime, "key", "at least 1440 elements", "got 1000",
         observe({.batch = 30, .heads = 2, .head_dim = 24}, value)},
        {"scales", kRuntime, "scale", "80 elements", "got 79", write(79, 80)},
        {"offsets", kRuntime, "offset", "80 elements", "got 81", write(80, 81)},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

}  // namespace
