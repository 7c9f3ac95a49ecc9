// The operations of one instruction set against their scalar definitions. Each including unit names its suite.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "ifa/simd/simd.hpp"
#include "support/accuracy.hpp"
#include "support/random.hpp"
#include "support/rounding.hpp"

namespace {

namespace simd = ifa::simd;
using namespace support;
using ifa::bfloat16;
using ifa::float16;
using ifa::Index;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> lanes(simd::Float x) {
    std::vector<float> out(simd::kLanes);
    simd::store(out.data(), x);
    return out;
}

TEST(SIMD_SUITE, VectorsAreThoseOfTheNamedInstructionSet) {
    const std::string isa = ifa::isa();
    EXPECT_EQ(simd::kLanes, isa == "avx512" ? 16 : isa == "avx2" ? 8 : 4);
}

template <class T>
void expect_every_pattern_loads_exactly() {
    for (std::uint32_t first = 0; first < 0x10000; first += simd::kLanes) {
        T elements[simd::kLanes];
        for (int i = 0; i < simd::kLanes; ++i)
            elements[i] = element_of<T>(static_cast<std::uint16_t>(first + static_cast<std::uint32_t>(i)));
        const std::vector<float> loaded = lanes(simd::load(elements));
        for (int i = 0; i < simd::kLanes; ++i) {
            const std::uint16_t pattern = pattern_of(elements[i]);
            ASSERT_PRED2(same, static_cast<double>(loaded[static_cast<std::size_t>(i)]), kFormat<T>.decode(pattern))
                << std::hex << pattern;
        }
    }
}

TEST(SIMD_SUITE, EveryFloat16LoadsExactly) {
    expect_every_pattern_loads_exactly<float16>();
}
TEST(SIMD_SUITE, EveryBfloat16LoadsExactly) {
    expect_every_pattern_loads_exactly<bfloat16>();
}

TEST(SIMD_SUITE, EveryInt8LoadsExactly) {
    for (int first = -128; first < 128; first += simd::kLanes) {
        std::int8_t elements[simd::kLanes];
        for (int i = 0; i < simd::kLanes; ++i) elements[i] = static_cast<std::int8_t>(first + i);
        const std::vector<float> loaded = lanes(simd::load(elements));
        for (int i = 0; i < simd::kLanes; ++i)
            EXPECT_EQ(loaded[static_cast<std::size_t>(i)], static_cast<float>(first + i));
    }
}

template <class T>
void expect_rounds(const float (&numbers)[simd::kLanes]) {
    T stored[simd::kLanes];
    simd::store(stored, simd::load(numbers));
    for (int i = 0; i < simd::kLanes; ++i)
        ASSERT_PRED2(same, kFormat<T>.decode(pattern_of(stored[i])), kFormat<T>.round(double{numbers[i]}))
            << numbers[i];
}

template <class T>
void expect_rounds_to_nearest_even() {
    std::vector<float> ties = numbers_around_ties<T>();
    ties.insert(ties.end(), {kInf, -kInf});
    for (std::size_t first = 0; first + simd::kLanes <= ties.size(); ++first) {
        float numbers[simd::kLanes];
        std::memcpy(numbers, &ties[first], sizeof(numbers));
        expect_rounds<T>(numbers);
    }
    support::Random random(3);
    for (int round = 0; round < 100000; ++round) {
        float numbers[simd::kLanes];
        for (float& x : numbers) {
            const auto bits = static_cast<std::uint32_t>(random.bits());
            std::memcpy(&x, &bits, sizeof(x));
        }
        expect_rounds<T>(numbers);
    }
}

TEST(SIMD_SUITE, StoringFloat16RoundsToNearestEven) {
    expect_rounds_to_nearest_even<float16>();
}
TEST(SIMD_SUITE, StoringBfloat16RoundsToNearestEven) {
    expect_rounds_to_nearest_even<bfloat16>();
}

TEST(SIMD_SUITE, ANanStaysANanWhereverItsPayloadLies) {
    for (const std::uint32_t payload : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xff80ffffu}) {
        float x;
        std::memcpy(&x, &payload, sizeof(x));
        float16 half[simd::kLanes];
        bfloat16 brain[simd::kLanes];
        simd::store(half, simd::set(x));
        simd::store(brain, simd::set(x));
        for (int i = 0; i < simd::kLanes; ++i) {
            EXPECT_TRUE(std::isnan(static_cast<float>(half[i]))) << std::hex << payload;
            EXPECT_TRUE(std::isnan(static_cast<float>(brain[i]))) << std::hex << payload;
        }
    }
}

