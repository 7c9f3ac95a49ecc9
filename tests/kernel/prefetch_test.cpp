// How many rows are asked for.
#include "ifa/kernel/prefetch.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

using ifa::UpcomingRows;

TEST(UpcomingRows, AreNoneByDefault) {
    UpcomingRows<float> upcoming;
    EXPECT_EQ(upcoming.count(), 0);
    upcoming.ask(upcoming.few());  // for nothing
    EXPECT_EQ(upcoming.count(), 0);
}

TEST(UpcomingRows, AreFewerByThoseThatWereAskedFor) {
    const float memory[64] = {};
    const float* const rows[] = {memory, memory + 32, memory + 3, memory + 1, memory + 5};
    UpcomingRows<float> upcoming(rows, 5, 16);
    upcoming.ask(0);
    EXPECT_EQ(upcoming.count(), 5);
    upcoming.ask(2);
    EXPECT_EQ(upcoming.count(), 3);
    upcoming.ask(4);
    EXPECT_EQ(upcoming.count(), 0);
}

TEST(UpcomingRows, AreNoneWhenTheRestWasAskedFor) {
    const float memory[64] = {};
    const float* const rows[] = {memory, memory + 32};
    UpcomingRows<float> upcoming(rows, 2, 16);
    upcoming.ask_for_rest();
    EXPECT_EQ(upcoming.count(), 0);
}

TEST(UpcomingRows, AreAskedForAQuarterKibibyteAtOnceOrOneByOne) {
    EXPECT_EQ(UpcomingRows<float>(nullptr, 0, 32).few(), 2);
    EXPECT_EQ(UpcomingRows<std::int8_t>(nullptr, 0, 80).few(), 3);
    EXPECT_EQ(UpcomingRows<float>(nullptr, 0, 64).few(), 1);
    EXPECT_EQ(UpcomingRows<float>(nullptr, 0, 512).few(), 1);
}

}  // namespace
