// Views of the operator's layouts, made from pointers and ranges.
#include "ifa/tensor_view.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "support/tensor.hpp"

namespace {

using support::Index;
using support::Shape;

constexpr Shape kShape{.batch = 2, .heads = 3, .seq = 4, .head_dim = 5};

std::vector<float> counting(std::size_t count) {
    std::vector<float> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0.f);
    return numbers;
}

// Calls visit(b, h, s, element 0 of that row) for every row.
template <class View, class Visit>
void each_row(const View& view, const Visit& visit) {
    for (Index b = 0; b < view.shape.batch; ++b)
        for (Index h = 0; h < view.shape.heads; ++h)
            for (Index s = 0; s < view.shape.seq; ++s) visit(b, h, s, *view.row(b, h, s));
}

TEST(TensorView, BnsdIsHeadMajor) {
    const auto numbers = counting(120);
    each_row(ifa::bnsd(numbers, kShape),
             [](Index b, Index h, Index s, float x) { EXPECT_EQ(x, static_cast<float>(((b * 3 + h) * 4 + s) * 5)); });
}

TEST(TensorView, BshAndBsndAreTokenMajor) {
    const auto numbers = counting(120);
    const auto check = [](Index b, Index h, Index s, float x) {
        EXPECT_EQ(x, static_cast<float>(((b * 4 + s) * 3 + h) * 5));
    };
    each_row(ifa::bsh(numbers, kShape), check);
    each_row(ifa::bsnd(numbers, kShape), check);
}

TEST(TensorView, StridedGoesWhereItIsTold) {
    const auto numbers = counting(400);
    each_row(ifa::strided(numbers, kShape, {.batch = 200, .head = 7, .seq = 40}),
             [](Index b, Index h, Index s, float x) { EXPECT_EQ(x, static_cast<float>(200 * b + 7 * h + 40 * s)); });
}

TEST(TensorView, ABiasHasItsColumnsInARow) {
    const auto numbers = counting(24);
    const auto bias = ifa::bias(numbers, {.batch = 2, .heads = 3, .seq = 4});
    EXPECT_EQ(*bias.row(1, 2, 3), 23.f);
    EXPECT_EQ(bias.span(), 24);
}

TEST(TensorView, SpanReachesToTheLastElement) {
    EXPECT_EQ(ifa::bnsd(static_cast<float*>(nullptr), kShape).span(), 120);
    EXPECT_EQ(ifa::strided(static_cast<float*>(nullptr), kShape, {.batch = 200, .head = 7, .seq = 40}).span(),
              200 + 2 * 7 + 3 * 40 + 5);
    EXPECT_EQ(ifa::bsh(static_cast<float*>(nullptr), {.seq = 0}).span(), 0);
}

TEST(TensorView, KnowsTheExtentOfRangesOnly) {
    std::vector<float> vector(6);
    std::array<float, 7> array = {};
    float bare[8] = {};
    const Shape shape{.head_dim = 6};
    EXPECT_EQ(ifa::bsh(vector, shape).extent, 6);
    EXPECT_EQ(ifa::bsh(std::span<float>(vector), shape).extent, 6);
    EXPECT_EQ(ifa::bsh(array, shape).extent, 7);
    EXPECT_EQ(ifa::bsh(bare, shape).extent, 8);
    EXPECT_EQ(ifa::bsh(vector.data(), shape).extent, ifa::kUnknownExtent);
}

TEST(TensorView, MutableViewsConvertToConstOnes) {
    std::vector<float> numbers(5);
    const auto mutable_view = ifa::bsh(numbers, {.head_dim = 5});
    const ifa::TensorView<const float> view = mutable_view;
    EXPECT_EQ(view.data, numbers.data());
    EXPECT_EQ(view.extent, 5);
    EXPECT_EQ(view.shape.head_dim, 5);
    static_assert(!std::is_convertible_v<ifa::TensorView<const float>, ifa::TensorView<float>>);
}

template <class Source>
concept MakesAView =
    requires(Source&& source) { ifa::strided(static_cast<Source&&>(source), Shape{}, ifa::Strides{}); };

TEST(TensorView, TemporaryRangesAreRefused) {
    static_assert(!MakesAView<std::vector<float>>);
    static_assert(MakesAView<std::vector<float>&>);
    static_assert(MakesAView<const std::vector<float>&>);
    static_assert(MakesAView<std::span<float>>);
    static_assert(!MakesAView<std::vector<double>&>);
}

template <class Byte>
void expect_mask_bytes() {
    const auto bytes = std::make_unique<Byte[]>(6);
    bytes[4] = static_cast<Byte>(1);
    const auto mask = ifa::mask(bytes.get(), {.batch = 2, .seq = 3});
    EXPECT_EQ(*mask.row(1, 0, 1), 1);
    EXPECT_EQ(*mask.row(1, 0, 2), 0);
    EXPECT_EQ(mask.span(), 6);
}

TEST(TensorView, MasksAreBytesOfThreeTypes) {
    expect_mask_bytes<bool>();
    expect_mask_bytes<std::int8_t>();
    expect_mask_bytes<std::uint8_t>();
}

TEST(TensorView, ABlockTableIsRowsOfEntries) {
    const std::vector<std::int32_t> entries{4, 5, 6, 7, 8, 9};
    const ifa::BlockTable table = ifa::block_table(entries, {.batch = 2, .max_blocks = 3});
    EXPECT_EQ(table.row(1)[2], 9);
    EXPECT_EQ(table.extent, 6);
    EXPECT_EQ(ifa::block_table(entries.data(), {.batch = 2, .max_blocks = 3}).extent, ifa::kUnknownExtent);
}

TEST(TensorView, EveryLayoutHoldsTheSameTensor) {
    const auto numbers = counting(120);
    for (const support::Layout layout : support::kLayouts)
        EXPECT_EQ(support::Tensor<float>(numbers, kShape, layout).dense(), numbers) << support::name(layout);
}

}  // namespace
