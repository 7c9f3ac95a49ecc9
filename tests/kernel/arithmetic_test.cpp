// What integer sums are safe for.
#include "ifa/kernel/arithmetic.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace {

using ifa::Index;

TEST(QueryExponent, TheLargestSumStaysBelow2ToThe31InEveryDimension) {
    for (Index dim = 1; dim <= 5000; ++dim) {
        const int exponent = ifa::IntegerProducts::query_exponent(dim);
        EXPECT_LT(dim << (exponent + 1 + 7), Index{1} << 31) << dim;
    }
}

TEST(QueryExponent, IsOneLessForEachDoublingOfTheDimensionBeyond256) {
    for (Index dim = 1; dim <= 5000; ++dim) {
        const int doublings = dim > 256 ? static_cast<int>(std::bit_width(static_cast<std::uint64_t>(dim - 1))) - 8 : 0;
        EXPECT_EQ(ifa::IntegerProducts::query_exponent(dim), 14 - doublings) << dim;
    }
}

}  // namespace
