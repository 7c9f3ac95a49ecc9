// Where finished rows go: every output type, the log-sum-exp, and a caller's own sink.
#include "ifa/sink.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 100, .key_dim = 24, .value_dim = 37};

template <class Out>
std::vector<Out> run(Layout layout) {
    const Decode<float> decode(kSizes);
    auto all = operands<Out>(decode, layout);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale});
    EXPECT_TRUE(all.out.surroundings_untouched());
    return all.out.dense();
}

template <class T>
class SinkOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16>;
TYPED_TEST_SUITE(SinkOf, Elements);

TYPED_TEST(SinkOf, AnOutputIsTheFloat32ResultRoundedToNearestEven) {
    const std::vector<float> exact = run<float>(Layout::kBsh);
    for (const Layout layout : kLayouts) {
        const std::vector<TypeParam> got = run<TypeParam>(layout);
        for (std::size_t i = 0; i < exact.size(); ++i) {
            const auto rounded = static_cast<TypeParam>(exact[i]);
            ASSERT_EQ(std::memcmp(&got[i], &rounded, sizeof(rounded)), 0) << name(layout) << ' ' << i;
        }
    }
}

TEST(Sink, TheLogSumExpIsNaturalAndMinusInfinityWhereNothingIsVisible) {
    const Decode<float> decode(kSizes);
    const std::vector<int> lengths{77, 0};
    const std::vector<reference::Row> exact = reference::attend(decode.problem(lengths));
    auto all = operands<float>(decode);
    std::vector<float> log_sum_exp(12);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                               ifa::keep_log_sum_exp(all.out.view(), ifa::bsh(log_sum_exp, {.batch = 2, .heads = 6})),
                               {.scale = decode.scale}, ifa::RightPadding{.lengths = lengths});
    EXPECT_TRUE(within_bound(all.out.dense(), exact, kTau, "float32 cache"));
    for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(static_cast<double>(log_sum_exp[i]), exact[i].log_sum_exp, 2e-6);
    for (std::size_t i = 6; i < 12; ++i) EXPECT_EQ(log_sum_exp[i], -std::numeric_limits<float>::infinity());
}

TEST(Sink, TheLogSumExpOfAMeanOfValuesCountsItsTokens) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    const std::vector<std::uint8_t> hidden(100, 1);
    std::vector<float> log_sum_exp(12);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                               ifa::keep_log_sum_exp(all.out.view(), ifa::bsh(log_sum_exp, {.batch = 2, .heads = 6})),
                               {.scale = decode.scale, .wholly_hidden_rows = ifa::WhollyHiddenRows::kMeanOfValues},
                               ifa::AttnMask{ifa::mask(hidden, {.seq = 100})}, ifa::RightPadding{.lengths = 64});
    for (const float x : log_sum_exp) EXPECT_NEAR(x, std::log(64.f), 1e-6);
}

TEST(Sink, TheLogSumExpMayLieInAnyLayout) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    const Shape shape{.batch = 2, .heads = 6};
    Tensor<float> tight(shape, Layout::kBsh), spread(shape, Layout::kStrided);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    for (Tensor<float>* log_sum_exp : {&tight, &spread})
        ifa::incre_flash_attention(all.query.view(), kv, ifa::keep_log_sum_exp(all.out.view(), log_sum_exp->view()),
                                   {});
    EXPECT_EQ(tight.dense(), spread.dense());
    EXPECT_TRUE(spread.surroundings_untouched());
}

// Sums the rows of all heads, as a caller who projects them might.
struct SumOfHeads {
    using role = ifa::role::OutputSink;
    static constexpr bool kKeepsLogSumExp = false;

    Shape shape_of_rows;
    std::vector<double>* sums;  // [B, Dv]

    Shape shape() const { return shape_of_rows; }
    void store(const ifa::FinishedRow& row) const {
        for (Index d = 0; d < shape_of_rows.head_dim; ++d)
            (*sums)[size(row.row.sequence * shape_of_rows.head_dim + d)] += as_double(row.values[d]);
    }
};

TEST(Sink, ACallersOwnSinkReceivesEveryRow) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    std::vector<double> sums(2 * 37), expected(2 * 37);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                               SumOfHeads{kSizes.output(), &sums}, {.scale = decode.scale});
    const std::vector<float> rows = run<float>(Layout::kBsh);
    for (std::size_t i = 0; i < rows.size(); ++i) expected[i / (6 * 37) * 37 + i % 37] += as_double(rows[i]);
    EXPECT_EQ(sums, expected);
}

TEST(Sink, TheLogSumExpMayBeKeptBesideACallersOwnSink) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    std::vector<double> sums(2 * 37);
    std::vector<float> log_sum_exp(12);
    ifa::incre_flash_attention(
        all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
        ifa::keep_log_sum_exp(SumOfHeads{kSizes.output(), &sums}, ifa::bsh(log_sum_exp, {.batch = 2, .heads = 6})),
        {.scale = decode.scale});
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(static_cast<double>(log_sum_exp[i]), exact[i].log_sum_exp, 2e-6);
}

}  // namespace
