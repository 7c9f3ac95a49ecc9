// How maxima, sums and weights of a block of heads grow by a tile: each head alone, whatever lane it has.
#include "ifa/kernel/online_softmax.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/random.hpp"

namespace {

using ifa::Index;
using ifa::kHidden;

// The scores of one tile and the running numbers of some heads.
template <class Weight>
class Block {
   public:
    explicit Block(Index heads) : heads_(heads) { softmax().clear(heads); }

    // Each list is one head's tile; slots it does not name are hidden.
    void absorb(const std::vector<std::vector<float>>& tiles) {
        scores_.assign(scores_.size(), kHidden);
        for (std::size_t h = 0; h < tiles.size(); ++h)
            std::copy(tiles[h].begin(), tiles[h].end(), scores_.begin() + static_cast<std::ptrdiff_t>(h * kStride));
        softmax().absorb(ifa::ScoreRows{scores_.data()}, heads_, ifa::kTileTokens,
                         ifa::SlotRows<Weight>{weights_.data()});
    }
    float maximum(std::size_t head) const { return maxima_[head]; }
    float sum(std::size_t head) const { return sums_[head]; }
    float rescale(std::size_t head) const { return rescales_[head]; }
    float unit(std::size_t head) const { return units_[head]; }
    Weight weight(std::size_t head, std::size_t slot) const { return weights_[head * kStride + slot]; }

   private:
    static constexpr std::size_t kHeads = 64, kStride = ifa::kScoreStride;

    ifa::OnlineSoftmax softmax() { return {maxima_.data(), sums_.data(), rescales_.data(), units_.data()}; }

    Index heads_;
    std::vector<float> maxima_ = std::vector<float>(kHeads), sums_ = maxima_, rescales_ = maxima_, units_ = maxima_;
    std::vector<float> scores_ = std::vector<float>(kHeads * kStride);
    std::vector<Weight> weights_ = std::vector<Weight>(kHeads * kStride, Weight{77});
};

TEST(OnlineSoftmax, ScoresBecomeProbabilities) {
    Block<float> block(1);
    block.absorb({{1.f, 3.f, -40.f, 2.f}});
    EXPECT_EQ(block.rescale(0), 0.f);
    EXPECT_EQ(block.unit(0), 1.f);
    EXPECT_EQ(block.maximum(0), 3.f);
    EXPECT_EQ(block.weight(0, 1), 1.f);
    EXPECT_NEAR(block.weight(0, 0), std::exp(-2.f), 2e-8);
    EXPECT_NEAR(block.weight(0, 2) / std::exp(-43.f), 1.f, 2e-7);
    EXPECT_NEAR(block.sum(0), 1 + std::exp(-2.f) + std::exp(-1.f), 3e-7);
    for (std::size_t slot = 4; slot < ifa::kTileTokens; ++slot) EXPECT_EQ(block.weight(0, slot), 0.f);
}

TEST(OnlineSoftmax, TheFactorIsExactlyOneUnlessTheMaximumGrows) {
    Block<float> block(1);
    block.absorb({{1.5f}});
    block.absorb({{-2.f, 1.25f}});
    EXPECT_EQ(block.rescale(0), 1.f);
    block.absorb({{1.5f}});
    EXPECT_EQ(block.rescale(0), 1.f);
    block.absorb({{2.5f}});
    EXPECT_NEAR(block.rescale(0), std::exp(-1.f), 1e-7);
    EXPECT_EQ(block.maximum(0), 2.5f);
}

TEST(OnlineSoftmax, ATileWithoutAVisibleTokenChangesNothing) {
    Block<float> block(1);
    block.absorb({{}});
    EXPECT_EQ(block.sum(0), 0.f);
    EXPECT_EQ(block.maximum(0), kHidden);
    block.absorb({{4.f}});
    block.absorb({{}});
    EXPECT_EQ(block.rescale(0), 1.f);
    EXPECT_EQ(block.sum(0), 1.f);
}

TEST(OnlineSoftmax, IntegerWeightsAreRelativeToTheirTile) {
    Block<std::int16_t> block(1);
    block.absorb({{50.f, 0.f}});
    EXPECT_EQ(block.weight(0, 0), 32767);
    EXPECT_EQ(block.weight(0, 1), 0);
    block.absorb({{0.f, std::log(0.5f)}});  // e^-50 of the peak, yet with all their bits
    EXPECT_EQ(block.weight(0, 0), 32767);
    EXPECT_EQ(block.weight(0, 1), 16384);
    EXPECT_NEAR(block.unit(0) * 32767 / std::exp(-50.f), 1.f, 1e-6);
    EXPECT_EQ(block.rescale(0), 1.f);
    EXPECT_NEAR(block.sum(0), 1.f, 1e-7);
}

TEST(OnlineSoftmax, IntegerWeightsSumToTheirSum) {
    Block<std::int16_t> block(3);
    block.absorb({{1.f, 3.f, 2.f}, {}, {-5.f}});
    const float total = static_cast<float>(block.weight(0, 0) + block.weight(0, 1) + block.weight(0, 2));
    EXPECT_FLOAT_EQ(block.sum(0), total / 32767);
    EXPECT_EQ(block.sum(1), 0.f);
    EXPECT_EQ(block.maximum(1), kHidden);
    EXPECT_FLOAT_EQ(block.sum(2), 1.f);
}

template <class Weight>
void expect_heads_alone_agree() {
    support::Random random(5);
    for (const Index heads : {2, 3, 4, 5, 7, 8, 9, 16, 17, 33}) {
        const auto count = static_cast<std::size_t>(heads);
        Block<Weight> together(heads);
        std::vector<Block<Weight>> alone(count, Block<Weight>(1));
        for (int tile = 0; tile < 3; ++tile) {
            std::vector<std::vector<float>> tiles(count);
            for (auto& scores : tiles) {
                scores = random.vector<float>(ifa::kTileTokens);
                if (random.chance(1, 4)) scores.clear();
            }
            together.absorb(tiles);
            for (std::size_t h = 0; h < count; ++h) {
                alone[h].absorb({tiles[h]});
                EXPECT_EQ(together.maximum(h), alone[h].maximum(0));
                EXPECT_EQ(together.sum(h), alone[h].sum(0));
                EXPECT_EQ(together.rescale(h), alone[h].rescale(0));
                EXPECT_EQ(together.unit(h), alone[h].unit(0));
                for (std::size_t slot = 0; slot < ifa::kTileTokens; ++slot)
                    EXPECT_EQ(together.weight(h, slot), alone[h].weight(0, slot)) << heads << ' ' << h << ' ' << slot;
            }
        }
    }
}

TEST(OnlineSoftmax, AHeadHasTheSameBitsInEveryLane) {
    expect_heads_alone_agree<float>();
    expect_heads_alone_agree<std::int16_t>();
}

}  // namespace
