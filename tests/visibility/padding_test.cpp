// Which tokens are filled: the exact window rules of right and left padding.
#include "ifa/visibility/padding.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::LeftPadding;
using ifa::RightPadding;

struct WindowCase {
    Index length, padding, seq;
    ifa::Window left;  // begin == end: zeros
};

// begin = S - max(padding, 0) - length, end = S - max(padding, 0); a window that would begin before 0 is empty.
constexpr WindowCase kWindows[] = {
    {500, 67, 567, {0, 500}},       {10, 0, 100, {90, 100}}, {10, -5, 100, {90, 100}},  {10, 90, 100, {0, 10}},
    {10, 91, 100, {0, 0}},          {0, 0, 100, {100, 100}}, {0, 100, 100, {0, 0}},     {0, 101, 100, {0, 0}},
    {100, 0, 100, {0, 100}},        {100, 1, 100, {0, 0}},   {1, 1 << 30, 100, {0, 0}}, {1, INT64_MAX, 100, {0, 0}},
    {1, INT64_MIN, 100, {99, 100}},
};

TEST(Padding, LeftPaddedWindowsEndBeforeThePadding) {
    for (const WindowCase& expected : kWindows) {
        const ifa::Window got =
            LeftPadding{.lengths = expected.length, .padding = expected.padding}.window(0, expected.seq);
        EXPECT_EQ(got.length(), expected.left.length()) << expected.length << ' ' << expected.padding;
        if (got.length() == 0) continue;
        EXPECT_EQ(got.begin, expected.left.begin) << expected.length << ' ' << expected.padding;
        EXPECT_EQ(got.end, expected.left.end) << expected.length << ' ' << expected.padding;
    }
}

TEST(Padding, RightPaddedWindowsBeginAtZero) {
    const std::vector<int> lengths{4, 0, 9};
    for (Index b = 0; b < 3; ++b) {
        EXPECT_EQ((RightPadding{.lengths = lengths}.window(b, 9).begin), 0);
        EXPECT_EQ((RightPadding{.lengths = lengths}.window(b, 9).end), lengths[size(b)]);
    }
}

TEST(Padding, WithoutLengthsEveryTokenIsVisible) {
    EXPECT_EQ((LeftPadding{.padding = 5}.window(0, 30).begin), 0);
    EXPECT_EQ((LeftPadding{.padding = 5}.window(0, 30).end), 30);
    EXPECT_EQ(RightPadding{}.window(0, 30).end, 30);
    EXPECT_EQ(ifa::NoPadding{}.window(0, 30).end, 30);
}

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 67, .key_dim = 24};

template <class... Policies>
std::vector<float> run(const Decode<float>& decode, const Policies&... policies) {
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale}, policies...);
    return all.out.dense();
}

TEST(Padding, LengthsSayHowManyTokensCount) {
    const Decode<float> decode(kSizes);
    const std::vector<std::int64_t> lengths{67, 0, 31};
    EXPECT_TRUE(within_bound(run(decode, RightPadding{.lengths = lengths}), reference::attend(decode.problem(lengths)),
                             kTau, "right padding"));
}

TEST(Padding, OneLengthHoldsForTheWholeBatch) {
    const Decode<float> decode(kSizes);
    const std::vector<int> one{40}, each(3, 40);
    EXPECT_EQ(run(decode, RightPadding{.lengths = 40}), run(decode, RightPadding{.lengths = each}));
    EXPECT_EQ(run(decode, RightPadding{.lengths = one}), run(decode, RightPadding{.lengths = each}));
}

TEST(Padding, NoPaddingIsTheDefault) {
    const Decode<float> decode(kSizes);
    EXPECT_EQ(run(decode, ifa::NoPadding{}), run(decode));
    EXPECT_EQ(run(decode, RightPadding{}), run(decode));
}

TEST(Padding, LeftPaddingWithoutLengthsIsIgnored) {
    const Decode<float> decode(kSizes);
    EXPECT_EQ(run(decode, LeftPadding{.padding = 13}), run(decode));
}

TEST(Padding, AWindowThatWouldBeginBeforeZeroGivesZeros) {
    const Decode<float> decode(kSizes);
    const std::vector<int> lengths{60, 54, 55};
    reference::Problem problem = decode.problem();
    problem.begin = {0, 0, 54 - 54};
    problem.end = {0, 54, 0};
    EXPECT_TRUE(within_bound(run(decode, LeftPadding{.lengths = lengths, .padding = 13}), reference::attend(problem),
                             kTau, "left padding"));
}

TEST(Padding, NegativePaddingIsNone) {
    const Decode<float> decode(kSizes);
    const std::vector<int> lengths{60, 5, 0};
    EXPECT_EQ(run(decode, LeftPadding{.lengths = lengths, .padding = -7}),
              run(decode, LeftPadding{.lengths = lengths}));
}

TEST(Padding, MasksAndBiasesAreIndexedByThePhysicalColumn) {
    const Decode<float> decode(kSizes);
    Random random(9);
    reference::Problem problem = decode.problem();
    problem.hidden = random.mask(3 * 67, 1, 3);
    const std::vector<float> bias = random.vector<float>(3 * 4 * 67);
    problem.bias = as_doubles(bias);
    const std::vector<int> lengths{40, 20, 1};
    for (std::size_t b = 0; b < 3; ++b) problem.end[b] = 67 - 11, problem.begin[b] = 67 - 11 - lengths[b];
    const auto out = run(decode, LeftPadding{.lengths = lengths, .padding = 11},
                         ifa::AttnMask{ifa::mask(problem.hidden, {.batch = 3, .seq = 67})},
                         ifa::PseShift{ifa::bias(bias, {.batch = 3, .heads = 4, .seq = 67})});
    EXPECT_TRUE(within_bound(out, reference::attend(problem), kTau, "left padding"));
}

}  // namespace
