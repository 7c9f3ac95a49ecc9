// An additive bias on the scores: its types, its sharing, and the tokens it removes.
#include "ifa/score/pse_shift.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::PseShift;

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 111, .key_dim = 24};

template <class... Policies>
std::vector<float> run(const Decode<float>& decode, const Policies&... policies) {
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale}, policies...);
    return all.out.dense();
}

template <class T>
class PseShiftOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16>;
TYPED_TEST_SUITE(PseShiftOf, Elements);

TYPED_TEST(PseShiftOf, IsAddedUnscaledToEachHeadsScores) {
    const Decode<float> decode(kSizes);
    const auto bias = Random(3).vector<TypeParam>(2 * 6 * 111, {.spread = 2.f});
    reference::Problem problem = decode.problem();
    problem.bias = as_doubles(bias);
    EXPECT_TRUE(within_bound(run(decode, PseShift{ifa::bias(bias, {.batch = 2, .heads = 6, .seq = 111})}),
                             reference::attend(problem), kTau, "pse_shift"));
}

TYPED_TEST(PseShiftOf, ABatchOfOneIsShared) {
    const Decode<float> decode(kSizes);
    const auto one = Random(3).vector<TypeParam>(6 * 111);
    std::vector<TypeParam> each = one;
    each.insert(each.end(), one.begin(), one.end());
    EXPECT_EQ(run(decode, PseShift{ifa::bias(one, {.batch = 1, .heads = 6, .seq = 111})}),
              run(decode, PseShift{ifa::bias(each, {.batch = 2, .heads = 6, .seq = 111})}));
}

TYPED_TEST(PseShiftOf, MayHaveMoreColumnsThanTheCache) {
    const Decode<float> decode(kSizes);
    const auto wide = Random(3).vector<TypeParam>(6 * 200);
    std::vector<TypeParam> tight;
    for (std::size_t h = 0; h < 6; ++h) tight.insert(tight.end(), &wide[h * 200], &wide[h * 200 + 111]);
    EXPECT_EQ(run(decode, PseShift{ifa::bias(wide, {.batch = 1, .heads = 6, .seq = 200})}),
              run(decode, PseShift{ifa::bias(tight, {.batch = 1, .heads = 6, .seq = 111})}));
}

TYPED_TEST(PseShiftOf, MinusInfinityRemovesATokenFromThatHead) {
    const Decode<float> decode(kSizes);
    auto bias = Random(3).vector<TypeParam>(6 * 111);
    for (std::size_t i = 0; i < bias.size(); i += 3)
        bias[i] = static_cast<TypeParam>(-std::numeric_limits<float>::infinity());
    reference::Problem problem = decode.problem();
    problem.bias = as_doubles(bias);
    const std::vector<double> shared = problem.bias;
    problem.bias.insert(problem.bias.end(), shared.begin(), shared.end());
    EXPECT_TRUE(within_bound(run(decode, PseShift{ifa::bias(bias, {.batch = 1, .heads = 6, .seq = 111})}),
                             reference::attend(problem), kTau, "pse_shift"));
}

TEST(PseShift, RemovingEveryTokenOfAHeadGivesZeros) {
    const Decode<float> decode(kSizes);
    std::vector<float> bias(6 * 111, 0.f);
    std::fill_n(bias.begin() + 4 * 111, 111, -std::numeric_limits<float>::infinity());
    const std::vector<float> out = run(decode, PseShift{ifa::bias(bias, {.batch = 1, .heads = 6, .seq = 111})});
    const std::vector<float> plain = run(decode);
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], i / 24 % 6 == 4 ? 0.f : plain[i]) << i;
}

TEST(PseShift, SeveralBiasesAddUp) {
    const Decode<float> decode(kSizes);
    const auto a = Random(3).vector<float>(12 * 111), b = Random(4).vector<float>(12 * 111);
    const Shape shape{.batch = 2, .heads = 6, .seq = 111};
    reference::Problem problem = decode.problem();
    for (std::size_t i = 0; i < a.size(); ++i) problem.bias.push_back(as_double(a[i]) + as_double(b[i]));
    EXPECT_TRUE(within_bound(run(decode, PseShift{ifa::bias(a, shape)}, PseShift{ifa::bias(b, shape)}),
                             reference::attend(problem), kTau, "pse_shift"));
}

TEST(PseShift, ComesBeforeOrAfterACapAsWritten) {
    const Decode<float> decode(kSizes);
    const auto bias = Random(3).vector<float>(12 * 111);
    const PseShift shift{ifa::bias(bias, {.batch = 2, .heads = 6, .seq = 111})};
    const auto cap = [](const ifa::ScoreTile& tile) {
        for (float& x : tile.scores) x = 2 * std::tanh(x / 2);
    };
    const auto exact_cap = [](double s, std::size_t, std::size_t, std::size_t) { return 2 * std::tanh(s / 2); };
    reference::Problem problem = decode.problem();
    problem.bias = as_doubles(bias);
    problem.term = exact_cap;
    EXPECT_TRUE(within_bound(run(decode, shift, cap), reference::attend(problem), kTau, "cap after bias"));
    problem.bias.clear();
    problem.term = [&](double s, std::size_t b, std::size_t h, std::size_t j) {
        return exact_cap(s, b, h, j) + as_double(bias[(b * 6 + h) * 111 + j]);
    };
    EXPECT_TRUE(within_bound(run(decode, cap, shift), reference::attend(problem), kTau, "bias after cap"));
}

TEST(PseShift, ABiasWithGapsBetweenItsRowsServes) {
    const Decode<float> decode(kSizes);
    const auto memory = Random(3).vector<float>(2000);
    const auto strided =
        ifa::strided(memory, {.batch = 2, .heads = 6, .seq = 111}, {.batch = 900, .head = 130, .seq = 1});
    std::vector<float> tight;
    for (Index row = 0; row < 12; ++row) {
        const float* const from = strided.row(row / 6, row % 6, 0);
        tight.insert(tight.end(), from, from + 111);
    }
    EXPECT_EQ(run(decode, PseShift{strided}),
              run(decode, PseShift{ifa::bias(tight, {.batch = 2, .heads = 6, .seq = 111})}));
}

}  // namespace