TEST(SIMD_SUITE, StoringInt8RoundsTiesToEvenAndSaturates) {
    std::vector<float> numbers{kInf, -kInf, 1e30f, -1e30f, 0x1p31f, -0x1p31f, 2147483520.f, 1e10f};
    for (int quarter = -600; quarter <= 600; ++quarter) {
        const float x = static_cast<float>(quarter) / 4;
        for (const float y : {x, std::nextafterf(x, kInf), std::nextafterf(x, -kInf)}) numbers.push_back(y);
    }
    for (const float x : numbers) {
        std::int8_t stored[simd::kLanes];
        simd::store(stored, simd::set(x));
        for (const std::int8_t y : stored) EXPECT_EQ(static_cast<double>(y), rounded_int8(double{x})) << x;
    }
}

template <class T>
void expect_partial_stays_within(const T& guard) {
    for (Index count = 1; count < simd::kLanes; ++count) {
        std::vector<T> source(static_cast<std::size_t>(count), static_cast<T>(3.f));
        const std::vector<float> loaded = lanes(simd::load_partial(source.data(), count));
        for (Index i = 0; i < simd::kLanes; ++i) EXPECT_EQ(loaded[static_cast<std::size_t>(i)], i < count ? 3.f : 0.f);

        std::vector<T> target(2 * simd::kLanes, guard);
        simd::store_partial(target.data() + 2, simd::set(5.f), count);
        for (Index i = 0; i < 2 * simd::kLanes; ++i) {
            const bool inside = i >= 2 && i < 2 + count;
            const T expected = inside ? static_cast<T>(5.f) : guard;
            EXPECT_EQ(std::memcmp(&target[static_cast<std::size_t>(i)], &expected, sizeof(T)), 0) << count << ' ' << i;
        }
    }
}

TEST(SIMD_SUITE, PartialLoadsAndStoresTouchNothingBeyondTheirCount) {
    expect_partial_stays_within<float>(kNan);
    expect_partial_stays_within<float16>(element_of<float16>(0xffff));
    expect_partial_stays_within<bfloat16>(element_of<bfloat16>(0xffff));
    expect_partial_stays_within<std::int8_t>(85);
}

TEST(SIMD_SUITE, ExpIsExactAtItsEnds) {
    for (const float x : {0.f, -0.f}) EXPECT_EQ(lanes(simd::exp(simd::set(x))), std::vector<float>(simd::kLanes, 1.f));
    for (const float x : {-kInf, std::numeric_limits<float>::lowest(), -1e6f, -88.f, std::nextafterf(-87.f, -kInf)})
        EXPECT_EQ(lanes(simd::exp(simd::set(x))), std::vector<float>(simd::kLanes, 0.f)) << x;
}

TEST(SIMD_SUITE, ExpKeepsANan) {
    EXPECT_TRUE(std::isnan(simd::first(simd::exp(simd::set(kNan)))));
}

TEST(SIMD_SUITE, ExpIsWithinItsRelativeErrorAndNeverAboveOne) {
    constexpr double kAllowed = 1e-7;
    double worst = 0;
    constexpr int kSteps = 1 << 21;
    for (int step = 0; step <= kSteps; ++step) {
        const float x = -87.f * (static_cast<float>(step) / kSteps);
        const float got = simd::first(simd::exp(simd::set(x)));
        ASSERT_LE(got, 1.f) << x;
        const double exact = std::exp(double{x});
        worst = std::max(worst, std::abs(double{got} - exact) / exact / kAllowed);
    }
    support::worst_ratios.note("exp, of its relative error", worst);
    EXPECT_LT(worst, 1);
}

// A vector of different numbers, so that a lane out of place shows.
simd::Float ladder(float first, float step) {
    float numbers[simd::kLanes];
    for (int i = 0; i < simd::kLanes; ++i) numbers[i] = first + step * static_cast<float>(i);
    return simd::load(numbers);
}

