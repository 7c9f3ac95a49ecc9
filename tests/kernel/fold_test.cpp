// Scale and codec folded into the query, in exponents that cannot overflow.
#include "ifa/kernel/fold.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ifa/incre_flash_attention.hpp"

namespace {

using ifa::Index;

TEST(Fold, LargestExponentIsThatOfTheLargestNumber) {
    const std::vector<double> row{0.25, -6, 1e-300, 3};
    EXPECT_EQ(ifa::largest_exponent(row.data(), 4), 2);
    EXPECT_EQ(ifa::largest_exponent(row.data(), 1), -2);
}

TEST(Fold, LargestExponentIsBoundedAndIgnoresWhatHasNone) {
    const double huge = 1e200, tiny = 1e-200, zero = 0, infinite = std::numeric_limits<double>::infinity();
    EXPECT_EQ(ifa::largest_exponent(&huge, 1), 100);
    EXPECT_EQ(ifa::largest_exponent(&tiny, 1), -100);
    EXPECT_EQ(ifa::largest_exponent(&zero, 1), 0);
    EXPECT_EQ(ifa::largest_exponent(&infinite, 1), 0);
}

TEST(Fold, PowersOfTwoAreExact) {
    for (int exponent = -140; exponent <= 140; ++exponent)
        EXPECT_EQ(ifa::power_of_two(exponent), std::ldexp(1.0, exponent));
}

// One query row over one kv head, folded.
struct Folded {
    Folded(const std::vector<float>& query, double scale) : dim(static_cast<Index>(query.size())) {
        const std::vector<float> row(query.size());
        std::vector<float> out(query.size());
        const ifa::Shape shape{.head_dim = dim};
        const ifa::ContiguousKv kv{ifa::bsh(row, shape), ifa::bsh(row, shape)};
        const auto problem = ifa::resolve(ifa::bsh(query, shape), kv, ifa::bsh(out, shape), scale);
        ifa::Carver counter(nullptr);
        ifa::Scratch(counter, problem.geometry, 1);
        memory.resize(counter.used() + 64, std::byte{0xff});
        ifa::Carver carver(ifa::Carver::align(memory.data()));
        const ifa::Scratch scratch(carver, problem.geometry, 1);
        ifa::fold_queries(problem, ifa::Work{}, scratch);
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
        const Folded row({0.5f, -3.f, 1e-5f, 2.f, 0.f}, scale);
        EXPECT_GE(row.largest(), 0x1p-10) << scale;
        EXPECT_LT(row.largest(), 0x1p-9) << scale;
    }
}

TEST(Fold, TheMultiplierBringsBackTheScaledQuery) {
    const std::vector<float> query{0.5f, -3.f, 1e-5f, 2.f, 0.f};
    for (const double scale : {1.0, 0.0883883476483, -3.0, 1e-25}) {
        const Folded row(query, scale);
        for (std::size_t d = 0; d < query.size(); ++d) {
            const double exact = scale * static_cast<double>(query[d]);
            EXPECT_NEAR(static_cast<double>(row.folded[d]) * static_cast<double>(row.multiplier), exact,
                        0x1p-24 * std::abs(exact));
        }
    }
}

TEST(Fold, ARowOfZerosStaysZeroAndIsPaddedWithZeros) {
    const Folded zeros(std::vector<float>(9, 0.f), 0.5);
    EXPECT_EQ(zeros.largest(), 0);
    const Folded some(std::vector<float>(9, 1.f), 0.5);
    for (std::size_t d = 9; d < some.folded.size(); ++d) EXPECT_EQ(some.folded[d], 0.f);
}

TEST(Fold, AScaleOfZeroIsAScale) {
    EXPECT_EQ(Folded({1.f, 2.f}, 0.0).largest(), 0);
}

TEST(Fold, ProductsWithTheLargestFloatsDoNotOverflow) {
    const Folded row(std::vector<float>(512, 3e38f), 1.0);
    double sum = 0;
    for (const float x : row.folded) sum += static_cast<double>(x) * 1e12;
    EXPECT_LT(sum, static_cast<double>(std::numeric_limits<float>::max()));
}

}  // namespace
