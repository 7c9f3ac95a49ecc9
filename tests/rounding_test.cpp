// Outputs are exactly the float32 result rounded to nearest even: seen where attention passes values on unchanged, over
// a single token, and where it takes the mean of two neighbours.
#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/dynamic_door.hpp"
#include "support/rounding.hpp"
#include "support/tensor.hpp"

namespace {

using namespace support;
using ifa::bfloat16;
using ifa::float16;

// No vector of any instruction set divides it.
constexpr Index kDim = 61;

// Attention of a query of zeros over sequences of `tokens` each, the values of token t being kDim of numbers[t] at a
// time.
template <class Cache>
struct Tokens {
    explicit Tokens(const std::vector<std::vector<Cache>>& numbers)
        : count(numbers[0].size()),
          rows((static_cast<Index>(count) + kDim - 1) / kDim),
          tokens(static_cast<Index>(numbers.size())),
          values(size(rows * tokens * kDim), Cache{}),
          keys(values.size(), Cache{}),
          query(size(rows * kDim), Cache{}) {
        for (std::size_t t = 0; t < numbers.size(); ++t)
            for (std::size_t i = 0; i < count; ++i)
                values[(i / size(kDim) * numbers.size() + t) * size(kDim) + i % size(kDim)] = numbers[t][i];
    }

    Shape row_shape() const { return {.batch = rows, .head_dim = kDim}; }
    Shape cache_shape() const { return {.batch = rows, .seq = tokens, .head_dim = kDim}; }

    // What `sink` makes of the output writes, an element for each number.
    template <class Out, class Sink>
    std::vector<Out> through(const Sink& sink) const {
        Tensor<Out> out(row_shape(), Layout::kStrided);
        ifa::incre_flash_attention(ifa::bsh(query, row_shape()),
                                   ifa::ContiguousKv{ifa::bsh(keys, cache_shape()), ifa::bsh(values, cache_shape())},
                                   sink(out.view()));
        EXPECT_TRUE(out.surroundings_untouched());
        return first(out.dense());
    }
    template <class Out>
    std::vector<Out> rounded_to() const {
        return through<Out>([](const auto& view) { return view; });
    }
    template <class Quant>
    std::vector<std::int8_t> quantised_by(const Quant& quant) const {
        return through<std::int8_t>([&](const auto& view) { return ifa::post_quant(view, quant); });
    }

    // The same through the run-time door, whose output is of the cache's type, or int8 where scale and offset are
    // given.
    template <class Out>
    std::vector<Out> through_dynamic_door(float scale = 1, float offset = 0) const {
        std::vector<Out> out(size(rows * kDim));
        ifa::Arguments arguments{.query = ifa::tensor(query.data(), {rows, 1, kDim}),
                                 .key = {ifa::tensor(keys.data(), {rows, tokens, kDim})},
                                 .value = {ifa::tensor(values.data(), {rows, tokens, kDim})},
                                 .attention_out = ifa::tensor(out.data(), {rows, 1, kDim})};
        if (std::is_same_v<Out, std::int8_t>) {
            arguments.quant_scale2 = ifa::tensor(&scale, {1});
            arguments.quant_offset2 = ifa::tensor(&offset, {1});
        }
        call_dynamic(arguments);
        return first(out);
    }

    std::size_t count;
    Index rows, tokens;
    std::vector<Cache> values, keys, query;

   private:
    template <class Out>
    std::vector<Out> first(std::vector<Out> all) const {
        all.resize(count);
        return all;
    }
};

// A sum that begins with +0 loses the sign of -0.
double without_sign_of_zero(double x) {
    return x == 0 ? 0 : x;
}

// That got[i] is what the real number exact(i) rounds to.
template <class Out, class Exact>
void expect_rounded(const std::vector<Out>& got, const Exact& exact) {
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double x = exact(i), rounded = without_sign_of_zero(kFormat<Out>.round(x));
        ASSERT_PRED2(same, without_sign_of_zero(kFormat<Out>.decode(pattern_of(got[i]))), rounded) << x;
    }
}

template <class T>
class RoundingTo : public ::testing::Test {};
using SixteenBits = ::testing::Types<float16, bfloat16>;
TYPED_TEST_SUITE(RoundingTo, SixteenBits);

TYPED_TEST(RoundingTo, EveryNumberAndTieAndWhatLiesBesideItGoesToTheNearest) {
    const std::vector<float> numbers = numbers_around_ties<TypeParam>();
    expect_rounded(Tokens<float>({numbers}).template rounded_to<TypeParam>(),
                   [&](std::size_t i) { return double{numbers[i]}; });
}

