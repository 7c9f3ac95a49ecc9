// The operator's own published cases at their true sizes, against the float64 reference, every element checked.
//
// Sequences and heads of the large caches are windows into one buffer, each shifted against the next: shapes, reads and
// arithmetic are those of the full size, memory is not.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::float16;

constexpr double kScale = 0.0883883476483184;  // 1 / sqrt(128)

// `count` elements made of one random run repeated, so that a large buffer is quickly filled.
template <class T>
std::vector<T> repeated(std::size_t count, std::uint64_t seed, const Bell& bell = {}) {
    constexpr std::size_t kRun = 1000003;
    std::vector<T> elements = Random(seed).vector<T>(std::min(count, kRun), bell);
    elements.reserve(count);
    while (elements.size() < count)
        elements.insert(elements.end(), elements.begin(),
                        elements.begin() + static_cast<std::ptrdiff_t>(std::min(kRun, count - elements.size())));
    return elements;
}

// One row at a time of a view, in double.
template <class T>
std::function<const double*(std::size_t)> rows_of(const TensorView<const T>& view) {
    return [view, row = std::vector<double>(size(view.shape.head_dim))](std::size_t at) mutable {
        const auto index = static_cast<Index>(at);
        const Index seq = view.shape.seq, heads = view.shape.heads;
        const T* const from = view.row(index / (seq * heads), index / seq % heads, index % seq);
        for (std::size_t d = 0; d < row.size(); ++d) row[d] = as_double(from[d]);
        return row.data();
    };
}

// Rows of `columns` elements with room for `wider`.
template <class T>
std::vector<T> widened(const std::vector<T>& rows, Index columns, Index wider) {
    std::vector<T> wide(rows.size() / size(columns) * size(wider), T{});
    for (std::size_t i = 0; i < rows.size(); ++i) wide[i / size(columns) * size(wider) + i % size(columns)] = rows[i];
    return wide;
}

// The operands of a case and its reference problem.
template <class Cache>
struct Case {
    Case(const Sizes& all, bool head_major, std::uint64_t seed = 1)
        : sizes(all), layout(head_major ? Layout::kBnsd : Layout::kBsh) {
        Random random(seed);
        query = random.vector<float16>(elements(sizes.query()));
        const std::size_t window = size(sizes.kv_heads * sizes.seq * sizes.key_dim),
                          shift = size(sizes.key_dim) * 5 + 3;
        const std::size_t count = window + shift * size(sizes.batch);
        key_memory = repeated<Cache>(count, seed + 1), value_memory = repeated<Cache>(count, seed + 2, {.mean = 0.5f});
        ifa::Strides strides = view_in(layout, static_cast<Cache*>(nullptr), sizes.key()).strides;
        strides.batch = static_cast<Index>(shift);
        key = ifa::strided(key_memory, sizes.key(), strides), value = ifa::strided(value_memory, sizes.key(), strides);
        problem.batch = size(sizes.batch), problem.heads = size(sizes.heads), problem.kv_heads = size(sizes.kv_heads);
        problem.columns = size(sizes.seq), problem.key_dim = problem.value_dim = size(sizes.key_dim);
        problem.query = as_doubles(query);
        problem.key_row = rows_of<Cache>(key), problem.value_row = rows_of<Cache>(value);
        problem.begin.assign(problem.batch, 0), problem.end.assign(problem.batch, sizes.seq);
        problem.scale = kScale;
    }

