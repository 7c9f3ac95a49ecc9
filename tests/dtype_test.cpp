// Element types, and a caller's own 16-bit type that joins them without a copy.
#include "ifa/dtype.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace caller {
struct Half {
    std::uint16_t bits;
};
}  // namespace caller

template <>
struct ifa::registered_element<caller::Half> {
    using type = ifa::float16;
};

namespace {

using namespace support;

static_assert(ifa::Element<float> && ifa::Element<ifa::float16> && ifa::Element<ifa::bfloat16>);
static_assert(ifa::Element<const std::int8_t> && !ifa::Element<double> && !ifa::Element<std::uint8_t>);
static_assert(ifa::FloatElement<const float> && !ifa::FloatElement<std::int8_t>);
static_assert(std::is_same_v<ifa::element_t<caller::Half>, ifa::float16>);
static_assert(std::is_same_v<ifa::element_t<const caller::Half>, const ifa::float16>);
static_assert(std::is_same_v<ifa::element_t<const float>, const float>);

std::vector<caller::Half> as_callers(const std::vector<ifa::float16>& elements) {
    std::vector<caller::Half> own(elements.size());
    std::memcpy(own.data(), elements.data(), elements.size() * sizeof(caller::Half));
    return own;
}

TEST(Dtype, ARegisteredTypeIsViewedWhereItLies) {
    std::vector<caller::Half> own(12);
    const auto view = ifa::bsh(own, {.batch = 1, .heads = 3, .head_dim = 4});
    static_assert(std::is_same_v<decltype(view)::element, ifa::float16>);
    EXPECT_EQ(static_cast<const void*>(view.data), static_cast<const void*>(own.data()));
    EXPECT_EQ(view.extent, 12);
}

TEST(Dtype, ConstMemoryOfARegisteredTypeGivesAConstView) {
    const std::vector<caller::Half> own(4);
    static_assert(std::is_same_v<decltype(ifa::bnsd(own, {.head_dim = 4}))::element, const ifa::float16>);
    static_assert(std::is_same_v<decltype(ifa::bnsd(own.data(), {.head_dim = 4}))::element, const ifa::float16>);
}

TEST(Dtype, ARegisteredTypeGivesTheBitsOfTheElementItStandsFor) {
    const Decode<ifa::float16> decode({.batch = 2, .heads = 4, .kv_heads = 2, .seq = 50, .key_dim = 24});
    auto plain = operands<ifa::float16>(decode);
    ifa::incre_flash_attention(plain.query.view(), ifa::ContiguousKv{plain.key.view(), plain.value.view()},
                               plain.out.view(), {.scale = decode.scale});

    const Sizes& sizes = decode.sizes;
    const auto query = as_callers(plain.query.memory());
    const auto key = as_callers(plain.key.memory()), value = as_callers(plain.value.memory());
    std::vector<caller::Half> out(elements(sizes.output()));
    ifa::incre_flash_attention(ifa::bsh(query, sizes.query()),
                               ifa::ContiguousKv{ifa::bsh(key, sizes.key()), ifa::bsh(value, sizes.value())},
                               ifa::bsh(out, sizes.output()), {.scale = decode.scale});
    const std::vector<ifa::float16> expected = plain.out.dense();
    EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size() * sizeof(out[0])), 0);
}

TEST(Dtype, ParametersMayBeOfARegisteredTypeToo) {
    const std::vector<caller::Half> scale(4);
    static_assert(std::is_same_v<decltype(ifa::per_channel(scale)), ifa::PerChannel<const ifa::float16>>);
    EXPECT_EQ(static_cast<const void*>(ifa::per_channel(scale).scale.data), static_cast<const void*>(scale.data()));
}

}  // namespace
