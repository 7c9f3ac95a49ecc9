// Where arithmetic could go wrong: bytes that must not be looked at, single keys, extreme logits and magnitudes.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 131, .key_dim = 25, .value_dim = 19};

template <class T>
class Spoilt : public ::testing::Test {
   protected:
    // What the operator may not look at, as an element.
    static std::vector<T> poisons() {
        if constexpr (std::is_integral_v<T>) return {-128, 127};
        else return {static_cast<T>(kNan), static_cast<T>(kInf), static_cast<T>(-kInf)};
    }

    explicit Spoilt() : scales(kSizes.channels(), 3) {}

    // Over a contiguous cache; int8 is dequantised per channel.
    template <class... Policies>
    std::vector<float> run(const Decode<float, T>& decode, const Policies&... policies) const {
        auto all = operands<float>(decode, Layout::kStrided);
        const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
        attend(all.query.view(), kv, all.out.view(), policies...);
        return all.out.dense();
    }
    template <class Kv, class... Policies>
    void attend(const auto& query, const Kv& kv, const auto& out, const Policies&... policies) const {
        if constexpr (std::is_integral_v<T>)
            ifa::incre_flash_attention(query, ifa::antiquant(kv, ifa::per_channel(scales.scale, scales.offset)), out,
                                       {.scale = 0.2}, ifa::HighPrecision{}, policies...);
        else ifa::incre_flash_attention(query, kv, out, {.scale = 0.2}, policies...);
    }

    // Overwrites the key and value rows of every token for which `hidden` is true.
    static void spoil(Decode<float, T>& decode, T poison, const auto& hidden) {
        const auto rows = [&](std::vector<T>& all, Index dim) {
            for (Index row = 0; row < 2 * 2 * 131; ++row)
                if (hidden(row / (2 * 131), row % 131)) std::fill_n(all.begin() + row * dim, dim, poison);
        };
        rows(decode.key, 25), rows(decode.value, 19);
    }

    Decode<float, T> clean{kSizes};
    Scales<float> scales;
};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16, std::int8_t>;
TYPED_TEST_SUITE(Spoilt, Elements);

TYPED_TEST(Spoilt, TokensBeyondTheLengthNeverReachTheOutput) {
    const std::vector<int> lengths{77, 24};
    const ifa::RightPadding right{.lengths = lengths};
    const std::vector<float> expected = this->run(this->clean, right);
    for (const TypeParam poison : this->poisons()) {
        auto spoilt = this->clean;
        this->spoil(spoilt, poison, [&](Index b, Index j) { return j >= lengths[size(b)]; });
        EXPECT_EQ(this->run(spoilt, right), expected);
    }
}

TYPED_TEST(Spoilt, TokensOutsideALeftPaddedWindowNeverReachTheOutput) {
    const std::vector<int> lengths{77, 24};
    const ifa::LeftPadding left{.lengths = lengths, .padding = 5};
    const std::vector<float> expected = this->run(this->clean, left);
    for (const TypeParam poison : this->poisons()) {
        auto spoilt = this->clean;
        this->spoil(spoilt, poison, [&](Index b, Index j) { return j >= 126 || j < 126 - lengths[size(b)]; });
        EXPECT_EQ(this->run(spoilt, left), expected);
    }
}

TYPED_TEST(Spoilt, MaskedTokensNeverReachTheOutput) {
    const std::vector<std::uint8_t> hidden = Random(3).mask(2 * 131, 1, 2);
    const ifa::AttnMask mask{ifa::mask(hidden, {.batch = 2, .seq = 131})};
    const std::vector<float> expected = this->run(this->clean, mask);
    for (const TypeParam poison : this->poisons()) {
        auto spoilt = this->clean;
        this->spoil(spoilt, poison, [&](Index b, Index j) { return hidden[size(b * 131 + j)] != 0; });
        EXPECT_EQ(this->run(spoilt, mask), expected);
    }
}

TYPED_TEST(Spoilt, AWhollyMaskedCacheMayHoldAnything) {
    const std::vector<std::uint8_t> hidden(131, 1);
    for (const TypeParam poison : this->poisons()) {
        auto spoilt = this->clean;
        this->spoil(spoilt, poison, [](Index, Index) { return true; });
        EXPECT_EQ(this->run(spoilt, ifa::AttnMask{ifa::mask(hidden, {.seq = 131})}),
                  std::vector<float>(2 * 6 * 19, 0.f));
    }
}

