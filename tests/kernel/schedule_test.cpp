// Plans: every span once, the longest first, and workspace for all of it.
#include "ifa/kernel/schedule.hpp"

#include <gtest/gtest.h>

#include <set>
#include <tuple>
#include <vector>

namespace {

using ifa::Index;
using ifa::Window;

ifa::Plan make_plan(const std::vector<Window>& windows, Index kv_heads, Index chunk_tokens, int concurrency = 1) {
    const ifa::Geometry geometry{.batch = static_cast<Index>(windows.size()),
                                 .heads = 2 * kv_heads,
                                 .kv_heads = kv_heads,
                                 .key_dim = 8,
                                 .value_dim = 8};
    const auto window = [&](Index b) { return windows[static_cast<std::size_t>(b)]; };
    return ifa::Scheduler(geometry, window, concurrency, chunk_tokens, false).plan();
}

// Lengths around tiles and chunks, empty and reversed windows, windows that do not start at 0.
const std::vector<Window> kWindows{{0, 1},   {0, 0},    {5, 101},  {0, 96},    {7, 104}, {0, 528},
                                   {9, 538}, {3, 1100}, {12, 12},  {20, 10},   {0, 48},  {0, 49},
                                   {0, 47},  {1, 1057}, {0, 1056}, {-0, 1095}, {50, 51}, {0, 95}};

Index tokens_of(const ifa::Plan& plan, const ifa::PlanItem& item) {
    const Window& window = plan.window(item.sequence);
    return std::min(plan.span_tokens(), window.length() - item.span * plan.span_tokens());
}

void expect_every_span_once(const ifa::Plan& plan, Index kv_heads) {
    std::set<std::tuple<int, int, int>> seen;
    Index tokens = 0, expected = 0;
    for (Index i = 0; i < plan.items(); ++i) {
        const ifa::PlanItem& item = plan.item(i);
        EXPECT_TRUE(seen.insert({item.sequence, item.kv_head, item.span}).second) << i;
        EXPECT_LT(item.span, plan.spans(item.sequence));
        tokens += tokens_of(plan, item);
    }
    for (const Window& window : kWindows) expected += kv_heads * window.length();
    EXPECT_EQ(tokens, expected);
}

TEST(Schedule, EverySpanOfEverySequenceAndKvHeadComesOnce) {
    for (const Index chunk_tokens : {48, 96, 528})
        for (const int concurrency : {1, 2, 50})
            expect_every_span_once(make_plan(kWindows, 3, chunk_tokens, concurrency), 3);
}

TEST(Schedule, SpansGrowWhileEveryJobHasManyOfThem) {
    const auto span_of = [](Index tokens, int concurrency) {
        return make_plan({{0, tokens}}, 2, 48, concurrency).parts().span_chunks;
    };
    EXPECT_EQ(span_of(48, 1), 1) << "a single chunk";
    EXPECT_EQ(span_of(49, 1), 2);
    EXPECT_EQ(span_of(48 * 3, 1), 4);
    EXPECT_EQ(span_of(48 * 1000, 1), 4) << "no more than 4 chunks";
    EXPECT_EQ(span_of(48 * 64, 2), 2) << "64 items";
    EXPECT_EQ(span_of(48 * 64, 3), 1) << "96 items were wanted";
    EXPECT_EQ(span_of(48 * 1024, 2), 4);
}

TEST(Schedule, HeadsOfTokenMajorCachesAreReadTogetherWhileEveryJobHasWork) {
    const auto run_of = [](Index heads, Index kv_heads, int concurrency, Index chunks = 8) {
        const std::vector<Window> windows{{0, chunks * 528 - 96}};
        const ifa::Geometry geometry{.batch = 1, .heads = heads, .kv_heads = kv_heads, .key_dim = 8, .value_dim = 8};
        const auto window = [&](Index b) { return windows[static_cast<std::size_t>(b)]; };
        const ifa::Plan plan = ifa::Scheduler(geometry, window, concurrency, 528, true).plan();
        EXPECT_EQ(plan.items(), plan.spans(0) * ((kv_heads + plan.parts().run - 1) / plan.parts().run));
        return plan.parts().run;
    };
    EXPECT_EQ(run_of(32, 8, 1), 8);
    EXPECT_EQ(run_of(128, 8, 1), 4) << "64 query heads at most";
    EXPECT_EQ(run_of(32, 8, 1, 1), 8) << "one job needs no more than one item";
    EXPECT_EQ(run_of(4, 2, 1), 2);
    EXPECT_EQ(run_of(32, 8, 2), 8);
    EXPECT_EQ(run_of(32, 8, 2, 7), 4) << "one item too few";
    EXPECT_EQ(run_of(32, 8, 8), 2) << "four items for each job";
    EXPECT_EQ(run_of(32, 8, 64), 1);
    EXPECT_EQ(run_of(10, 5, 4), 3) << "the last run is shorter";
}

TEST(Schedule, EveryEmptyWindowHasAnItemToWriteItsZeros) {
    const ifa::Plan plan = make_plan({{0, 0}, {9, 4}}, 2, 64);
    EXPECT_EQ(plan.items(), 4);
    EXPECT_EQ(plan.spans(0), 1);
    EXPECT_EQ(plan.spans(1), 1);
}

TEST(Schedule, TheLongestItemsComeFirst) {
    for (const int concurrency : {1, 50}) {
        const ifa::Plan plan = make_plan(kWindows, 2, 528, concurrency);
        const Index unit = ifa::kTileTokens * plan.parts().span_chunks;
        for (Index i = 1; i < plan.items(); ++i) {
            const auto length = [&](Index item) { return (tokens_of(plan, plan.item(item)) + unit - 1) / unit; };
            EXPECT_GE(length(i - 1), length(i)) << i;
        }
    }
}

TEST(Schedule, ChunksAreCountedFromTheStartOfTheWindow) {
    const ifa::Plan plan = make_plan({{100, 165}}, 1, 64, 2);
    EXPECT_EQ(plan.spans(0), 2);
    EXPECT_EQ(plan.window(0).begin, 100);
    EXPECT_EQ(plan.window(0).end, 165);
}

TEST(Schedule, StatesAreKeptOnlyForSequencesOfSeveralSpans) {
    const ifa::Plan plan = make_plan({{0, 64}, {0, 65}, {0, 10}, {0, 640}}, 2, 64, 2);
    EXPECT_EQ(plan.states(), 2 + 10);
    EXPECT_EQ(plan.first_state(1), 0);
    EXPECT_EQ(plan.first_state(3), 2);
}

TEST(Schedule, NoMoreJobsThanItems) {
    EXPECT_EQ(make_plan({{0, 10}}, 2, 64, 16).jobs(), 2);
    EXPECT_EQ(make_plan({{0, 1000}}, 2, 64, 16).jobs(), 16);
}

TEST(Schedule, EachJobHasScratchOfItsOwn) {
    const std::vector<Window> windows{{0, 1000}};
    const std::size_t two = make_plan(windows, 2, 64, 2).workspace_bytes();
    const std::size_t three = make_plan(windows, 2, 64, 3).workspace_bytes();
    const std::size_t four = make_plan(windows, 2, 64, 4).workspace_bytes();
    EXPECT_GT(three, two);
    EXPECT_EQ(four - three, three - two);
}

TEST(Schedule, OneChunkMayHoldAnyLength) {
    const ifa::Plan plan = make_plan({{3, 262144}}, 1, Index{32} << 40);
    EXPECT_EQ(plan.items(), 1);
    EXPECT_EQ(plan.states(), 0);
}

}  // namespace
