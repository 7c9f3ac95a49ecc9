// Which query heads share which kv head.
#include "ifa/gqa.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

constexpr ifa::Geometry geometry(ifa::Index heads, ifa::Index kv_heads) {
    return {.batch = 1, .heads = heads, .kv_heads = kv_heads, .key_dim = 8, .value_dim = 8};
}

template <class Groups>
ifa::CheckResult check(const Groups& groups, const ifa::Geometry& shape) {
    ifa::Contracts contracts;
    groups.check(shape, contracts);
    return contracts.result();
}

TEST(GroupedQuery, TheGroupFollowsFromTheShapes) {
    EXPECT_EQ(ifa::GroupedQuery<>().group(geometry(32, 8)), 4);
    EXPECT_EQ(ifa::GroupedQuery<>().group(geometry(7, 7)), 1);
    EXPECT_EQ(ifa::GroupedQuery<>().group(geometry(71, 1)), 71);
}

TEST(GroupedQuery, HeadsMustDivideEvenly) {
    EXPECT_FALSE(check(ifa::GroupedQuery<>(), geometry(6, 3)));
    const ifa::CheckResult result = check(ifa::GroupedQuery<>(), geometry(7, 3));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->kind, ifa::ErrorKind::kValue);
    EXPECT_TRUE(check(ifa::GroupedQuery<>(), geometry(2, 3)));
}

TEST(GroupedQuery, AFixedGroupIsHeldAgainstTheShapes) {
    EXPECT_FALSE(check(ifa::GroupedQuery<4>(), geometry(32, 8)));
    const ifa::CheckResult result = check(ifa::GroupedQuery<8>(), geometry(32, 8));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->kind, ifa::ErrorKind::kValue);
    EXPECT_EQ(std::string(result->message), "num_heads: expected 8 per kv head (GroupedQuery), got 32 over 8 kv heads");
}

}  // namespace
