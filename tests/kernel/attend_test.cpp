// THE loop: what policies see of a tile and what they may not spoil.
#include "ifa/kernel/attend.hpp"

#include <gtest/gtest.h>

#include <map>
#include <tuple>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 100, .key_dim = 16};

template <class... Policies>
std::vector<float> run(const Decode<float>& decode, const Policies&... policies) {
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale}, policies...);
    return all.out.dense();
}

TEST(Attend, ATermSeesEveryVisibleColumnOfEveryHeadOnce) {
    const Decode<float> decode(kSizes);
    const std::vector<int> lengths{75, 3};
    std::map<std::tuple<Index, Index, Index>, int> seen;
    run(decode, ifa::LeftPadding{.lengths = lengths, .padding = 4}, [&](const ifa::ScoreTile& tile) {
        EXPECT_EQ(tile.window_begin, 96 - lengths[size(tile.sequence)]);
        EXPECT_EQ(tile.query, 0);
        for (std::size_t i = 0; i < tile.scores.size(); ++i)
            ++seen[{tile.sequence, tile.head, tile.first_column + static_cast<Index>(i)}];
    });
    EXPECT_EQ(seen.size(), 6u * (75 + 3));
    for (const auto& [place, count] : seen) {
        const auto& [sequence, head, column] = place;
        EXPECT_EQ(count, 1);
        EXPECT_LT(head, 6);
        EXPECT_TRUE(column >= 96 - lengths[size(sequence)] && column < 96);
    }
}

TEST(Attend, ATermSeesScaledScores) {
    const Decode<float> decode(kSizes);
    const reference::Problem problem = decode.problem();
    run(decode, [&](const ifa::ScoreTile& tile) {
        for (std::size_t i = 0; i < tile.scores.size(); ++i) {
            const std::size_t row = size(tile.sequence) * 6 + size(tile.head),
                              kv_row = size(tile.sequence * 2 + tile.head / 3);
            double score = 0;
            for (std::size_t d = 0; d < 16; ++d)
                score += decode.scale * problem.query[row * 16 + d] *
                         problem.key[(kv_row * 100 + size(tile.first_column) + i) * 16 + d];
            EXPECT_NEAR(static_cast<double>(tile.scores[static_cast<Index>(i)]), score, 1e-6);
        }
    });
}

// Hides the columns that `hide` names, and answers with all 64 bits set where it hides the first.
struct Hiding {
    using role = ifa::role::Visibility;
    std::uint64_t columns;

    std::uint64_t hidden(Index, Index first_column, int) const {
        return first_column < 64 ? columns >> first_column : 0;
    }
};

TEST(Attend, ACallersOwnVisibilityHidesColumns) {
    const Decode<float> decode(kSizes);
    reference::Problem problem = decode.problem();
    problem.hidden.assign(200, 0);
    for (const std::size_t column : {std::size_t{1}, std::size_t{30}, std::size_t{63}})
        problem.hidden[column] = problem.hidden[100 + column] = 1;
    const Hiding hiding{(std::uint64_t{1} << 1) | (std::uint64_t{1} << 30) | (std::uint64_t{1} << 63)};
    EXPECT_TRUE(within_bound(run(decode, hiding), reference::attend(problem), kTau, "a caller's visibility"));
}

struct HidingAll {
    using role = ifa::role::Visibility;
    std::uint64_t hidden(Index, Index, int) const { return ~std::uint64_t{0}; }
};

TEST(Attend, AVisibilityMayAnswerMoreBitsThanAsked) {
    EXPECT_EQ(run(Decode<float>(kSizes), HidingAll{}), std::vector<float>(2 * 6 * 16, 0.f));
}

struct HidingTheFirstTile {
    using role = ifa::role::Visibility;
    std::uint64_t hidden(Index, Index first_column, int) const { return first_column == 0 ? ~std::uint64_t{0} : 0; }
};

TEST(Attend, BitsBeyondATileHideNothingElse) {
    const Decode<float> decode(kSizes);
    reference::Problem problem = decode.problem();
    problem.begin.assign(2, ifa::kTileTokens);
    EXPECT_TRUE(within_bound(run(decode, HidingTheFirstTile{}), reference::attend(problem), kTau, "a hidden tile"));
}

