// The online softmax: growing by tiles, merging parts, and the log-sum-exp that lets strangers merge.
#include "ifa/kernel/softmax_state.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::kHidden;
using ifa::SoftmaxState;

constexpr std::size_t kDim = 19;

// A state and the memory of its sums.
struct OwnedState {
    OwnedState() : acc(kDim, 0.f) { state.acc = ifa::Span<float>(acc); }
    OwnedState(const OwnedState& other) : acc(other.acc), state(other.state) { state.acc = ifa::Span<float>(acc); }
    OwnedState& operator=(const OwnedState&) = delete;

    std::vector<float> acc;
    SoftmaxState state;
};

OwnedState random_state(std::uint64_t seed, float max) {
    Random random(seed);
    OwnedState owned;
    owned.state.max = max;
    owned.state.sum = 2 + random.uniform();
    for (float& x : owned.acc) x = random.normal();
    return owned;
}

OwnedState merged(const OwnedState& a, const OwnedState& b) {
    OwnedState result(a);
    result.state.merge(b.state);
    return result;
}

void expect_same(const OwnedState& got, const OwnedState& expected) {
    EXPECT_EQ(got.state.max, expected.state.max);
    EXPECT_EQ(got.state.sum, expected.state.sum);
    EXPECT_EQ(got.acc, expected.acc);
}

// What a state stands for, as exp(0) times (sum, acc).
std::vector<double> meaning(const OwnedState& owned) {
    const double weight = std::exp(static_cast<double>(owned.state.max));
    std::vector<double> values{weight * static_cast<double>(owned.state.sum)};
    for (const float x : owned.acc) values.push_back(weight * static_cast<double>(x));
    return values;
}

TEST(SoftmaxState, TheEmptyStateIsTheIdentityOfMerge) {
    const OwnedState some = random_state(1, -3.f), empty;
    expect_same(merged(some, empty), some);
    expect_same(merged(empty, some), some);
    expect_same(merged(empty, empty), empty);
}

TEST(SoftmaxState, ClearingLeavesTheEmptyState) {
    OwnedState used = random_state(7, 3);
    used.state.clear();
    expect_same(used, OwnedState());
}

TEST(SoftmaxState, MergingAddsWhatTheStatesStandFor) {
    const OwnedState a = random_state(1, 0.5f), b = random_state(2, -2.f);
    std::vector<double> expected = meaning(a);
    const std::vector<double> other = meaning(b);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += other[i];
    EXPECT_LT(reference::distance(meaning(merged(a, b)), expected), 3e-7 * reference::norm(expected));
}

TEST(SoftmaxState, MergeCommutesAndAssociatesWithinRounding) {
    const OwnedState a = random_state(1, 0.5f), b = random_state(2, 1.f), c = random_state(3, -2.f);
    const auto expect_near = [](const OwnedState& x, const OwnedState& y) {
        EXPECT_LT(reference::distance(meaning(x), meaning(y)), 5e-7 * reference::norm(meaning(y)));
    };
    expect_near(merged(a, b), merged(b, a));
    expect_near(merged(merged(a, b), c), merged(a, merged(b, c)));
}

TEST(SoftmaxState, APartTooSmallToCountChangesNothing) {
    const OwnedState large = random_state(1, 500.f), small = random_state(2, -500.f);
    expect_same(merged(large, small), large);
    expect_same(merged(small, large), large);
}

TEST(SoftmaxState, NormalisingNothingGivesZeros) {
    OwnedState owned;
    owned.acc.assign(kDim, std::numeric_limits<float>::quiet_NaN());
    owned.state.normalise();
    EXPECT_EQ(owned.state.log_sum_exp(), kHidden);
    EXPECT_EQ(owned.acc, std::vector<float>(kDim, 0.f));
}

TEST(SoftmaxState, NormalisingDividesAndLeavesTheLogSumExp) {
    OwnedState owned = random_state(4, 7.f);
    const std::vector<float> before = owned.acc;
    const float sum = owned.state.sum;
    EXPECT_FLOAT_EQ(owned.state.log_sum_exp(), 7.f + std::log(sum));
    owned.state.normalise();
    EXPECT_FLOAT_EQ(owned.state.log_sum_exp(), 7.f + std::log(sum));
    for (std::size_t i = 0; i < kDim; ++i) EXPECT_FLOAT_EQ(owned.acc[i], before[i] / sum);
}

TEST(SoftmaxState, AnOutputWithItsLogSumExpIsAState) {
    OwnedState owned = random_state(5, 1.f);
    OwnedState again(owned);
    again.state.normalise();
    const SoftmaxState state = SoftmaxState::from_output(ifa::Span<float>(again.acc), again.state.log_sum_exp());
    EXPECT_EQ(state.sum, 1.f);
    again.state.max = state.max, again.state.sum = state.sum;
    EXPECT_LT(reference::distance(meaning(again), meaning(owned)), 5e-7 * reference::norm(meaning(owned)));
}

TEST(SoftmaxState, AnEmptyOutputIsTheEmptyState) {
    std::vector<float> zeros(kDim, 0.f);
    const SoftmaxState state = SoftmaxState::from_output(ifa::Span<float>(zeros), kHidden);
    EXPECT_EQ(state.max, kHidden);
    EXPECT_EQ(state.sum, 0.f);
}

// A call over [begin, end) of a cache that keeps its log-sum-exp.
struct Part {
    Part(const Decode<float, ifa::float16>& decode, Index begin, Index end)
        : out(elements(decode.sizes.output())), log_sum_exp(size(decode.sizes.batch * decode.sizes.heads)) {
        const Sizes& sizes = decode.sizes;
        Shape shape = sizes.key();
        shape.seq = end - begin;
        const ifa::Strides strides{sizes.kv_heads * sizes.seq * sizes.key_dim, sizes.seq * sizes.key_dim,
                                   sizes.key_dim};
        const auto part = [&](const auto& all) {
            return ifa::strided(all.data() + begin * sizes.key_dim, shape, strides);
        };
        ifa::incre_flash_attention(
            ifa::bsh(decode.query, sizes.query()), ifa::ContiguousKv{part(decode.key), part(decode.value)},
            ifa::keep_log_sum_exp(ifa::bsh(out, sizes.output()),
                                  ifa::bsh(log_sum_exp, {.batch = sizes.batch, .heads = sizes.heads})),
            {.scale = decode.scale});
    }
    SoftmaxState row(std::size_t i, std::size_t dim) {
        return SoftmaxState::from_output({out.data() + i * dim, static_cast<Index>(dim)}, log_sum_exp[i]);
    }

    std::vector<float> out, log_sum_exp;
};

TEST(SoftmaxState, TwoPartsComputedApartMergeToTheWhole) {
    const Decode<float, ifa::float16> decode({.batch = 2, .heads = 4, .kv_heads = 2, .seq = 1000, .key_dim = 40});
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    for (const Index cut : {0, 1, 333, 500, 1000}) {
        Part left(decode, 0, cut), right(decode, cut, 1000);
        for (std::size_t i = 0; i < exact.size(); ++i) {
            SoftmaxState whole = left.row(i, 40);
            whole.merge(right.row(i, 40));
            whole.normalise();
            EXPECT_NEAR(static_cast<double>(whole.log_sum_exp()), exact[i].log_sum_exp, 2e-6);
        }
        EXPECT_TRUE(within_bound(left.out, exact, kTau, "two parts merged")) << cut;
    }
}

}  // namespace