    void mask(int numerator, int denominator) {
        problem.hidden = Random(11).mask(problem.batch * problem.columns, numerator, denominator);
    }
    // As ALiBi: heads fall off at their own pace with the distance from the last token.
    void alibi() {
        for (std::size_t h = 0; h < problem.heads; ++h)
            for (std::size_t j = 0; j < problem.columns; ++j)
                bias.push_back(static_cast<float16>(-static_cast<float>(problem.columns - 1 - j) /
                                                    static_cast<float>(2 << h % 8)));
        for (std::size_t b = 0; b < problem.batch; ++b) {
            const std::vector<double> one = as_doubles(bias);
            problem.bias.insert(problem.bias.end(), one.begin(), one.end());
        }
    }
    void limit(const std::vector<Index>& all) {
        lengths = all;
        for (std::size_t b = 0; b < problem.batch; ++b) problem.end[b] = lengths[lengths.size() == 1 ? 0 : b];
    }
    // Left padding: windows end `padding` before the end of the cache, and are empty if they would begin before 0.
    void limit(const std::vector<Index>& all, Index padding) {
        limit(all);
        for (std::size_t b = 0; b < problem.batch; ++b) {
            problem.begin[b] = sizes.seq - padding - problem.end[b];
            problem.end[b] = problem.begin[b] < 0 ? problem.begin[b] : sizes.seq - padding;
        }
    }

    TensorView<const float16> query_view() const { return view_in(layout, query.data(), sizes.query()); }
    auto contiguous() const { return ifa::ContiguousKv{key, value}; }
    ifa::AttnMask attn_mask() const { return {ifa::mask(problem.hidden, {.batch = sizes.batch, .seq = sizes.seq})}; }
    auto pse_shift() const {
        return ifa::PseShift{ifa::bias(bias, {.batch = 1, .heads = sizes.heads, .seq = sizes.seq})};
    }

    // The call with these policies gives the exact rows, in float32 and in float16, over poison.
    template <class Kv, class... Policies>
    void expect_right(const Kv& kv, const Policies&... policies) const {
        const std::vector<reference::Row> exact = reference::attend(problem);
        expect_rows<float>(exact, kv, policies...);
        expect_rows<float16>(exact, kv, policies...);
    }
    template <class Out, class Kv, class... Policies>
    void expect_rows(const std::vector<reference::Row>& exact, const Kv& kv, const Policies&... policies) const {
        Tensor<Out> out(sizes.output(), layout);
        ifa::incre_flash_attention(query_view(), kv, out.view(), {.scale = problem.scale}, policies...);
        EXPECT_TRUE(within_bound(out.dense(), exact, kTau, std::string("acceptance, ") + type_name<Out>() + " output"));
        EXPECT_TRUE(out.surroundings_untouched());
    }

    Sizes sizes;
    Layout layout;
    std::vector<float16> query, bias;
    std::vector<Cache> key_memory, value_memory;
    TensorView<const Cache> key, value;
    std::vector<Index> lengths;
    reference::Problem problem;
};

// Lets the reference see (int8 + offset) * scale, per channel.
template <class T>
void dequantise_rows(Case<std::int8_t>& c, const Scales<T>& scales) {
    const auto dequantised = [&](const TensorView<const std::int8_t>& view, std::size_t channel_0) {
        const auto scale = as_doubles(scales.scale), offset = as_doubles(scales.offset);
        return [=, stored = rows_of<std::int8_t>(view),
                row = std::vector<double>(size(view.shape.head_dim))](std::size_t at) mutable {
            const double* const from = stored(at);
            const std::size_t channel = channel_0 + at / size(view.shape.seq) % size(view.shape.heads) * row.size();
            for (std::size_t d = 0; d < row.size(); ++d) row[d] = (from[d] + offset[channel + d]) * scale[channel + d];
            return row.data();
        };
    };
    c.problem.key_row = dequantised(c.key, 0);
    c.problem.value_row = dequantised(c.value, scales.scale.size() / 2);
}

class BothLayouts : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Acceptance, BothLayouts, ::testing::Bool(),
                         [](const auto& head_major) { return head_major.param ? "BNSD" : "BSH"; });

TEST_P(BothLayouts, FiveHeadsOverOneWithAlibiAndARandomMask) {
    Case<float16> c({.batch = 1, .heads = 5, .kv_heads = 1, .seq = 4096, .key_dim = 128}, GetParam());
    c.mask(1, 2), c.alibi(), c.limit({4096});
    c.expect_right(c.contiguous(), c.attn_mask(), c.pse_shift(), ifa::RightPadding{.lengths = 4096});
}

