// Operations on rows of any length. Each including unit names its suite.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "ifa/simd/row.hpp"
#include "support/random.hpp"

namespace {

// Lengths that end within, at and after a vector of every instruction set.
constexpr ifa::Index kRowLengths[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 127};

TEST(ROW_SUITE, VectorsCoverARowOnceAndInOrder) {
    for (const ifa::Index n : kRowLengths) {
        ifa::Index covered = 0;
        ifa::simd::for_each_vector(n, [&](ifa::Index i, ifa::Index count) {
            EXPECT_EQ(i, covered);
            EXPECT_TRUE(count == ifa::simd::kLanes || i + count == n);
            covered += count;
        });
        EXPECT_EQ(covered, n);
    }
}

template <class To>
To through_float(float x) {
    if constexpr (std::is_same_v<To, std::int8_t>) {
        const float rounded = __builtin_rintf(x);
        return static_cast<To>(rounded < -128.f ? -128.f : rounded > 127.f ? 127.f : rounded);
    } else {
        return static_cast<To>(x);
    }
}

template <class From, class To>
void expect_converts() {
    support::Random random(5);
    for (const ifa::Index n : kRowLengths) {
        const auto count = static_cast<std::size_t>(n);
        const std::vector<From> from = random.vector<From>(count, {.spread = 64.f});
        std::vector<To> to(count + 1), expected(count + 1);
        std::memset(static_cast<void*>(to.data()), 0x55, to.size() * sizeof(To));
        std::memset(static_cast<void*>(expected.data()), 0x55, expected.size() * sizeof(To));
        for (std::size_t i = 0; i < count; ++i) expected[i] = through_float<To>(static_cast<float>(from[i]));
        ifa::simd::convert_row(from.data(), n, to.data());
        EXPECT_EQ(std::memcmp(to.data(), expected.data(), to.size() * sizeof(To)), 0) << n;
    }
}

template <class From>
void expect_converts_to_all() {
    expect_converts<From, float>();
    expect_converts<From, ifa::float16>();
    expect_converts<From, ifa::bfloat16>();
    expect_converts<From, std::int8_t>();
}

TEST(ROW_SUITE, EveryTypeConvertsToEveryOtherAndNothingBeyondIsWritten) {
    expect_converts_to_all<float>();
    expect_converts_to_all<ifa::float16>();
    expect_converts_to_all<ifa::bfloat16>();
    expect_converts_to_all<std::int8_t>();
}

TEST(ROW_SUITE, TransformChangesTheRowAndNothingBeyondIt) {
    for (const ifa::Index n : kRowLengths) {
        std::vector<float> row(static_cast<std::size_t>(n) + 1, 3.f);
        ifa::simd::transform_row(row.data(), n, [](ifa::simd::Float x, ifa::Index, ifa::Index) {
            return ifa::simd::add(x, ifa::simd::set(1.f));
        });
        for (ifa::Index i = 0; i <= n; ++i) EXPECT_EQ(row[static_cast<std::size_t>(i)], i < n ? 4.f : 3.f);
    }
}

}  // namespace
