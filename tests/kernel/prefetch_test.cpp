// How many rows are asked for, and when.
#include "ifa/kernel/prefetch.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace {

using ifa::Index;
using Upcoming = ifa::UpcomingRows<float, float>;

constexpr float kMemory[512] = {};
const std::vector<const float*> kRows = {kMemory, kMemory + 32, kMemory + 3, kMemory + 1, kMemory + 5};
constexpr Index kCount = 5;

Upcoming rows_of(Index key_dim, Index value_dim) {
    return {kRows.data(), kRows.data(), kCount, key_dim, value_dim};
}
Upcoming rows_of(Index elements) {
    return rows_of(elements, elements);
}

// How many rows are left after each of so many calls.
std::vector<Index> left_after(Upcoming upcoming, int calls) {
    upcoming.spread(calls);
    std::vector<Index> left;
    for (int call = 0; call < calls; ++call) {
        upcoming.ask();
        left.push_back(upcoming.count());
    }
    return left;
}

TEST(UpcomingRows, AreNoneByDefault) {
    Upcoming upcoming;
    EXPECT_EQ(upcoming.count(), 0);
    EXPECT_EQ(left_after(upcoming, 3), (std::vector<Index>{0, 0, 0}));
    upcoming.ask_for_rest();
    EXPECT_EQ(upcoming.count(), 0);
}

TEST(UpcomingRows, HaveMorePartsTheLongerTheyAre) {
    EXPECT_EQ(rows_of(1).parts(), kCount);
    EXPECT_EQ(rows_of(16).parts(), kCount);
    EXPECT_EQ(rows_of(512).parts(), kCount * (ifa::simd::kLanes < 16 ? 8 : 32));
    EXPECT_EQ(rows_of(512, 16).parts(), rows_of(16, 512).parts());
    EXPECT_EQ(Upcoming().parts(), 0);
}

TEST(UpcomingRows, AreNotAskedForBeforeTheyAreSpread) {
    Upcoming upcoming = rows_of(16);
    upcoming.ask();
    EXPECT_EQ(upcoming.count(), kCount);
}

TEST(UpcomingRows, AreSpreadEvenlyOverAnyNumberOfCalls) {
    EXPECT_EQ(left_after(rows_of(16), 1), (std::vector<Index>{0}));
    EXPECT_EQ(left_after(rows_of(16), 2), (std::vector<Index>{3, 0}));
    EXPECT_EQ(left_after(rows_of(16), 5), (std::vector<Index>{4, 3, 2, 1, 0}));
    EXPECT_EQ(left_after(rows_of(16), 10), (std::vector<Index>{5, 4, 4, 3, 3, 2, 2, 1, 1, 0}));
    for (int calls = 1; calls < 60; ++calls)
        for (const Index elements : {16, 40, 64, 65, 129, 512}) {
            const std::vector<Index> left = left_after(rows_of(elements), calls);
            for (int call = 0; call < calls; ++call) {
                const double even = static_cast<double>(kCount) * (calls - call - 1) / calls;
                EXPECT_GE(static_cast<double>(left[static_cast<std::size_t>(call)]), even) << elements << ' ' << calls;
                EXPECT_LT(static_cast<double>(left[static_cast<std::size_t>(call)]), even + 2)
                    << elements << ' ' << calls;
            }
        }
}

TEST(UpcomingRows, AreSpreadByTheLongerOfTheTwo) {
    for (const int calls : {1, 3, 10, 40}) {
        EXPECT_EQ(left_after(rows_of(16, 300), calls), left_after(rows_of(300), calls));
        EXPECT_EQ(left_after(rows_of(300, 16), calls), left_after(rows_of(300), calls));
    }
}

TEST(UpcomingRows, AreNoneWhenTheRestWasAskedFor) {
    Upcoming upcoming = rows_of(200);
    upcoming.spread(4);
    upcoming.ask();
    upcoming.ask_for_rest();
    EXPECT_EQ(upcoming.count(), 0);
}

TEST(UpcomingRows, AreSharedOutInTurn) {
    Upcoming upcoming = rows_of(16);
    EXPECT_EQ(upcoming.take(0).count(), 0);
    EXPECT_EQ(upcoming.take(3).count(), 3);
    EXPECT_EQ(upcoming.count(), 2);
    EXPECT_EQ(upcoming.take(3).count(), 2);
    EXPECT_EQ(upcoming.take(3).count(), 0);
}

}  // namespace