TYPED_TEST(RoundingTo, EveryNumberOfA16BitCacheGoesToTheNearest) {
    const auto from = [](const auto& elements) {
        using From = typename std::remove_cvref_t<decltype(elements)>::value_type;
        expect_rounded(Tokens<From>({elements}).template rounded_to<TypeParam>(),
                       [&](std::size_t i) { return kFormat<From>.decode(pattern_of(elements[i])); });
    };
    from(finite_elements<float16>());
    from(finite_elements<bfloat16>());
}

// Pairs of neighbours whose sum float32 holds.
template <class T>
std::vector<std::vector<T>> neighbours() {
    std::vector<std::vector<T>> pairs(2);
    for (const T element : finite_elements<T>()) {
        const T next = element_of<T>(static_cast<std::uint16_t>(pattern_of(element) + 1));
        if (!std::isfinite(static_cast<float>(next)) || std::abs(static_cast<float>(next)) > 0x1p119f) continue;
        pairs[0].push_back(element);
        pairs[1].push_back(next);
    }
    return pairs;
}

TYPED_TEST(RoundingTo, TheMeanOfNeighboursGoesToTheEvenOneThroughBothDoors) {
    const auto pairs = neighbours<TypeParam>();
    EXPECT_GT(pairs[0].size(), 62000u);
    const Tokens<TypeParam> tokens(pairs);
    const auto mean = [&](std::size_t i) {
        return (double{static_cast<float>(pairs[0][i])} + double{static_cast<float>(pairs[1][i])}) / 2;
    };
    expect_rounded(tokens.template rounded_to<TypeParam>(), mean);
    expect_rounded(tokens.template through_dynamic_door<TypeParam>(), mean);
}

// Every number and tie of both 16-bit types, and the ties of int8 with what lies beside them.
std::vector<float> numbers_around_integers() {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    std::vector<float> numbers = numbers_around_ties<float16>();
    const std::vector<float> more = numbers_around_ties<bfloat16>();
    numbers.insert(numbers.end(), more.begin(), more.end());
    for (int quarter = -600; quarter <= 600; ++quarter) {
        const float x = static_cast<float>(quarter) / 4;
        numbers.insert(numbers.end(), {x, std::nextafterf(x, kInf), std::nextafterf(x, -kInf)});
    }
    return numbers;
}

// What float32 makes of x * scale + offset for a power of two as scale, whether it rounds the product or not.
double scaled(float x, float scale, float offset) {
    const float product = x * scale;
    return double{product + offset};
}

void expect_quantised(const std::vector<std::int8_t>& got, const std::vector<float>& numbers, float scale,
                      float offset) {
    ASSERT_EQ(got.size(), numbers.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_EQ(int{got[i]}, static_cast<int>(rounded_int8(scaled(numbers[i], scale, offset)))) << numbers[i];
}

TEST(RoundingToInt8, EveryNumberAndTieGoesToTheNearestAndSaturates) {
    const std::vector<float> numbers = numbers_around_integers();
    const Tokens<float> tokens({numbers});
    for (const auto& [scale, offset] : {std::pair{1.f, 0.f}, {1.f, 0.5f}, {-2.f, 0.25f}, {0.5f, -128.f}, {64.f, 3.f}}) {
        expect_quantised(tokens.quantised_by(ifa::QuantPerTensor{.scale = scale, .offset = offset}), numbers, scale,
                         offset);
        const std::vector<float> scales(size(kDim), scale), offsets(size(kDim), offset);
        expect_quantised(tokens.quantised_by(ifa::QuantPerChannel{.scale = scales, .offset = offsets}), numbers, scale,
                         offset);
        expect_quantised(tokens.through_dynamic_door<std::int8_t>(scale, offset), numbers, scale, offset);
    }
}

template <class T>
void expect_every_number_quantised() {
    const std::vector<T> elements = finite_elements<T>();
    std::vector<float> numbers;
    for (const T element : elements) numbers.push_back(static_cast<float>(element));
    const Tokens<T> tokens({elements});
    expect_quantised(tokens.quantised_by(ifa::QuantPerTensor{.scale = 1, .offset = 0.5f}), numbers, 1, 0.5f);
    expect_quantised(tokens.template through_dynamic_door<std::int8_t>(1, 0.5f), numbers, 1, 0.5f);
}

TEST(RoundingToInt8, EveryNumberOfA16BitCacheGoesToTheNearestAndSaturates) {
    expect_every_number_quantised<float16>();
    expect_every_number_quantised<bfloat16>();
}

}  // namespace
