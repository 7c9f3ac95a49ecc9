// Scale and codec folded into the query, in exponents that cannot overflow.
#include "ifa/kernel/fold.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ifa/incre_flash_attention.hpp"

namespace {

using ifa::Index;

// Of a row that is padded with zeros.
template <class Float>
Float largest_magnitude(std::vector<Float> row) {
    row.resize(static_cast<std::size_t>(ifa::padded(static_cast<Index>(row.size()))));
    return ifa::largest_magnitude(row.data(), static_cast<Index>(row.size()));
}

int largest_exponent(const std::vector<double>& row) {
    return ifa::exponent_of(largest_magnitude(row));
}

template <class Float>
void expect_found_anywhere() {
    for (const std::size_t n : {1u, 4u, 7u, 8u, 9u, 31u, 64u}) {
        for (std::size_t at = 0; at < n; ++at) {
            std::vector<Float> row(n, Float{1} / 4);
            row[at] = -6;
            EXPECT_EQ(largest_magnitude(row), 6) << n << ' ' << at;
        }
    }
}
TEST(Fold, TheLargestNumberIsFoundWhereverItIs) {
    expect_found_anywhere<float>();
    expect_found_anywhere<double>();
}

TEST(Fold, WhatIsNotFiniteIsFound) {
    const double infinite = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    for (const double x : {infinite, -infinite, nan, -nan}) {
        const std::vector<double> row{1, x, 1e300};
        EXPECT_FALSE(ifa::is_finite(largest_magnitude(row))) << x;
        EXPECT_EQ(largest_exponent(row), 0) << x;
        const std::vector<float> floats{1, static_cast<float>(x), 1e30f};
        EXPECT_FALSE(ifa::is_finite(static_cast<double>(largest_magnitude(floats)))) << x;
    }
    const std::vector<double> row{1, -std::numeric_limits<double>::max()};
    EXPECT_TRUE(ifa::is_finite(largest_magnitude(row)));
}

TEST(Fold, ExponentsAreThoseOfFrexp) {
    for (const double x : {1e200, 1e-200, -3.0, 0x1p-1022}) EXPECT_EQ(largest_exponent({x}), std::ilogb(x)) << x;
    EXPECT_EQ(largest_exponent({0, -0.0}), 0);
}

TEST(Fold, PowersOfTwoAreExact) {
    for (int exponent = -140; exponent <= 140; ++exponent)
        EXPECT_EQ(ifa::power_of_two(ifa::bounded(exponent)), std::ldexp(1.0, std::clamp(exponent, -120, 120)));
}

// The scratch of a problem of one item, in memory that held no zeros, after its queries are folded.
ifa::Scratch fold(const auto& problem, std::vector<std::byte>& memory, const ifa::Work& work = {}) {
    ifa::Carver counter(nullptr);
    const ifa::Plan::Parts parts{.geometry = problem.geometry};
    ifa::Scratch(counter, parts);
    memory.assign(counter.used() + 64, std::byte{0xff});
    ifa::Carver carver(ifa::Carver::align(memory.data()));
    const ifa::Scratch scratch(carver, parts);
    ifa::fold_queries(problem, work, scratch);
    return scratch;
}

// One query row over one kv head, folded.
template <class Key = float>
struct Folded {
    Folded(const std::vector<float>& query, double scale) : dim(static_cast<Index>(query.size())) {
        const std::vector<Key> row(query.size());
        std::vector<float> out(query.size());
        const ifa::Shape shape{.head_dim = dim};
        const ifa::ContiguousKv kv{ifa::bsh(row, shape), ifa::bsh(row, shape)};
        const auto problem = ifa::resolve(ifa::bsh(query, shape), kv, ifa::bsh(out, shape), scale);
        const ifa::Scratch scratch = fold(problem, memory);
        folded.assign(scratch.queries[0], scratch.queries[0] + scratch.queries.stride);
        multiplier = scratch.multipliers[0];
    }
    double largest() const {
        double most = 0;
        for (const float x : folded) most = std::max(most, std::abs(static_cast<double>(x)));
        return most;
    }

