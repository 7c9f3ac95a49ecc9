// Borrowed runs and parameter arrays: what they are made from and what they know of it.
#include "ifa/span.hpp"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <span>
#include <vector>

namespace {

using ifa::ArrayView;
using ifa::Span;

TEST(Span, IsEmptyByDefault) {
    const Span<float> none;
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.size(), 0u);
    EXPECT_EQ(none.begin(), none.end());
}

TEST(Span, BorrowsARange) {
    std::vector<int> numbers{3, 4, 5};
    const Span<int> all(numbers);
    all[1] = 7;
    EXPECT_EQ(numbers[1], 7);
    EXPECT_EQ(all.data(), numbers.data());
    EXPECT_EQ(std::accumulate(all.begin(), all.end(), 0), 15);
}

TEST(Span, OfConstTakesMutableRanges) {
    std::vector<int> numbers{1, 2};
    const Span<const int> all(numbers);
    EXPECT_EQ(all.size(), 2u);
    static_assert(!std::is_constructible_v<Span<int>, const std::vector<int>&>);
}

TEST(Span, ExtentOfAPointerIsUnknown) {
    float numbers[3] = {};
    float* pointer = numbers;
    std::array<float, 5> array = {};
    EXPECT_EQ(ifa::extent_of(pointer), ifa::kUnknownExtent);
    EXPECT_EQ(ifa::extent_of(numbers), 3);
    EXPECT_EQ(ifa::extent_of(array), 5);
    EXPECT_EQ(ifa::data_of(numbers), &numbers[0]);
    EXPECT_EQ(ifa::data_of(array), array.data());
}

TEST(ArrayView, IsAbsentByDefaultAndFromNullptr) {
    EXPECT_FALSE(ArrayView<const float>().given);
    EXPECT_FALSE(ArrayView<const float>(nullptr).given);
}

TEST(ArrayView, ANullPointerIsGivenAllTheSame) {
    const float* forgotten = nullptr;
    const ArrayView<const float> array(forgotten);
    EXPECT_TRUE(array.given);
    EXPECT_EQ(array.data, nullptr);
    EXPECT_EQ(array.extent, ifa::kUnknownExtent);
}

TEST(ArrayView, KnowsTheExtentOfARange) {
    const std::vector<float> numbers{1, 2, 3};
    const ArrayView<const float> from_vector(numbers), from_span(std::span<const float>(numbers).first(2));
    EXPECT_EQ(from_vector.extent, 3);
    EXPECT_EQ(from_span.extent, 2);
    EXPECT_EQ(from_vector[2], 3.f);
}

}  // namespace
