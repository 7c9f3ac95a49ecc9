// What the policies of a call leave of a cache: windows intersected, hidden columns united, heads grouped.
#include "ifa/kernel/problem.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/kv/contiguous.hpp"
#include "ifa/visibility/attn_mask.hpp"
#include "ifa/visibility/padding.hpp"

namespace {

using ifa::Index;
using ifa::PolicyPack;
using ifa::Window;

constexpr ifa::Shape kCache{.batch = 2, .heads = 1, .seq = 100, .head_dim = 1};
const std::vector<float> kRows(200);
const ifa::ContiguousKv kKv{ifa::bnsd(kRows, kCache), ifa::bnsd(kRows, kCache)};

// A caller's own sliding window.
struct LastTokens {
    using role = ifa::role::Visibility;
    Index from;

    Window window(Index, Index) const { return {from, 1 << 20}; }
};

void expect_window(const Window& got, Index begin, Index end) {
    EXPECT_EQ(got.begin, begin);
    EXPECT_EQ(got.end, end);
}

TEST(Problem, WithoutAWindowTheWholeCacheIsVisible) {
    expect_window(ifa::visible_window(kKv, PolicyPack<>(), 1), 0, 100);
}

TEST(Problem, WindowsAreIntersectedAndNeverLeaveTheCache) {
    const std::vector<int> lengths{30, 100};
    const ifa::RightPadding padding{.lengths = lengths};
    const LastTokens last{.from = 20};
    const PolicyPack<ifa::RightPadding, LastTokens> both(padding, last);
    expect_window(ifa::visible_window(kKv, both, 0), 20, 30);
    expect_window(ifa::visible_window(kKv, both, 1), 20, 100);
}

TEST(Problem, WindowsThatDoNotMeetLeaveNothing) {
    const ifa::RightPadding padding{.lengths = 10};
    const LastTokens last{.from = 20};
    EXPECT_EQ(ifa::visible_window(kKv, PolicyPack<ifa::RightPadding, LastTokens>(padding, last), 0).length(), 0);
}

TEST(Problem, AStorageThatDoesNotSayIsReadHeadByHead) {
    struct Silent {};
    EXPECT_FALSE(ifa::is_token_major(Silent{}));
    const ifa::Shape two_heads{.heads = 2, .seq = 100, .head_dim = 1};
    EXPECT_TRUE(ifa::is_token_major(ifa::ContiguousKv{ifa::bsh(kRows, two_heads), ifa::bsh(kRows, two_heads)}));
    EXPECT_FALSE(ifa::is_token_major(ifa::ContiguousKv{ifa::bnsd(kRows, two_heads), ifa::bnsd(kRows, two_heads)}));
}

TEST(Problem, APartOfAWorkIsOneKvHeadWithItsQueryHeads) {
    const ifa::Work work{.sequence = 1, .kv_head = 4, .kv_heads = 3, .first_head = 20, .group = 5};
    const ifa::Work part = work.of(2);
    EXPECT_EQ(part.kv_head, 6);
    EXPECT_EQ(part.kv_heads, 1);
    EXPECT_EQ(part.heads(), 5);
    EXPECT_EQ(part.row(3).head, 33);
    EXPECT_EQ(part.row(3).sequence, 1);
}

}  // namespace