TYPED_TEST(Spoilt, UnusedPagesNeverReachTheOutput) {
    // Unused blocks, and the unused rest of each last block, are poison already.
    const std::vector<Index> lengths{77, 24};
    const ifa::RightPadding right{.lengths = lengths};
    const std::vector<float> expected = this->run(this->clean, right);
    const Tensor<float> query(this->clean.query, kSizes.query(), Layout::kBsh);
    for (const Index block_size : {16, 50}) {
        const auto pages = paged(this->clean, lengths, block_size, Layout::kStrided);
        Tensor<float> out(kSizes.output(), Layout::kBsh);
        this->attend(query.view(), ifa::PagedKv{pages.key.view(), pages.value.view(), pages.block_table()}, out.view(),
                     right);
        EXPECT_EQ(out.dense(), expected) << block_size;
    }
}

TEST(EdgeCases, HiddenEntriesOfABiasNeverReachTheOutput) {
    const Decode<float> decode(kSizes);
    const std::vector<std::uint8_t> hidden = Random(3).mask(131, 1, 2);
    std::vector<float> bias = Random(4).vector<float>(6 * 150);
    const auto run = [&] {
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {}, ifa::AttnMask{ifa::mask(hidden, {.seq = 131})},
                                   ifa::RightPadding{.lengths = 100},
                                   ifa::PseShift{ifa::bias(bias, {.heads = 6, .seq = 150})});
        return all.out.dense();
    };
    const std::vector<float> expected = run();
    for (const float poison : {kNan, kInf, -kInf}) {
        for (std::size_t i = 0; i < bias.size(); ++i)
            if (i % 150 >= 100 || hidden[i % 150]) bias[i] = poison;
        EXPECT_EQ(run(), expected) << poison;
    }
}

TEST(EdgeCases, OneKeyGivesItsValueWhateverItsScore) {
    const Sizes sizes{.batch = 2, .heads = 4, .kv_heads = 2, .seq = 1, .key_dim = 16};
    for (const double scale : {0.0, 1.0, -1.0, 1e4, -1e4, 1e30}) {
        Decode<float, ifa::float16> decode(sizes);
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {.scale = scale});
        const std::vector<float> out = all.out.dense();
        for (std::size_t i = 0; i < out.size(); ++i) {
            const std::size_t kv_row = i / (4 * 16) * 2 + i / 16 % 4 / 2;
            EXPECT_EQ(out[i], static_cast<float>(decode.value[kv_row * 16 + i % 16])) << scale;
        }
    }
}

TEST(EdgeCases, LogitsOfSixtyThousandAreRight) {
    Decode<float, ifa::float16> decode({.batch = 1, .heads = 4, .kv_heads = 2, .seq = 500, .key_dim = 32});
    Random random(5);
    for (ifa::float16& x : decode.key) x = static_cast<ifa::float16>(random.chance(1, 2) ? 250.f : -250.f);
    for (const double size : {6e4, -6e4}) {
        for (float& x : decode.query) x = random.chance(1, 2) ? 1.f : -1.f;
        decode.scale = size / (250.0 * 32);
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {.scale = decode.scale});
        EXPECT_TRUE(within_bound(all.out.dense(), reference::attend(decode.problem()), kTau, "extreme logits"));
    }
}

TEST(EdgeCases, OneLogitFarAboveTheOthersWins) {
    Decode<float> decode({.batch = 1, .heads = 1, .kv_heads = 1, .seq = 1000, .key_dim = 8});
    constexpr std::size_t kTile = ifa::kTileTokens, kChunk = ifa::kDefaultChunkTokens;
    for (const std::size_t winner : {std::size_t{0}, kTile - 1, kTile, kChunk - 1, kChunk, std::size_t{999}}) {
        std::vector<float> bias(1000, -1e36f);
        bias[winner] = 1e36f;
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {}, ifa::PseShift{ifa::bias(bias, {.seq = 1000})});
        const std::vector<float> value(decode.value.begin() + static_cast<std::ptrdiff_t>(winner * 8),
                                       decode.value.begin() + static_cast<std::ptrdiff_t>(winner * 8 + 8));
        EXPECT_EQ(all.out.dense(), value) << winner;
    }
}

TEST(EdgeCases, AllLogitsEqualGiveTheMean) {
    for (const float logit : {0.f, 6e4f, -6e4f, 1e36f, -1e36f}) {
        const Decode<float> decode({.batch = 1, .heads = 2, .kv_heads = 1, .seq = 700, .key_dim = 16});
        const std::vector<float> bias(1400, logit);
        reference::Problem problem = decode.problem();
        problem.scale = 0;
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {.scale = 0},
                                   ifa::PseShift{ifa::bias(bias, {.heads = 2, .seq = 700})});
        EXPECT_TRUE(within_bound(all.out.dense(), reference::attend(problem), kTau, "equal logits")) << logit;
    }
}