TEST_P(BothLayouts, TheSameOverPagesOf128) {
    Case<float16> c({.batch = 1, .heads = 5, .kv_heads = 1, .seq = 4096, .key_dim = 128}, GetParam());
    c.mask(1, 2), c.alibi(), c.limit({4096});
    const Pages<float16> pages(c.key_memory, c.sizes.key(), c.value_memory, c.sizes.key(), {4096}, 128, Layout::kBsh);
    EXPECT_EQ(pages.table.back(), -1);
    const std::vector<std::uint8_t> hidden = widened(c.problem.hidden, 4096, pages.columns());
    const std::vector<float16> bias = widened(c.bias, 4096, pages.columns());
    c.expect_right(ifa::PagedKv{pages.key.view(), pages.value.view(), pages.block_table()},
                   ifa::RightPadding{.lengths = 4096},
                   ifa::AttnMask{ifa::mask(hidden, {.batch = 1, .seq = pages.columns()})},
                   ifa::PseShift{ifa::bias(bias, {.batch = 1, .heads = 5, .seq = pages.columns()})});
}

TEST(Acceptance, ThirtyTwoHeadsOver2048TokensInABatchOf32) {
    Case<float16> c({.batch = 32, .heads = 32, .kv_heads = 32, .seq = 2048, .key_dim = 128}, false);
    std::vector<Index> lengths;
    for (Index b = 0; b < 32; ++b) lengths.push_back(b == 0 ? 2048 : b * 61);
    c.mask(1, 3), c.alibi(), c.limit(lengths);
    c.expect_right(c.contiguous(), c.pse_shift(), c.attn_mask(), ifa::RightPadding{.lengths = lengths});
}

TEST(Acceptance, AllOnesAndAllMaskedGivesZerosOrTheMean) {
    const Shape query{.head_dim = 32}, cache{.seq = 32, .head_dim = 32};
    const std::vector<float16> ones(32 * 32, static_cast<float16>(1.f));
    const std::vector<std::uint8_t> hidden(32, 1);
    const auto kv = ifa::ContiguousKv{ifa::bnsd(ones, cache), ifa::bnsd(ones, cache)};
    const auto run = [&](ifa::WhollyHiddenRows rows) {
        Tensor<float16> out(query, Layout::kBnsd);
        ifa::incre_flash_attention(ifa::bnsd(ones, query), kv, out.view(), {.wholly_hidden_rows = rows},
                                   ifa::AttnMask{ifa::mask(hidden, {.seq = 32})});
        return as_doubles(out.dense());
    };
    EXPECT_EQ(run(ifa::WhollyHiddenRows::kZeros), std::vector<double>(32, 0.0));
    EXPECT_EQ(run(ifa::WhollyHiddenRows::kMeanOfValues), std::vector<double>(32, 1.0));
}

TEST_P(BothLayouts, FourHeadsOverOneOfTenTokens) {
    const Case<float16> c({.batch = 1, .heads = 4, .kv_heads = 1, .seq = 10, .key_dim = 128}, GetParam());
    c.expect_right(c.contiguous());
}

TEST_P(BothLayouts, EighteenHeadsOfOneTokenAndDimension57) {
    const Case<float16> c({.batch = 8, .heads = 18, .kv_heads = 18, .seq = 1, .key_dim = 57}, GetParam());
    c.expect_right(c.contiguous());
}

TEST_P(BothLayouts, AWindowLeftOf67PaddingTokens) {
    Case<float16> c({.batch = 1, .heads = 3, .kv_heads = 1, .seq = 567, .key_dim = 128}, GetParam());
    c.limit({500}, 67);
    EXPECT_EQ(c.problem.begin[0], 0);
    EXPECT_EQ(c.problem.end[0], 500);
    c.expect_right(c.contiguous(), ifa::LeftPadding{.lengths = 500, .padding = 67});
}

