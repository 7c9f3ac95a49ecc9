// What is allowed: aliases, views with gaps, ranges with room to spare, and outputs woven between inputs.
#include "ifa/check.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 4, .kv_heads = 2, .seq = 20, .key_dim = 8};

template <class... Arguments>
std::string refusal(const Arguments&... arguments) {
    const ifa::CheckResult result = ifa::check(arguments...);
    return result ? result->message : "";
}

struct Memory {
    std::vector<float> memory = std::vector<float>(4000, 0.5f);
    TensorView<float> query = ifa::bsh(memory, kSizes.query());
    TensorView<float> key = ifa::bsh(memory, kSizes.key());
    TensorView<float> out = ifa::bsh(memory.data() + 2000, kSizes.output());
};

TEST(Check, InputsMayAliasEachOther) {
    Memory m;
    EXPECT_EQ(refusal(m.query, ifa::ContiguousKv{m.key, m.key}, m.out, ifa::Options{},
                      ifa::PseShift{ifa::bias(m.memory, {.batch = 1, .heads = 4, .seq = 20})}),
              "");
}

TEST(Check, RangesMayHoldMoreThanIsAddressed) {
    Memory m;
    EXPECT_EQ(m.query.extent, 4000);
    EXPECT_EQ(refusal(m.query, ifa::ContiguousKv{m.key, m.key}, m.out), "");
}

TEST(Check, AnOutputMayTouchAnInput) {
    Memory m;
    EXPECT_EQ(refusal(m.query, ifa::ContiguousKv{m.key, m.key}, ifa::bsh(m.memory.data() + 640, kSizes.output())), "");
    EXPECT_NE(refusal(m.query, ifa::ContiguousKv{m.key, m.key}, ifa::bsh(m.memory.data() + 639, kSizes.output())), "");
}

TEST(Check, AnOutputMayLieBetweenTheRowsOfAnInput) {
    // Query and output of each head side by side: [B, N, 2, D].
    Memory m;
    std::vector<float> pairs(2 * 4 * 2 * 8);
    const ifa::Strides strides{.batch = 64, .head = 16};
    const auto query = ifa::strided(pairs.data(), kSizes.query(), strides);
    EXPECT_EQ(refusal(query, ifa::ContiguousKv{m.key, m.key}, ifa::strided(pairs.data() + 8, kSizes.output(), strides)),
              "");
    EXPECT_NE(refusal(query, ifa::ContiguousKv{m.key, m.key}, ifa::strided(pairs.data() + 7, kSizes.output(), strides)),
              "");
}

TEST(Check, LengthsMayReachTheLastToken) {
    Memory m;
    const std::vector<int> lengths{0, 20};
    EXPECT_EQ(
        refusal(m.query, ifa::ContiguousKv{m.key, m.key}, m.out, ifa::Options{}, ifa::RightPadding{.lengths = lengths}),
        "");
}

TEST(Check, AWorkspaceMayBeLargerThanItMust) {
    Memory m;
    std::vector<std::byte> workspace(1 << 20);
    EXPECT_EQ(refusal(m.query, ifa::ContiguousKv{m.key, m.key}, m.out, ifa::Options{.workspace = workspace}), "");
}

TEST(Check, AWorkspaceOfExactlyWhatAPlanNeedsServesTheUnplannedCall) {
    Memory m;
    const ifa::ContiguousKv kv{m.key, m.key};
    std::vector<std::byte> workspace(ifa::plan(kSizes.query(), kv).workspace_bytes());
    EXPECT_EQ(refusal(m.query, kv, m.out, ifa::Options{.workspace = workspace}), "");
    workspace.pop_back();
    EXPECT_NE(refusal(m.query, kv, m.out, ifa::Options{.workspace = workspace}), "");
}

TEST(Check, DoesNotThrowNorWrite) {
    Memory m;
    m.query.shape.heads = 3;
    const std::vector<float> before = m.memory;
    EXPECT_NO_THROW(ifa::check(m.query, ifa::ContiguousKv{m.key, m.key}, m.out));
    m.query.shape.heads = 4;
    EXPECT_NO_THROW(ifa::check(m.query, ifa::ContiguousKv{m.key, m.key}, m.out));
    EXPECT_EQ(m.memory, before);
}

}  // namespace
