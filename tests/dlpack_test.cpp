#include "ifa/dlpack.hpp"

#include <dlpack/dlpack.h>
#include <gtest/gtest.h>

#include <cstring>

namespace {

using ifa::Axes;
using ifa::DType;

struct FromDlpack : testing::Test {
    float data[24] = {};
    std::int64_t shape[3] = {2, 3, 4}, strides[3] = {12, 4, 1};
    DLTensor dl = make();

    DLTensor make() {
        DLTensor made = {};
        made.data = data;
        made.device = {kDLCPU, 0};
        made.ndim = 3;
        made.dtype = {kDLFloat, 32, 1};
        made.shape = shape;
        made.strides = strides;
        return made;
    }
};

TEST_F(FromDlpack, TakesTypeShapeAndStrides) {
    const ifa::Tensor tensor = ifa::from_dlpack(dl);
    EXPECT_EQ(tensor.data, data);
    EXPECT_EQ(tensor.dtype, DType::kFloat32);
    EXPECT_EQ(tensor.shape, (Axes{2, 3, 4}));
    EXPECT_EQ(tensor.strides, (Axes{12, 4, 1}));
    EXPECT_EQ(tensor.device, ifa::Device::kCpu);
}

TEST_F(FromDlpack, ReadsMissingStridesAsRowMajor) {
    dl.strides = nullptr;
    EXPECT_EQ(ifa::from_dlpack(dl).strides, Axes());
}

TEST_F(FromDlpack, StartsAtTheByteOffset) {
    dl.byte_offset = 8;
    EXPECT_EQ(ifa::from_dlpack(dl).data, data + 2);
    dl.data = nullptr;
    EXPECT_EQ(ifa::from_dlpack(dl).data, nullptr);
}

TEST_F(FromDlpack, NumbersTypesAsTheHeaderDoes) {
    const auto type = [&](DLDataTypeCode code, int bits, int lanes) {
        dl.dtype = {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(bits),
                    static_cast<std::uint16_t>(lanes)};
        return ifa::from_dlpack(dl).dtype;
    };
    EXPECT_EQ(type(kDLFloat, 16, 1), DType::kFloat16);
    EXPECT_EQ(type(kDLBfloat, 16, 1), DType::kBfloat16);
    EXPECT_EQ(type(kDLInt, 8, 1), DType::kInt8);
    EXPECT_EQ(type(kDLUInt, 8, 1), DType::kUint8);
    EXPECT_EQ(type(kDLInt, 64, 1), DType::kInt64);
    EXPECT_EQ(type(kDLFloat, 16, 2), (DType{DType::kFloat, 16, 2}));
    EXPECT_EQ(type(kDLComplex, 64, 1), (DType{DType::kComplex, 64, 1}));
}

TEST_F(FromDlpack, KeepsOtherDevicesToBeRefused) {
    dl.device = {kDLCUDA, 3};
    EXPECT_EQ(static_cast<int>(ifa::from_dlpack(dl).device), 2);
}

TEST_F(FromDlpack, KeepsDevicesThatThisHeaderDoesNotKnow) {
    const std::int32_t unknown = 32768;
    std::memcpy(&dl.device.device_type, &unknown, sizeof(unknown));
    EXPECT_EQ(static_cast<int>(ifa::from_dlpack(dl).device), unknown);
}

TEST_F(FromDlpack, KeepsRanksToBeRefused) {
    std::int64_t many[12] = {};
    dl.shape = many;
    dl.strides = nullptr;
    dl.ndim = 12;
    EXPECT_EQ(ifa::from_dlpack(dl).shape.rank(), 12);
    dl.ndim = 0;
    dl.shape = nullptr;
    EXPECT_EQ(ifa::from_dlpack(dl).shape.rank(), 0);
}

TEST_F(FromDlpack, LooksIntoManagedTensors) {
    DLManagedTensor managed = {};
    managed.dl_tensor = dl;
    EXPECT_EQ(ifa::from_dlpack(managed).data, data);
}

}  // namespace