struct Magnitudes {
    float query, key;
    double scale;
    float value;
};
// Products are moderate although their factors, or scale times query, leave the range of float32.
constexpr Magnitudes kMagnitudes[] = {
    {1, 1e30f, 1e-30, 1},      {1e30f, 1e-30f, 1, 1},     {1e-30f, 1e30f, 1, 1},     {1e37f, 1e37f, 1e-74, 1},
    {1e-37f, 1e-37f, 1e74, 1}, {1e37f, 1, 1e-37, 1e33f},  {1, 1e37f, 1e-37, 1e-30f}, {1e-40f, 1e37f, 1e3, 1},
    {1e37f, 1e-40f, 1e3, 1},   {1e-20f, 1e-20f, 1e40, 1}, {1e-37f, 1, 1e37, 1e33f},  {1, 1e-37f, 1e37, 1},
};

template <class T>
class Extreme : public ::testing::Test {};
using Wide = ::testing::Types<float, ifa::bfloat16>;
TYPED_TEST_SUITE(Extreme, Wide);

TYPED_TEST(Extreme, MagnitudesGiveNoNanAndStayWithinTheBound) {
    for (const Magnitudes& m : kMagnitudes) {
        Decode<float, TypeParam> decode({.batch = 1, .heads = 3, .kv_heads = 1, .seq = 300, .key_dim = 40});
        const auto grow = [](auto& elements, float factor) {
            using T = std::remove_cvref_t<decltype(elements[0])>;
            for (T& x : elements) x = static_cast<T>(static_cast<float>(x) * factor);
        };
        grow(decode.query, m.query), grow(decode.key, m.key), grow(decode.value, m.value);
        decode.scale *= m.scale;
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {.scale = decode.scale});
        EXPECT_TRUE(within_bound(all.out.dense(), reference::attend(decode.problem()), kTau, "extreme magnitudes"))
            << m.query << ' ' << m.key << ' ' << m.scale << ' ' << m.value;
    }
}

TEST(EdgeCases, SumsThatCancelDoNotOverflowOnTheWay) {
    // Every partial sum of the first half is beyond float32 when the query is taken as it is.
    Decode<float> decode({.batch = 1, .heads = 1, .kv_heads = 1, .seq = 50, .key_dim = 512});
    for (std::size_t i = 0; i < decode.key.size(); ++i) decode.key[i] = i % 512 < 256 ? 3e38f : -3e38f;
    for (float& x : decode.query) x = 1.f;
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view());
    for (const float x : all.out.dense()) EXPECT_TRUE(std::isfinite(x));
}

TEST(EdgeCases, Int8CachesWithExtremeScalesStayFinite) {
    const Decode<float, std::int8_t> decode({.batch = 1, .heads = 2, .kv_heads = 1, .seq = 100, .key_dim = 16});
    for (const auto& [key_scale, value_scale] : {std::pair{1e36f, 1e-30f}, {1e-36f, 1e33f}, {1e-44f, 1e-36f}}) {
        const std::vector<float> scale{key_scale, value_scale}, offset{16.f, -16.f};
        reference::Problem problem = decode.problem();
        problem.scale = 0.01 / static_cast<double>(key_scale);
        dequantise(problem, as_doubles(scale), as_doubles(offset));
        auto all = operands<float>(decode);
        ifa::incre_flash_attention(
            all.query.view(),
            ifa::antiquant(ifa::ContiguousKv{all.key.view(), all.value.view()}, ifa::per_tensor(scale, offset)),
            all.out.view(), {.scale = problem.scale}, ifa::HighPrecision{});
        EXPECT_TRUE(within_bound(all.out.dense(), reference::attend(problem), kTau, "extreme magnitudes")) << key_scale;
    }
}

TEST(EdgeCases, SubnormalValuesSurvive) {
    Decode<float> decode({.batch = 1, .heads = 1, .kv_heads = 1, .seq = 1, .key_dim = 8});
    decode.value = {1e-40f, -1e-45f, 3e-39f, 1e-44f, -2e-41f, 5e-42f, 1e-38f, 1e-43f};
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view());
    EXPECT_EQ(all.out.dense(), decode.value);
}

}  // namespace