    Index dim;
    std::vector<std::byte> memory;
    std::vector<float> folded;
    float multiplier = 0;
};

TEST(Fold, TheLargestOfAFoldedRowLiesInOneBinade) {
    for (const double scale : {1.0, -0.08, 1e-25, 7e20}) {
        const Folded<> row({0.5f, -3.f, 1e-5f, 2.f, 0.f}, scale);
        EXPECT_GE(row.largest(), 0x1p-10) << scale;
        EXPECT_LT(row.largest(), 0x1p-9) << scale;
    }
}

template <class Key>
void expect_exact_rows() {
    const std::vector<float> query{0.1f, -3.f, 1e-5f, 2.f, 0.f};
    for (const double scale : {1.0, 0.0883883476483, -3.0, 1e-25, 1e-50, 1e50}) {
        for (const float size : {1.f, 0x1p-90f, 0x1p120f}) {
            const double product = std::abs(scale) * static_cast<double>(size);
            if (product < 1e-55 || product > 1e55) continue;
            std::vector<float> grown;
            for (const float x : query) grown.push_back(x * size);
            const Folded<Key> row(grown, scale);
            for (std::size_t d = 0; d < query.size(); ++d) {
                // Every element times the same power of two; the multiplier is the only rounding.
                EXPECT_EQ(row.folded[d] / row.folded[1], query[d] / query[1]) << scale << ' ' << size;
                const double exact = scale * static_cast<double>(grown[d]);
                EXPECT_NEAR(static_cast<double>(row.folded[d]) * static_cast<double>(row.multiplier), exact,
                            0x1p-24 * std::abs(exact))
                    << scale << ' ' << size;
            }
        }
    }
}
TEST(Fold, QueryAndScaleExchangePowersOfTwo) {
    expect_exact_rows<float>();
    expect_exact_rows<ifa::float16>();
    expect_exact_rows<ifa::bfloat16>();
}

TEST(Fold, ModerateRowsOverFloat16KeysStayAsTheyAre) {
    for (const float size : {0x1p-50f, 1.f, 65504.f}) {
        const std::vector<float> query{0.1f * size, -size};
        const Folded<ifa::float16> row(query, 0.3);
        EXPECT_EQ(row.folded[0], query[0]);
        EXPECT_EQ(row.folded[1], query[1]);
        EXPECT_EQ(row.multiplier, 0.3f);
    }
}

TEST(Fold, TheLeastNumbersGrowByMoreThanAFloatHolds) {
    const Folded<> row({0x1p-149f, -0x1p-148f}, 0x1p10);
    EXPECT_EQ(row.folded[0], 0x1p-19f);
    EXPECT_EQ(row.folded[1], -0x1p-18f);
    EXPECT_EQ(row.multiplier, 0x1p-120f);
}

TEST(Fold, ARowOfZerosStaysZeroAndIsPaddedWithZeros) {
    const Folded<> zeros(std::vector<float>(9, 0.f), 0.5);
    EXPECT_EQ(zeros.largest(), 0);
    const Folded<> some(std::vector<float>(9, 1.f), 0.5);
    for (std::size_t d = 9; d < some.folded.size(); ++d) EXPECT_EQ(some.folded[d], 0.f);
}

TEST(Fold, AScaleOfZeroIsAScale) {
    EXPECT_EQ(Folded<>({1.f, 2.f}, 0.0).multiplier, 0);
}

template <class Key>
void expect_finite_products(float query, double largest_key) {
    const Folded<Key> row(std::vector<float>(512, query), 1.0);
    double sum = 0;
    for (const float x : row.folded) sum += static_cast<double>(x) * largest_key;
    EXPECT_LT(sum, static_cast<double>(std::numeric_limits<float>::max())) << query;
}
TEST(Fold, ProductsWithTheLargestKeysDoNotOverflow) {
    for (const float query : {1.f, 0x1p60f, 0x1p109f}) {
        expect_finite_products<float>(query, 3.4e38);
        expect_finite_products<ifa::bfloat16>(query, 3.4e38);
        expect_finite_products<ifa::float16>(query, 65504);
    }
    expect_finite_products<float>(3e38f, 1e12);
}

// One query row, or several, over one kv head of an int8 cache, folded into integers. The numbers are those of the
// first.
struct FoldedIntegers {
    FoldedIntegers(const std::vector<float>& query, double scale, Index heads = 1)
        : dim(static_cast<Index>(query.size()) / heads) {
        const std::vector<std::int8_t> row(query.size());
        const std::vector<float> factors(2, 1.f);
        std::vector<float> out(query.size());
        const ifa::Shape shape{.head_dim = dim}, query_shape{.heads = heads, .head_dim = dim};
        const auto kv =
            ifa::antiquant(ifa::ContiguousKv{ifa::bsh(row, shape), ifa::bsh(row, shape)}, ifa::per_tensor(factors));
        const auto problem = ifa::resolve(ifa::bsh(query, query_shape), kv, ifa::bsh(out, query_shape), scale);
        const ifa::Scratch scratch = fold(problem, memory, {.group = heads});
        high.assign(scratch.integer_queries[0], scratch.integer_queries[0] + scratch.queries.stride);
        low.assign(scratch.low_queries()[0], scratch.low_queries()[0] + scratch.queries.stride);
        multiplier = scratch.multipliers[0];
        has_low = *scratch.has_low;
    }
    // The number that element d stands for.
    double at(std::size_t d) const {
        return static_cast<double>(multiplier) *
               (static_cast<double>(high[d]) + static_cast<double>(low[d]) * static_cast<double>(ifa::kLowPart));
    }

