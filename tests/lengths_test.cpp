// Token counts: absent, one for the whole batch, or one each, as int32 or int64.
#include "ifa/lengths.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace {

using ifa::Lengths;

TEST(Lengths, AreAbsentByDefault) {
    const Lengths absent;
    EXPECT_FALSE(absent.given());
    EXPECT_FALSE(absent.null());
    EXPECT_EQ(absent.bytes(), 0);
}

TEST(Lengths, OneIntegerHoldsForEverySequence) {
    for (const Lengths lengths : {Lengths(7), Lengths(std::int64_t{7}), Lengths(std::size_t{7})}) {
        EXPECT_TRUE(lengths.given());
        EXPECT_EQ(lengths.count(), 1);
        EXPECT_EQ(lengths[0], 7);
        EXPECT_EQ(lengths[5], 7);
        EXPECT_EQ(lengths.data(), nullptr);
        EXPECT_FALSE(lengths.null());
    }
}

template <class Integer>
class LengthsOf : public ::testing::Test {};
using Integers = ::testing::Types<std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(LengthsOf, Integers);

TYPED_TEST(LengthsOf, OneEachComeFromARange) {
    const std::vector<TypeParam> numbers{5, 0, 12};
    const Lengths lengths = numbers;
    EXPECT_EQ(lengths.count(), 3);
    EXPECT_EQ(lengths[1], 0);
    EXPECT_EQ(lengths[2], 12);
    EXPECT_EQ(lengths.data(), static_cast<const void*>(numbers.data()));
    EXPECT_EQ(lengths.bytes(), static_cast<ifa::Index>(3 * sizeof(TypeParam)));
}

TYPED_TEST(LengthsOf, ARangeOfOneHoldsForEverySequence) {
    const std::vector<TypeParam> one{std::numeric_limits<TypeParam>::max()};
    const Lengths lengths = std::span<const TypeParam>(one);
    EXPECT_EQ(lengths.count(), 1);
    EXPECT_EQ(lengths[9], ifa::Index{std::numeric_limits<TypeParam>::max()});
}

TYPED_TEST(LengthsOf, SpansOfMutableMemoryServe) {
    std::vector<TypeParam> numbers{1, 2};
    EXPECT_EQ(Lengths(std::span<TypeParam>(numbers))[1], 2);
}

TYPED_TEST(LengthsOf, ARangeWithoutDataIsNull) {
    const std::span<const TypeParam> forgotten(static_cast<const TypeParam*>(nullptr), 2);
    EXPECT_TRUE(Lengths(forgotten).null());
    EXPECT_FALSE(Lengths(std::span<const TypeParam>()).null());
    EXPECT_TRUE(Lengths(std::span<const TypeParam>()).given());
}

}  // namespace