TEST(SIMD_SUITE, ArithmeticIsLaneByLane) {
    const simd::Float a = ladder(3, 1), b = ladder(8, -2), c = ladder(-1, 0.5f);
    for (int i = 0; i < simd::kLanes; ++i) {
        const auto lane = static_cast<std::size_t>(i);
        const float x = lanes(a)[lane], y = lanes(b)[lane], z = lanes(c)[lane];
        EXPECT_EQ(lanes(simd::add(a, b))[lane], x + y);
        EXPECT_EQ(lanes(simd::sub(a, b))[lane], x - y);
        EXPECT_EQ(lanes(simd::mul(a, b))[lane], x * y);
        EXPECT_EQ(lanes(simd::div(b, a))[lane], y / x);
        EXPECT_EQ(lanes(simd::fma(a, b, c))[lane], x * y + z);
        EXPECT_EQ(lanes(simd::max(a, b))[lane], std::max(x, y));
    }
    EXPECT_EQ(simd::first(a), 3.f);
}

TEST(SIMD_SUITE, MaxTakesTheSecondWhereEitherIsNan) {
    EXPECT_EQ(simd::first(simd::max(simd::set(kNan), simd::set(2.f))), 2.f);
    EXPECT_TRUE(std::isnan(simd::first(simd::max(simd::set(2.f), simd::set(kNan)))));
}

TEST(SIMD_SUITE, RoundingIsToTheNearestEven) {
    for (const float x : {0.f, 0.5f, 1.5f, 2.5f, 2.50001f, 32766.5f, 0.49999997f})
        EXPECT_EQ(simd::first(simd::round(simd::set(x))), std::nearbyint(x)) << x;
}

TEST(SIMD_SUITE, DoublesAreScaledBeforeTheyAreRounded) {
    double numbers[simd::kLanes];
    float scaled[simd::kLanes];
    for (int i = 0; i < simd::kLanes; ++i) numbers[i] = (i % 2 ? -1e-50 : 1e60) / (i + 3);
    for (const double factor : {0x1p-190, 0x1p160, 0.1}) {
        simd::store(scaled, simd::load_scaled(numbers, factor));
        for (int i = 0; i < simd::kLanes; ++i) EXPECT_EQ(scaled[i], static_cast<float>(numbers[i] * factor)) << factor;
    }
}

TEST(SIMD_SUITE, HiddenLanesAreMinusInfinity) {
    for (const std::uint64_t hidden : {0x0ull, 0x1ull, 0xa5a5ull, 0xffffull, 0xdeadbeef1234ull}) {
        const std::vector<float> before = lanes(ladder(1, 2)), after = lanes(simd::hide(ladder(1, 2), hidden));
        for (std::size_t i = 0; i < simd::kLanes; ++i)
            EXPECT_EQ(after[i], hidden >> i & 1 ? -kInf : before[i]) << hidden << ' ' << i;
    }
}

TEST(SIMD_SUITE, LanesMoveTogetherAndApart) {
    for (std::uint64_t bits = 0; bits < 0x10000; ++bits) {
        const std::vector<float> before = lanes(ladder(1, 2)), together = lanes(simd::compress(ladder(1, 2), bits));
        const std::vector<float> apart = lanes(simd::expand(ladder(1, 2), bits));
        std::size_t turn = 0;
        for (std::size_t i = 0; i < simd::kLanes; ++i) {
            if (!(bits >> i & 1)) continue;
            ASSERT_EQ(together[turn], before[i]) << bits << ' ' << i;
            ASSERT_EQ(apart[i], before[turn++]) << bits << ' ' << i;
        }
    }
}

// The reductions of kLanes vectors at once.
template <simd::Combine combine, class RowOf>
std::vector<float> reduced(const RowOf& row) {
    simd::Float quads[simd::kLanes / 4];
    for (int i = 0; i < simd::kLanes; i += 4)
        quads[i / 4] = simd::reduce_quad<combine>(row(i), row(i + 1), row(i + 2), row(i + 3));
    return lanes(simd::reduce_quads<combine>(quads));
}