    Index dim;
    std::vector<std::byte> memory;
    std::vector<std::int16_t> high, low;
    float multiplier = 0;
    bool has_low = false;
};

TEST(FoldIntegers, SmallQueriesHaveNoLowPart) {
    const std::vector<float> query{0.5f, -3.f, 1e-5f, 2.f, 0.f};
    const FoldedIntegers row(query, 1e-3);
    EXPECT_FALSE(row.has_low);
    const double largest_error = 0.5000001 * static_cast<double>(row.multiplier);
    for (std::size_t d = 0; d < query.size(); ++d) {
        EXPECT_NEAR(row.at(d), 1e-3 * static_cast<double>(query[d]), largest_error) << d;
        EXPECT_EQ(row.low[d], 0) << d;
    }
    EXPECT_GE(std::abs(row.high[1]), 1 << 14);
    for (std::size_t d = query.size(); d < row.high.size(); ++d) EXPECT_EQ(row.high[d] | row.low[d], 0) << d;
}

TEST(FoldIntegers, LargeQueriesHaveTwiceTheBits) {
    const std::vector<float> query{0.5f, -3.f, 1e-5f, 2.f, 0.f, 100.f, -77.7f};
    for (const double scale : {1.0, -40.0, 1e20}) {
        const FoldedIntegers row(query, scale);
        EXPECT_TRUE(row.has_low);
        const double largest_error = 0.5000001 * static_cast<double>(row.multiplier) * double{ifa::kLowPart};
        for (std::size_t d = 0; d < query.size(); ++d)
            EXPECT_NEAR(row.at(d), scale * static_cast<double>(query[d]), largest_error) << scale << ' ' << d;
        for (std::size_t d = query.size(); d < row.high.size(); ++d) EXPECT_EQ(row.high[d] | row.low[d], 0) << d;
    }
}

TEST(FoldIntegers, OneRowWithALowPartIsEnoughForItsGroup) {
    EXPECT_TRUE(FoldedIntegers({100.f, 0.001f}, 1.0, 2).has_low);
    EXPECT_TRUE(FoldedIntegers({0.001f, 100.f}, 1.0, 2).has_low);
    EXPECT_FALSE(FoldedIntegers({0.001f, 0.001f}, 1.0, 2).has_low);
}

TEST(FoldIntegers, ALowPartIsKeptBeyondAnErrorOf2ToTheMinus12) {
    const double step = 0x1p-19;  // rounds scores over 12 channels by just that
    EXPECT_FALSE(ifa::needs_low_part(step, 12));
    EXPECT_TRUE(ifa::needs_low_part(std::nextafter(step, 1.0), 12));
    EXPECT_TRUE(ifa::needs_low_part(step, 13));
}

TEST(FoldIntegers, TheLargestOfABinadeDoesNotOverflow) {
    const float below_two = std::nextafter(2.f, 1.f);
    for (const float sign : {1.f, -1.f}) {
        const FoldedIntegers row({sign * below_two, 1.f}, 64.0);
        EXPECT_NEAR(row.at(0), 64.0 * static_cast<double>(sign * below_two), 0x1p-20);
    }
}

TEST(FoldIntegers, AQueryThatIsNotFiniteHasNoMultiplier) {
    for (const float x : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
        EXPECT_TRUE(std::isnan(FoldedIntegers({1.f, x, 2.f}, 1.0).multiplier));
}

}  // namespace
