#include "ifa/tensor.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace {

using ifa::Axes;
using ifa::DType;
using ifa::Tensor;

static_assert(ifa::dtype_of<float>() == DType::kFloat32);
static_assert(ifa::dtype_of<const ifa::float16>() == DType::kFloat16);
static_assert(ifa::dtype_of<ifa::bfloat16>() == DType::kBfloat16);
static_assert(ifa::dtype_of<std::int8_t>() == DType::kInt8 && ifa::dtype_of<std::uint8_t>() == DType::kUint8);
static_assert(ifa::dtype_of<bool>() == DType::kBool && ifa::dtype_of<double>() == DType{DType::kFloat, 64, 1});
static_assert(ifa::dtype_of<std::int32_t>() == DType::kInt32 && ifa::dtype_of<std::int64_t>() == DType::kInt64);
static_assert(!(DType::kInt8 == DType::kUint8) && !(DType::kInt32 == DType{DType::kInt, 32, 2}));
static_assert(DType::kBool.bytes() == 1 && DType::kInt64.bytes() == 8 && DType{DType::kUInt, 4, 2}.bytes() == 1);

TEST(Axes, KeepARankBeyondWhatTheyHold) {
    const Axes axes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    EXPECT_EQ(axes.rank(), 10);
    EXPECT_EQ(axes[3], 4);
}

TEST(Axes, AreEqualWhenRankAndExtentsAre) {
    EXPECT_EQ((Axes{1, 2}), (Axes{1, 2}));
    EXPECT_FALSE((Axes{1, 2} == Axes{1, 3}));
    EXPECT_FALSE((Axes{1, 2} == Axes{1, 2, 1}));
    EXPECT_EQ(Axes(), Axes{});
}

TEST(Tensor, IsAbsentUntilItHasAType) {
    EXPECT_FALSE(Tensor{}.given());
    const float x = 0;
    const Tensor scalar = ifa::tensor(&x, {});
    EXPECT_TRUE(scalar.given());
    EXPECT_EQ(scalar.data, &x);
    EXPECT_EQ(scalar.device, ifa::Device::kCpu);
}

TEST(TensorList, HoldsOneTensorOrBorrowsSeveral) {
    float x[2] = {};
    const Tensor first = ifa::tensor(x, {1}), second = ifa::tensor(x + 1, {1});
    EXPECT_EQ(ifa::TensorList().size(), 0);
    const ifa::TensorList one = {first};
    EXPECT_EQ(one.size(), 1);
    EXPECT_EQ(one[0].data, x);
    const std::vector<Tensor> both{first, second};
    const ifa::TensorList list = both;
    EXPECT_EQ(list.size(), 2);
    EXPECT_EQ(list[1].data, x + 1);
    EXPECT_EQ(ifa::TensorList(std::array<Tensor, 0>{}).size(), 0);
}

}  // namespace
