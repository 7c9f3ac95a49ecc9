// How many rows are asked for.
#include "ifa/kernel/prefetch.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace {

using ifa::Index;
using Upcoming = ifa::UpcomingRows<float, float>;

constexpr float kMemory[512] = {};
const std::vector<const float*> kRows = {kMemory, kMemory + 32, kMemory + 3, kMemory + 1, kMemory + 5};

Upcoming rows_of(Index key_dim, Index value_dim) {
    return {kRows.data(), kRows.data(), static_cast<Index>(kRows.size()), key_dim, value_dim};
}
Upcoming rows_of(Index elements) {
    return rows_of(elements, elements);
}

TEST(UpcomingRows, AreNoneByDefault) {
    Upcoming upcoming;
    EXPECT_EQ(upcoming.count(), 0);
    EXPECT_EQ(upcoming.asks(), 0);
    upcoming.ask(3);  // for nothing
    upcoming.ask_for_rest();
    EXPECT_EQ(upcoming.count(), 0);
}

TEST(UpcomingRows, AreAskedForOneByOne) {
    Upcoming upcoming = rows_of(16);
    EXPECT_EQ(upcoming.asks(), 5);
    upcoming.ask(0);
    EXPECT_EQ(upcoming.count(), 5);
    upcoming.ask(2);
    EXPECT_EQ(upcoming.count(), 3);
    upcoming.ask(4);
    EXPECT_EQ(upcoming.count(), 0);
}

TEST(UpcomingRows, AreAskedForAQuarterKibibyteAtOnce) {
    EXPECT_EQ(rows_of(64).asks(), 5);
    EXPECT_EQ(rows_of(65).asks(), 10);
    Upcoming upcoming = rows_of(129);
    EXPECT_EQ(upcoming.asks(), 15);
    for (Index asked = 1; asked <= 15; ++asked) {
        upcoming.ask(1);
        EXPECT_EQ(upcoming.count(), 5 - asked / 3) << asked;
    }
}

TEST(UpcomingRows, AreAskedForAsOftenAsTheLongerOfTheTwoWants) {
    EXPECT_EQ(rows_of(16, 65).asks(), 10);
    EXPECT_EQ(rows_of(129, 16).asks(), 15);
}

TEST(UpcomingRows, AreNoneWhenTheRestWasAskedFor) {
    Upcoming upcoming = rows_of(200);
    upcoming.ask(1);
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
