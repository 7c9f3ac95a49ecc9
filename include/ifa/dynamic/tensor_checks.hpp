// What a tensor of the run-time door is held to, by itself or against what its argument asks for.
#pragma once

#include "../errors.hpp"
#include "parsed_arguments.hpp"
#include "texts.hpp"

namespace ifa::inline IFA_ISA {

// That a tensor that is there has one of two types, the same one twice if there is but one.
inline void expect_dtype(const char* name, const Tensor& tensor, const DType& first, const DType& second,
                         Contracts& contracts) {
    if (!tensor.given() || tensor.dtype == first || tensor.dtype == second) return;
    if (first == second)
        contracts.fail(ErrorKind::kType, "{}: expected {}, got {}", name, DTypeText(first).text,
                       DTypeText(tensor.dtype).text);
    else
        contracts.fail(ErrorKind::kType, "{}: expected {} or {}, got {}", name, DTypeText(first).text,
                       DTypeText(second).text, DTypeText(tensor.dtype).text);
}

inline void expect_given(const char* name, const Tensor& tensor, Contracts& contracts) {
    if (!tensor.given()) contracts.fail(ErrorKind::kRuntime, "{}: expected a tensor, got none", name);
}

inline void expect_absent(const char* name, const Tensor& tensor, const char* why, Contracts& contracts) {
    if (tensor.given()) contracts.fail(ErrorKind::kRuntime, "{}: expected none ({}), got a tensor", name, why);
}

// Whether elements and the bytes from the first to the last can be counted. An axis of no elements counts as one: the
// others are multiplied all the same.
inline bool is_countable(const Tensor& tensor) {
    Index elements = 1, last = 0, step = 0;
    bool overflow = false;
    const auto extent = [&](int axis) { return tensor.shape[axis] > 1 ? tensor.shape[axis] : 1; };
    for (int i = 0; i < tensor.shape.rank(); ++i)
        overflow = overflow || __builtin_mul_overflow(elements, extent(i), &elements);
    for (int i = 0; i < tensor.strides.rank(); ++i)
        overflow = overflow || __builtin_mul_overflow(extent(i) - 1, tensor.strides[i], &step) ||
                   __builtin_add_overflow(last, step, &last);
    const Index most = (Index{1} << 62) / 8;
    return !overflow && elements <= most && last <= most;
}

// To the largest power of two that divides an element's size. A type without lanes, which no argument takes, has none.
inline bool is_aligned(const void* data, Index element_bytes) {
    const auto alignment = static_cast<std::uintptr_t>(element_bytes & -element_bytes);
    return alignment == 0 || (reinterpret_cast<std::uintptr_t>(data) & (alignment - 1)) == 0;
}

// What every tensor is held to, whatever it is for.
inline void check_tensor(const char* name, const Tensor& tensor, Contracts& contracts) {
    const Axes &shape = tensor.shape, &strides = tensor.strides;
    if (tensor.device != Device::kCpu)
        return contracts.fail(ErrorKind::kRuntime, "{}: expected a tensor on the CPU, got one on device type {}", name,
                              static_cast<Index>(tensor.device));
    if (shape.rank() > Axes::kMostAxes || shape.rank() < 0)
        return contracts.fail(ErrorKind::kRuntime, "{}: expected at most {} axes, got {}", name, Axes::kMostAxes,
                              shape.rank());
    if (strides.rank() != 0 && strides.rank() != shape.rank())
        return contracts.fail(ErrorKind::kRuntime, "{}: expected a stride for each of {} axes, got {}", name,
                              shape.rank(), strides.rank());
    bool empty = false;
    for (int i = 0; i < shape.rank(); ++i) {
        empty = empty || shape[i] == 0;
        if (shape[i] < 0)
            return contracts.fail(ErrorKind::kRuntime, "{}: expected extents of at least 0, got {}", name,
                                  AxesText(shape).text);
        if (strides.rank() != 0 && strides[i] < 0 && shape[i] > 1)
            return contracts.fail(ErrorKind::kRuntime, "{}: expected strides of at least 0, got {}", name,
                                  AxesText(strides).text);
    }
    if (!is_countable(tensor))
        return contracts.fail(ErrorKind::kRuntime,
                              "{}: expected a tensor within 2^59 elements, got shape {} and strides {}", name,
                              AxesText(shape).text, AxesText(strides).text);
    if (empty) return;
    if (!tensor.data) return contracts.fail(ErrorKind::kRuntime, "{}: expected data, got a null pointer", name);
    if (!is_aligned(tensor.data, tensor.dtype.bytes()))
        contracts.fail(ErrorKind::kRuntime, "{}: expected data aligned to {} bytes, got an odd address", name,
                       tensor.dtype.bytes());
    const int last = shape.rank() - 1;
    if (last >= 0 && shape[last] > 1 && stride_of(tensor, last) != 1)
        contracts.fail(ErrorKind::kRuntime, "{}: expected a last axis of stride 1, got {}", name,
                       stride_of(tensor, last));
}

inline void expect_shape(const char* name, const Tensor& tensor, const Axes& expected, Contracts& contracts) {
    if (tensor.given() && tensor.shape != expected)
        contracts.fail(ErrorKind::kRuntime, "{}: expected shape {}, got {}", name, AxesText(expected).text,
                       AxesText(tensor.shape).text);
}

inline void expect_contiguous(const char* name, const Tensor& tensor, Contracts& contracts) {
    Index dense = 1;
    for (int i = tensor.shape.rank() - 1; tensor.given() && i >= 0; --i) {
        if (tensor.shape[i] > 1 && stride_of(tensor, i) != dense)
            return contracts.fail(ErrorKind::kRuntime, "{}: expected contiguous elements, got strides {}", name,
                                  AxesText(tensor.strides).text);
        dense *= tensor.shape[i];
    }
}

}  // namespace ifa::inline IFA_ISA