TEST(Attend, WhatATermWritesToAHiddenColumnIsIgnored) {
    const Decode<float> decode(kSizes);
    const Hiding hiding{0b1010};
    const auto spoil = [](const ifa::ScoreTile& tile) {
        if (tile.first_column != 0) return;
        tile.scores[1] = std::numeric_limits<float>::quiet_NaN();
        tile.scores[3] = std::numeric_limits<float>::infinity();
    };
    EXPECT_EQ(run(decode, hiding, spoil), run(decode, hiding));
}

TEST(Attend, TermsApplyInTheirOrder) {
    const Decode<float> decode(kSizes);
    const auto add = [](const ifa::ScoreTile& tile) {
        for (float& x : tile.scores) x += 1;
    };
    const auto square = [](const ifa::ScoreTile& tile) {
        for (float& x : tile.scores) x *= x;
    };
    reference::Problem added_first = decode.problem(), squared_first = decode.problem();
    added_first.term = [](double s, std::size_t, std::size_t, std::size_t) { return (s + 1) * (s + 1); };
    squared_first.term = [](double s, std::size_t, std::size_t, std::size_t) { return s * s + 1; };
    EXPECT_TRUE(within_bound(run(decode, add, square), reference::attend(added_first), kTau, "terms in order"));
    EXPECT_TRUE(within_bound(run(decode, square, add), reference::attend(squared_first), kTau, "terms in order"));
}

// Scores times two, or as they are.
struct MaybeTwice {
    using role = ifa::role::ScoreTerm;

    bool once;

    bool absent() const { return once; }
    void operator()(const ifa::ScoreTile& tile) const {
        for (float& x : tile.scores) x *= 2;
    }
};

TEST(Attend, AnAbsentTermIsNotCalled) {
    const Decode<float> decode(kSizes);
    EXPECT_EQ(run(decode, MaybeTwice{true}), run(decode));
    EXPECT_NE(run(decode, MaybeTwice{false}), run(decode));
}

TEST(Attend, ATermMayRemoveTokens) {
    const Decode<float> decode(kSizes);
    reference::Problem problem = decode.problem();
    constexpr double kGone = -std::numeric_limits<double>::infinity();
    problem.term = [](double s, std::size_t, std::size_t h, std::size_t j) { return j % (h + 2) == 0 ? kGone : s; };
    const auto remove = [](const ifa::ScoreTile& tile) {
        for (Index i = 0; i < static_cast<Index>(tile.scores.size()); ++i)
            if ((tile.first_column + i) % (tile.head + 2) == 0) tile.scores[i] = ifa::kHidden;
    };
    EXPECT_TRUE(within_bound(run(decode, remove), reference::attend(problem), kTau, "removed tokens"));
}

TEST(Attend, RemovingEveryTokenGivesZeros) {
    const auto remove = [](const ifa::ScoreTile& tile) {
        for (float& x : tile.scores) x = ifa::kHidden;
    };
    EXPECT_EQ(run(Decode<float>(kSizes), remove), std::vector<float>(2 * 6 * 16, 0.f));
}

TEST(Attend, EveryGroupSizeIsRight) {
    for (const Index group : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33}) {
        const Decode<float> decode({.batch = 1, .heads = 2 * group, .kv_heads = 2, .seq = 53, .key_dim = 20});
        EXPECT_TRUE(within_bound(run(decode), reference::attend(decode.problem()), kTau, "every group size")) << group;
    }
}

TEST(Attend, EveryHeadDimIsRight) {
    for (const Index dim : {1, 2, 7, 8, 9, 31, 57, 80, 96, 120, 127, 128, 256, 511, 512, 576}) {
        const Decode<float> decode({.batch = 1, .heads = 3, .kv_heads = 1, .seq = 60, .key_dim = dim});
        EXPECT_TRUE(within_bound(run(decode), reference::attend(decode.problem()), kTau, "every head_dim")) << dim;
    }
}

TEST(Attend, EveryLengthAroundATileIsRight) {
    for (Index length = 0; length <= 100; ++length) {
        const Decode<float> decode(kSizes);
        const std::vector<Index> lengths{length, 100 - length};
        const std::vector<float> out = run(decode, ifa::RightPadding{.lengths = lengths});
        EXPECT_TRUE(within_bound(out, reference::attend(decode.problem(lengths)), kTau, "every length")) << length;
    }
}

}  // namespace