TEST(SIMD_SUITE, ReductionsGoByOneTreeInEveryPlace) {
    const simd::Float same = ladder(0.1f, 1.3f);
    const std::vector<float> sums = reduced<simd::add>([&](int) { return same; });
    for (const float sum : sums) EXPECT_EQ(sum, sums[0]);
    for (int at = 0; at < simd::kLanes; ++at)  // whatever the neighbours are
        EXPECT_EQ(
            reduced<simd::add>([&](int i) { return i == at ? same : ladder(-7, 1e3f); })[static_cast<std::size_t>(at)],
            sums[0])
            << at;
}

TEST(SIMD_SUITE, ReductionsSeeEveryLaneOfTheirOwn) {
    for (int at = 0; at < simd::kLanes; ++at) {
        float numbers[simd::kLanes];
        for (float& x : numbers) x = -kInf;
        numbers[at] = -7;
        const simd::Float row = simd::load(numbers);
        const auto in_turn = [&](int i) { return i == at ? row : ladder(static_cast<float>(i), -1); };
        const std::vector<float> largest = reduced<simd::max>(in_turn), sums = reduced<simd::add>(in_turn);
        for (int i = 0; i < simd::kLanes; ++i) {
            const auto lane = static_cast<std::size_t>(i);
            EXPECT_EQ(largest[lane], i == at ? -7.f : static_cast<float>(i)) << at << ' ' << i;
            EXPECT_EQ(sums[lane],
                      i == at ? -kInf : static_cast<float>(simd::kLanes * i - simd::kLanes * (simd::kLanes - 1) / 2))
                << at << ' ' << i;
        }
    }
}

std::vector<float> integers(simd::Int x) {
    return lanes(simd::to_float(x));
}

simd::Float add_integers(simd::Float a, simd::Float b) {
    return simd::as_floats(simd::add(simd::as_ints(a), simd::as_ints(b)));
}

TEST(SIMD_SUITE, PairsAreMultipliedAndAdded) {
    std::int16_t left[2 * simd::kLanes];
    std::int8_t right[2 * simd::kLanes];
    for (int i = 0; i < 2 * simd::kLanes; ++i) {
        left[i] = static_cast<std::int16_t>(i == 3 ? -32768 : 1000 * i - 7);
        right[i] = static_cast<std::int8_t>(i == 3 ? -128 : 3 - 5 * i);
    }
    const simd::Int once = simd::dot(simd::load_pairs(left), simd::load_pairs(right), simd::zero_int());
    const std::vector<float> twice = integers(simd::dot(simd::load_pairs(left), simd::load_pairs(right), once));
    int sum = 0;
    for (std::size_t i = 0; i < simd::kLanes; ++i) {
        const int exact = left[2 * i] * right[2 * i] + left[2 * i + 1] * right[2 * i + 1];
        EXPECT_EQ(twice[i], static_cast<float>(2 * exact)) << i;
        sum += exact;
    }
    EXPECT_EQ(integers(simd::add(once, simd::as_ints(simd::as_floats(once)))), twice);
    const auto in_turn = [&](int i) { return i % 2 == 0 ? simd::as_floats(once) : simd::as_floats(simd::zero_int()); };
    simd::Float quads[simd::kLanes / 4];
    for (simd::Float& quad : quads)
        quad = simd::reduce_quad<add_integers>(in_turn(0), in_turn(1), in_turn(2), in_turn(3));
    const std::vector<float> totals = integers(simd::as_ints(simd::reduce_quads<add_integers>(quads)));
    for (std::size_t i = 0; i < totals.size(); ++i)
        EXPECT_EQ(totals[i], i % 2 == 0 ? static_cast<float>(sum) : 0.f) << i;
}

TEST(SIMD_SUITE, TwoRowsInterleaveIntoPairs) {
    std::int8_t a[simd::kLanes], b[simd::kLanes];
    for (int i = 0; i < simd::kLanes; ++i) {
        a[i] = static_cast<std::int8_t>(i - 128);
        b[i] = static_cast<std::int8_t>(127 - 2 * i);
    }
    const std::int16_t weights[] = {3, -1000};
    const std::vector<float> sums =
        integers(simd::dot(simd::set_pair(weights), simd::interleave(a, b), simd::zero_int()));
    for (std::size_t i = 0; i < simd::kLanes; ++i) EXPECT_EQ(sums[i], static_cast<float>(3 * a[i] - 1000 * b[i])) << i;
}

