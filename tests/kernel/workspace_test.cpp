// Memory carved from the caller's bytes: on lines of its own, disjoint, and no more than announced.
#include "ifa/kernel/workspace.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using ifa::Carver;
using ifa::Index;

constexpr ifa::Geometry kGeometry{.batch = 3, .heads = 10, .kv_heads = 2, .key_dim = 57, .value_dim = 33};

TEST(Carver, HandsOutArraysOnLinesOfTheirOwn) {
    alignas(64) std::byte memory[1024];
    Carver carver(memory);
    EXPECT_EQ(static_cast<void*>(carver.take<char>(1)), memory);
    EXPECT_EQ(static_cast<void*>(carver.take<double>(9)), memory + 64);
    EXPECT_EQ(static_cast<void*>(carver.take<float>(0)), memory + 192);
    EXPECT_EQ(carver.used(), 192u);
}

TEST(Carver, WithoutABaseOnlyCounts) {
    Carver carver(nullptr);
    EXPECT_EQ(carver.take<float>(100), nullptr);
    EXPECT_EQ(carver.used(), 448u);
}

TEST(Carver, AlignsMemoryOfAnyAlignment) {
    alignas(64) std::byte memory[128];
    EXPECT_EQ(Carver::align(memory), memory);
    for (int offset = 1; offset <= 64; ++offset) EXPECT_EQ(Carver::align(memory + offset), memory + 64);
}

TEST(Workspace, EndsWithinTheBytesItAnnounces) {
    for (const Index states : {0, 7}) {
        const ifa::Plan::Parts parts{.geometry = kGeometry, .jobs = 3, .items = 9, .states = states};
        std::vector<std::byte> memory(ifa::Workspace::bytes(parts));
        for (std::size_t offset = 0; offset < 64; offset += 13) {
            std::vector<std::byte> shifted(memory.size() + offset);
            Carver carver(Carver::align(shifted.data() + offset));
            const ifa::Workspace workspace(carver, parts);
            EXPECT_LE(workspace.scratch + 3 * workspace.scratch_bytes, shifted.data() + shifted.size());
        }
    }
}

TEST(Workspace, ChunksAreCountedOnlyWhereStatesAreKept) {
    alignas(64) std::byte memory[2048];
    const auto counters_bytes = [&](Index states) {
        Carver carver(memory);
        const ifa::Workspace workspace(carver, {.geometry = kGeometry, .jobs = 0, .states = states});
        return reinterpret_cast<std::byte*>(workspace.wholly_hidden) - reinterpret_cast<std::byte*>(workspace.finished);
    };
    EXPECT_EQ(counters_bytes(0), 0);
    EXPECT_EQ(counters_bytes(2), 64) << "three sequences of two kv heads";
}

TEST(Workspace, EveryItemIsClaimedOnce) {
    const ifa::Plan::Parts parts{.geometry = kGeometry, .jobs = 1, .items = 3};
    std::vector<std::byte> memory(ifa::Workspace::bytes(parts));
    Carver carver(Carver::align(memory.data()));
    const ifa::Workspace workspace(carver, parts);
    *workspace.next_item = 0;
    for (Index i = 0; i < 6; ++i) EXPECT_EQ(workspace.claim(i % 2 == 0), i);
}

TEST(Workspace, OnlyTheLastSpanFinishesARow) {
    const ifa::Plan::Parts parts{.geometry = kGeometry, .jobs = 1, .items = 3, .states = 3};
    std::vector<std::byte> memory(ifa::Workspace::bytes(parts));
    Carver carver(Carver::align(memory.data()));
    const ifa::Workspace workspace(carver, parts);
    workspace.finished[4] = 0;
    EXPECT_FALSE(workspace.finish(4, 3));
    EXPECT_FALSE(workspace.finish(4, 3));
    EXPECT_TRUE(workspace.finish(4, 3));
}

TEST(Scratch, OfAKvHeadFollowsThatOfTheOneBefore) {
    const ifa::Geometry geometry{.heads = 12, .kv_heads = 4, .key_dim = 57, .value_dim = 33};
    std::vector<std::byte> memory(1 << 16);
    Carver carver(Carver::align(memory.data()));
    const ifa::Scratch all(carver, {.geometry = geometry, .run = 4});
    for (Index i = 0; i < 4; ++i) {
        const ifa::Scratch part = all.of(i);
        EXPECT_EQ(part.queries.data, all.queries[3 * i]);
        EXPECT_EQ(part.integer_queries.data, all.integer_queries[3 * i]);
        EXPECT_EQ(part.multipliers, all.multipliers + 3 * i);
        EXPECT_EQ(part.constants, all.constants + 3 * i);
        EXPECT_EQ(part.has_low, all.has_low + i);
        EXPECT_EQ(part.softmax.maxima, all.softmax.maxima + i * ifa::padded(3));
        EXPECT_EQ(part.softmax.sums, all.softmax.sums + i * ifa::padded(3));
        EXPECT_EQ(part.value_shift, all.value_shift + i * ifa::padded(33));
    }
}

TEST(Scratch, StartsWithoutAShift) {
    Carver counter(nullptr);
    const ifa::Plan::Parts parts{.geometry = kGeometry};
    ifa::Scratch(counter, parts);
    std::vector<std::byte> memory(counter.used() + 64, std::byte{0xff});
    Carver carver(Carver::align(memory.data()));
    const ifa::Scratch scratch(carver, parts);
    scratch.clear(1);
    for (Index d = 0; d < ifa::padded(33); ++d) EXPECT_EQ(scratch.value_shift[d], 0.f);
}

TEST(Scratch, HasRowsForEveryBitOfANumberOfChunks) {
    const ifa::Plan::Parts parts{.geometry = kGeometry, .span_chunks = 64};
    Carver counter(nullptr);
    ifa::Scratch(counter, parts);
    std::vector<std::byte> memory(counter.used() + 64);
    Carver carver(Carver::align(memory.data()));
    const ifa::Scratch scratch(carver, parts);
    for (Index depth = 1; depth <= 6; ++depth) {
        EXPECT_EQ(scratch.rows_at(depth).states, scratch.rows_at(depth - 1).states + 5);
        EXPECT_EQ(scratch.rows_at(depth).accumulators.data, scratch.rows_at(depth - 1).accumulators[5]);
    }
    EXPECT_LE(reinterpret_cast<std::byte*>(scratch.rows_at(7).accumulators.data), memory.data() + memory.size());
}

}  // namespace
