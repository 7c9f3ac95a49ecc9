#include "ifa/dynamic/texts.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace {

using ifa::Axes;
using ifa::DType;

TEST(DTypeText, SaysWhatATypeIs) {
    const auto text = [](const DType& dtype) { return std::string(ifa::DTypeText(dtype).text); };
    EXPECT_EQ(text(DType::kFloat16), "float16");
    EXPECT_EQ(text(DType::kBfloat16), "bfloat16");
    EXPECT_EQ(text(DType::kBool), "bool");
    EXPECT_EQ(text({DType::kBoolean, 1, 1}), "bool1");
    EXPECT_EQ(text({DType::kUInt, 4, 2}), "uint4x2");
    EXPECT_EQ(text({DType::kComplex, 64, 1}), "complex64");
    EXPECT_EQ(text({200, 8, 1}), "type 200 of 8 bits");
}

TEST(AxesText, SaysWhatAShapeIs) {
    const auto text = [](const Axes& axes) { return std::string(ifa::AxesText(axes).text); };
    EXPECT_EQ(text({}), "()");
    EXPECT_EQ(text({3}), "(3,)");
    EXPECT_EQ(text({2, -1, 4}), "(2, -1, 4)");
    EXPECT_EQ(text({1, 2, 3, 4, 5}), "(1, 2, 3, 4, ...)");
    constexpr ifa::Index kLeast = std::numeric_limits<ifa::Index>::min();
    EXPECT_EQ(text({kLeast, kLeast, kLeast, kLeast, 1}).size(), 4 * 20 + 3 * 2 + sizeof("(, ...)") - 1);
}

TEST(ListedName, NumbersTheTensorsOfAList) {
    const std::vector<ifa::Tensor> two(2);
    EXPECT_STREQ(ifa::ListedName("key", two, 1).text, "key[1]");
    EXPECT_STREQ(ifa::ListedName("key", ifa::Tensor(), 0).text, "key");
}

}  // namespace