TEST(Acceptance, OddHeadDimensions) {
    for (const Sizes& sizes : {Sizes{.batch = 2, .heads = 3, .kv_heads = 1, .seq = 1024, .key_dim = 127},
                               Sizes{.batch = 2, .heads = 11, .kv_heads = 11, .seq = 512, .key_dim = 127},
                               Sizes{.batch = 2, .heads = 16, .kv_heads = 16, .seq = 512, .key_dim = 120},
                               Sizes{.batch = 2, .heads = 32, .kv_heads = 16, .seq = 512, .key_dim = 31}}) {
        const Case<float16> c(sizes, false);
        c.expect_right(c.contiguous());
    }
}

TEST_P(BothLayouts, AnInt8CacheWithScalesPerChannel) {
    Case<std::int8_t> c({.batch = 4, .heads = 32, .kv_heads = 16, .seq = 1024, .key_dim = 128}, GetParam());
    const Scales<float16> scales(c.sizes.channels(), 5);
    dequantise_rows(c, scales);
    const auto kv = ifa::antiquant(c.contiguous(), ifa::per_channel(scales.scale, scales.offset));
    const std::vector<reference::Row> exact = reference::attend(c.problem);
    c.expect_rows<float>(exact, kv, ifa::HighPrecision{});
    c.expect_rows<float16>(exact, kv, ifa::HighPrecision{});
}

TEST(Acceptance, TwoHundredFiftySixHeadsOverEightWithLeftPaddingAndInt8OutputPerChannel) {
    Case<float16> c({.batch = 4, .heads = 256, .kv_heads = 8, .seq = 511, .key_dim = 64}, true);
    c.mask(1, 4), c.limit({345, 0, 138, 475}, 14);
    const std::vector<float> scale = Random(1).vector<float>(256 * 64, {.spread = 16.f, .mean = 90.f});
    const std::vector<float> offset = Random(2).vector<float>(256 * 64, {.spread = 8.f});
    Tensor<std::int8_t> out(c.sizes.output(), c.layout);
    ifa::incre_flash_attention(c.query_view(), c.contiguous(),
                               ifa::post_quant(out.view(), ifa::QuantPerChannel{.scale = scale, .offset = offset}),
                               {.scale = kScale}, ifa::LeftPadding{.lengths = c.lengths, .padding = 14}, c.attn_mask());
    const auto channel = [](const std::vector<float>& all) {
        return [&all](std::size_t i) { return as_double(all[i % all.size()]); };
    };
    EXPECT_TRUE(within_step(out.dense(), reference::attend(c.problem), kTau, channel(scale), channel(offset)));
    EXPECT_TRUE(out.surroundings_untouched());
}

TEST(Acceptance, AnInt8CacheOfABatchOf48WithRaggedLengthsAndInt8Output) {
    Case<std::int8_t> c({.batch = 48, .heads = 12, .kv_heads = 4, .seq = 1023, .key_dim = 128}, false);
    std::vector<Index> lengths;
    for (Index b = 0; b < 48; ++b) lengths.push_back(b % 7 == 3 ? 0 : 1022 - b * 21);
    c.limit(lengths, 1);
    const Scales<float16> scales(c.sizes.channels(), 5);
    dequantise_rows(c, scales);
    Tensor<std::int8_t> out(c.sizes.output(), c.layout);
    ifa::incre_flash_attention(c.query_view(),
                               ifa::antiquant(c.contiguous(), ifa::per_channel(scales.scale, scales.offset)),
                               ifa::post_quant(out.view(), {.scale = 20.f, .offset = -4.5f}), {.scale = kScale},
                               ifa::LeftPadding{.lengths = lengths, .padding = 1}, ifa::HighPrecision{});
    EXPECT_TRUE(within_step(
        out.dense(), reference::attend(c.problem), kTau, [](std::size_t) { return 20.0; },
        [](std::size_t) { return -4.5; }));
}

TEST(Acceptance, FourHeadsOver262144TokensOfDimension256) {
    Case<float16> c({.batch = 1, .heads = 4, .kv_heads = 4, .seq = 262144, .key_dim = 256}, true);
    c.problem.scale = 0.0625;
    c.expect_right(c.contiguous());
}

}  // namespace
