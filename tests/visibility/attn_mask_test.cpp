// A byte per token that hides it from every head, and what becomes of rows that see nothing.
#include "ifa/visibility/attn_mask.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::AttnMask;

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 150, .key_dim = 24};

template <class... Policies>
std::vector<float> run(const Decode<float>& decode, ifa::WhollyHiddenRows rows, const Policies&... policies) {
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale, .wholly_hidden_rows = rows}, policies...);
    return all.out.dense();
}
template <class... Policies>
std::vector<float> run(const Decode<float>& decode, const Policies&... policies) {
    return run(decode, ifa::WhollyHiddenRows::kZeros, policies...);
}

// The mask as bytes of type T, a hidden one of which holds `hidden`.
template <class T>
std::unique_ptr<T[]> bytes_of(const std::vector<std::uint8_t>& mask, T hidden) {
    auto bytes = std::make_unique<T[]>(mask.size());
    for (std::size_t i = 0; i < mask.size(); ++i) bytes[i] = mask[i] ? hidden : T{};
    return bytes;
}

TEST(AttnMask, AnyNonZeroByteHidesItsKey) {
    const Decode<float> decode(kSizes);
    reference::Problem problem = decode.problem();
    problem.hidden = Random(2).mask(450, 1, 3);
    const Shape shape{.batch = 3, .seq = 150};
    const auto bools = bytes_of<bool>(problem.hidden, true);
    const auto negative = bytes_of<std::int8_t>(problem.hidden, -128);
    const auto high = bytes_of<std::uint8_t>(problem.hidden, 0x80);
    const std::vector<reference::Row> exact = reference::attend(problem);
    for (const AttnMask& mask : {AttnMask{ifa::mask(bools.get(), shape)}, AttnMask{ifa::mask(negative.get(), shape)},
                                 AttnMask{ifa::mask(high.get(), shape)}})
        EXPECT_TRUE(within_bound(run(decode, mask), exact, kTau, "masked"));
}

TEST(AttnMask, ABatchOfOneIsShared) {
    const Decode<float> decode(kSizes);
    const std::vector<std::uint8_t> one = Random(2).mask(150, 1, 3);
    std::vector<std::uint8_t> each;
    for (int b = 0; b < 3; ++b) each.insert(each.end(), one.begin(), one.end());
    EXPECT_EQ(run(decode, AttnMask{ifa::mask(one, {.batch = 1, .seq = 150})}),
              run(decode, AttnMask{ifa::mask(each, {.batch = 3, .seq = 150})}));
}

TEST(AttnMask, MayHaveMoreColumnsThanTheCache) {
    const Decode<float> decode(kSizes);
    const std::vector<std::uint8_t> wide = Random(2).mask(3 * 333, 1, 3);
    std::vector<std::uint8_t> tight;
    for (std::size_t b = 0; b < 3; ++b) tight.insert(tight.end(), &wide[b * 333], &wide[b * 333 + 150]);
    EXPECT_EQ(run(decode, AttnMask{ifa::mask(wide, {.batch = 3, .seq = 333})}),
              run(decode, AttnMask{ifa::mask(tight, {.batch = 3, .seq = 150})}));
}

TEST(AttnMask, SeveralMasksHideTogether) {
    const Decode<float> decode(kSizes);
    const std::vector<std::uint8_t> a = Random(2).mask(450, 1, 3), b = Random(3).mask(450, 1, 3);
    std::vector<std::uint8_t> either(450);
    for (std::size_t i = 0; i < 450; ++i) either[i] = a[i] | b[i];
    const Shape shape{.batch = 3, .seq = 150};
    EXPECT_EQ(run(decode, AttnMask{ifa::mask(a, shape)}, AttnMask{ifa::mask(b, shape)}),
              run(decode, AttnMask{ifa::mask(either, shape)}));
}

TEST(AttnMask, ARowWithNothingVisibleGivesZeros) {
    const Decode<float> decode(kSizes);
    reference::Problem problem = decode.problem();
    problem.hidden.assign(450, 0);
    std::fill(problem.hidden.begin() + 150, problem.hidden.begin() + 300, std::uint8_t{1});
    const std::vector<float> out = run(decode, AttnMask{ifa::mask(problem.hidden, {.batch = 3, .seq = 150})});
    EXPECT_TRUE(within_bound(out, reference::attend(problem), kTau, "wholly masked"));
    for (std::size_t i = 4 * 24; i < 8 * 24; ++i) EXPECT_EQ(out[i], 0.f);
}

// The second sequence of three is wholly hidden within its window; the third has no window.
reference::Problem wholly_hidden_within_window(const Decode<float>& decode, const std::vector<int>& lengths) {
    reference::Problem problem = decode.problem(lengths);
    problem.hidden = Random(2).mask(450, 1, 3);
    std::fill(problem.hidden.begin() + 150, problem.hidden.begin() + 150 + lengths[1], std::uint8_t{1});
    problem.hidden[150 + static_cast<std::size_t>(lengths[1])] = 0;
    return problem;
}

TEST(AttnMask, TheMeanOfTheValuesIsAnOptIn) {
    const Decode<float> decode(kSizes);
    for (const int length : {1, 24, 63, 64, 65, 127, 149}) {
        const std::vector<int> lengths{150, length, 0};
        reference::Problem problem = wholly_hidden_within_window(decode, lengths);
        const AttnMask mask{ifa::mask(problem.hidden, {.batch = 3, .seq = 150})};
        const ifa::RightPadding padding{.lengths = lengths};
        EXPECT_TRUE(within_bound(run(decode, mask, padding), reference::attend(problem), kTau, "wholly masked"));
        problem.mean_of_wholly_hidden = true;
        const auto out = run(decode, ifa::WhollyHiddenRows::kMeanOfValues, mask, padding);
        EXPECT_TRUE(within_bound(out, reference::attend(problem), kTau, "mean of values")) << length;
    }
}

TEST(AttnMask, TheMeanOfTheValuesLooksAtNeitherKeysNorQueryNorTerms) {
    Decode<float> decode(kSizes);
    const std::vector<std::uint8_t> all(450, 1);
    const AttnMask mask{ifa::mask(all, {.batch = 3, .seq = 150})};
    const std::vector<float> expected = run(decode, ifa::WhollyHiddenRows::kMeanOfValues, mask);
    decode.key.assign(decode.key.size(), std::numeric_limits<float>::quiet_NaN());
    decode.query.assign(decode.query.size(), std::numeric_limits<float>::infinity());
    const auto spoil = [](const ifa::ScoreTile& tile) { tile.scores[0] = std::numeric_limits<float>::quiet_NaN(); };
    EXPECT_EQ(run(decode, ifa::WhollyHiddenRows::kMeanOfValues, mask, spoil), expected);
}

TEST(AttnMask, ItsBitsAreTheColumnsAskedFor) {
    const std::vector<std::uint8_t> bytes{0, 1, 0, 0, 7, 1};
    const AttnMask mask{ifa::mask(bytes, {.batch = 2, .seq = 3})};
    EXPECT_EQ(mask.hidden(0, 0, 3), 0b010u);
    EXPECT_EQ(mask.hidden(1, 1, 2), 0b11u);
    EXPECT_EQ(mask.hidden(1, 0, 1), 0u);
}

}  // namespace