TEST(SIMD_SUITE, TwoVectorsOfTwoRowsInterleaveIntoPairs) {
    std::int8_t a[2 * simd::kLanes], b[2 * simd::kLanes];
    for (int i = 0; i < 2 * simd::kLanes; ++i) {
        a[i] = static_cast<std::int8_t>(i - 128);
        b[i] = static_cast<std::int8_t>(127 - 2 * i);
    }
    const std::int16_t weights[] = {3, -1000};
    const auto sums_of = [&](bool high) {
        return simd::dot(simd::set_pair(weights), simd::interleave_two(a, b, high), simd::zero_int());
    };
    simd::Int low = sums_of(false), high = sums_of(true);
    simd::in_order(low, high);
    std::vector<float> sums = integers(low);
    for (const float sum : integers(high)) sums.push_back(sum);
    for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i], static_cast<float>(3 * a[i] - 1000 * b[i])) << i;
}

TEST(SIMD_SUITE, Int16StoresSaturateAndRoundToEven) {
    for (const float x : {0.5f, 1.5f, -2.5f, 32766.5f, 32767.4f, 32768.f, 1e9f, -32768.f, -32769.f, -1e30f, kInf}) {
        std::int16_t stored[simd::kLanes];
        simd::store(stored, simd::set(x));
        const double expected = std::nearbyint(std::clamp(double{x}, -32768.0, 32767.0));
        for (const std::int16_t y : stored) EXPECT_EQ(double{1} * y, expected) << x;
    }
}

TEST(SIMD_SUITE, EveryInt16LoadsAndStoresExactly) {
    for (int first = -0x8000; first < 0x8000; first += simd::kLanes) {
        std::int16_t elements[simd::kLanes], stored[simd::kLanes];
        for (int i = 0; i < simd::kLanes; ++i) elements[i] = static_cast<std::int16_t>(first + i);
        const std::vector<float> loaded = lanes(simd::load(elements));
        simd::store(stored, simd::load(elements));
        for (int i = 0; i < simd::kLanes; ++i) {
            ASSERT_EQ(static_cast<double>(loaded[static_cast<std::size_t>(i)]), first + i);
            ASSERT_EQ(stored[i], elements[i]);
        }
    }
}

TEST(SIMD_SUITE, FmaOfVectorsAndOfDoublesRoundsAlike) {
#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
    EXPECT_EQ(simd::first(simd::fma(simd::set(1 + 0x1p-23f), simd::set(1 - 0x1p-23f), simd::set(-1.f))), -0x1p-46f);
    EXPECT_EQ(simd::fma(1 + 0x1p-52, 1 - 0x1p-52, -1.0), -0x1p-104);
#else
    EXPECT_EQ(simd::first(simd::fma(simd::set(1 + 0x1p-23f), simd::set(1 - 0x1p-23f), simd::set(-1.f))), 0.f);
    EXPECT_EQ(simd::fma(1 + 0x1p-52, 1 - 0x1p-52, -1.0), 0.0);
#endif
}

// 1 when rounding to nearest, more when rounding up.
float one_and_a_little() {
    const volatile float one = 1, little = 0x1p-30f;
    return one + little;
}

TEST(SIMD_SUITE, TheFloatEnvironmentIsTheDefaultWhileItLivesAndThenTheCallersAgain) {
    std::fesetround(FE_UPWARD);
    float within;
    {
        const simd::DefaultFloatEnvironment environment;
        within = one_and_a_little();
    }
    const float after = one_and_a_little();
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(within, 1.f);
    EXPECT_GT(after, 1.f);
}

#if defined(__SSE__)
TEST(SIMD_SUITE, TheFloatEnvironmentKeepsSubnormals) {
    constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(saved | kFlushToZero | kDenormalsAreZero);
    {
        const simd::DefaultFloatEnvironment environment;
        EXPECT_EQ(_mm_getcsr() & (kFlushToZero | kDenormalsAreZero), 0u);
    }
    EXPECT_EQ(_mm_getcsr() & (kFlushToZero | kDenormalsAreZero), kFlushToZero | kDenormalsAreZero);
    _mm_setcsr(saved);
}
#endif

}  // namespace
