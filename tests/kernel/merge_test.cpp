// Chunk states merge along one fixed tree, whatever their number.
#include "ifa/kernel/merge.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/random.hpp"

namespace {

using ifa::Index;
using ifa::SoftmaxState;

constexpr Index kDim = 5, kStride = 3;

// `chunks` states, kStride apart as those of one head among three.
struct Chunks {
    explicit Chunks(Index chunks)
        : sums(static_cast<std::size_t>(chunks * kDim)), states(static_cast<std::size_t>(chunks * kStride)) {
        support::Random random(11);
        for (float& x : sums) x = random.normal();
        for (Index c = 0; c < chunks; ++c)
            at(c) = {random.normal() * 4, 1 + random.uniform() / 2, {sums.data() + c * kDim, kDim}};
    }
    SoftmaxState& at(Index chunk) { return states[static_cast<std::size_t>(chunk * kStride)]; }

    std::vector<float> sums;
    std::vector<SoftmaxState> states;
};

TEST(Merge, AnyNumberOfChunksAddsUp) {
    for (Index n = 1; n <= 17; ++n) {
        Chunks chunks(n);
        double sum = 0, first = 0;
        for (Index c = 0; c < n; ++c) {
            const double weight = std::exp(static_cast<double>(chunks.at(c).max));
            sum += weight * static_cast<double>(chunks.at(c).sum);
            first += weight * static_cast<double>(chunks.at(c).acc[0]);
        }
        ifa::merge_all(chunks.states.data(), n, kStride);
        const double weight = std::exp(static_cast<double>(chunks.at(0).max));
        EXPECT_NEAR(weight * static_cast<double>(chunks.at(0).sum) / sum, 1, 1e-6) << n;
        EXPECT_NEAR(weight * static_cast<double>(chunks.at(0).acc[0]), first, 1e-6 * sum) << n;
    }
}

TEST(Merge, TheTreePairsNeighboursFirst) {
    Chunks chunks(4), pairs(4);
    ifa::merge_all(chunks.states.data(), 4, kStride);
    pairs.at(0).merge(pairs.at(1));
    pairs.at(2).merge(pairs.at(3));
    pairs.at(0).merge(pairs.at(2));
    EXPECT_EQ(chunks.at(0).sum, pairs.at(0).sum);
    EXPECT_EQ(std::vector<float>(chunks.sums.begin(), chunks.sums.begin() + kDim),
              std::vector<float>(pairs.sums.begin(), pairs.sums.begin() + kDim));
}

TEST(Merge, ChunksThatCompleteInTurnMergeAlongTheSameTree) {
    for (Index n = 1; n <= 17; ++n) {
        Chunks expected(n), chunks(n);
        ifa::merge_all(expected.states.data(), n, kStride);
        std::vector<SoftmaxState> depths(5);
        const auto rows_at = [&](Index depth) {
            return ifa::RowStates{&depths.at(static_cast<std::size_t>(depth)), {}};
        };
        const auto attend = [&](Index chunk, const ifa::RowStates& rows) { *rows.states = chunks.at(chunk); };
        ifa::merge_in_turn(n, 1, attend, rows_at);
        EXPECT_EQ(depths[0].max, expected.at(0).max) << n;
        EXPECT_EQ(depths[0].sum, expected.at(0).sum) << n;
        for (Index d = 0; d < kDim; ++d) EXPECT_EQ(depths[0].acc[d], expected.at(0).acc[d]) << n;
    }
}

TEST(Merge, AChunkWithoutANeighbourIsAsDeepAsBitsAreSet) {
    std::vector<Index> depths;
    std::vector<SoftmaxState> states(4);
    std::vector<float> sums(4);
    for (std::size_t i = 0; i < 4; ++i) states[i] = {0, 1, {&sums[i], 1}};
    ifa::merge_in_turn(
        6, 1, [&](Index, const ifa::RowStates& rows) { depths.push_back(rows.states - states.data()); },
        [&](Index depth) { return ifa::RowStates{&states.at(static_cast<std::size_t>(depth)), {}}; });
    EXPECT_EQ(depths, (std::vector<Index>{0, 1, 1, 2, 1, 2}));
}

TEST(Merge, OneChunkKeepsItsBits) {
    Chunks chunks(1), before(1);
    ifa::merge_all(chunks.states.data(), 1, kStride);
    EXPECT_EQ(chunks.sums, before.sums);
    EXPECT_EQ(chunks.at(0).sum, before.at(0).sum);
}

}  // namespace
