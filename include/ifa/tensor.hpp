// Tensors whose element type and rank are known at run time only, in the terms of DLPack.
#pragma once

#include "span.hpp"

namespace ifa {

// An element type: what its bits mean, how many there are, and how many such lanes make an element. A type of no bits
// is that of an absent tensor.
struct DType {
    enum Code : std::uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBoolean = 6 };

    static const DType kFloat32, kFloat16, kBfloat16, kInt8, kUint8, kBool, kInt32, kInt64;

    std::uint8_t code = kInt;
    std::uint8_t bits = 0;
    std::uint16_t lanes = 1;

    IFA_INLINE constexpr Index bytes() const { return (Index{bits} * lanes + 7) / 8; }
    // The built-in function, as std::bit_cast would be a symbol that units of several instruction sets share.
    IFA_INLINE friend constexpr bool operator==(const DType& a, const DType& b) {
        return __builtin_bit_cast(std::uint32_t, a) == __builtin_bit_cast(std::uint32_t, b);
    }
};
inline constexpr DType DType::kFloat32{kFloat, 32, 1};
inline constexpr DType DType::kFloat16{kFloat, 16, 1};
inline constexpr DType DType::kBfloat16{kBfloat, 16, 1};
inline constexpr DType DType::kInt8{kInt, 8, 1};
inline constexpr DType DType::kUint8{kUInt, 8, 1};
inline constexpr DType DType::kBool{kBoolean, 8, 1};
inline constexpr DType DType::kInt32{kInt, 32, 1};
inline constexpr DType DType::kInt64{kInt, 64, 1};

// The DType of a C++ type.
template <class T>
consteval DType dtype_of() {
    using Element = std::remove_const_t<element_t<T>>;
    if constexpr (std::is_same_v<Element, bool>) return DType::kBool;
    else if constexpr (std::is_same_v<Element, bfloat16>) return DType::kBfloat16;
    else if constexpr (std::is_same_v<Element, float16>) return DType::kFloat16;
    else {
        static_assert(std::is_arithmetic_v<Element>,
                      "not a number, nor registered as one: see ifa::registered_element");
        constexpr auto kCode = std::is_floating_point_v<Element> ? DType::kFloat
                               : std::is_signed_v<Element>       ? DType::kInt
                                                                 : DType::kUInt;
        return {kCode, sizeof(Element) * 8, 1};
    }
}

// DLPack's numbering; everything but kCpu is refused.
enum class Device : std::int32_t { kCpu = 1 };

// The extents or strides of a tensor. A rank beyond what any argument has is kept, the extents beyond are not.
class Axes {
   public:
    static constexpr int kMostAxes = 4;

    IFA_INLINE constexpr Axes() = default;
    template <std::convertible_to<Index>... Values>
        requires(sizeof...(Values) > 0)
    IFA_INLINE constexpr Axes(Values... values) : rank_(sizeof...(Values)) {
        int axis = 0;
        ((axis < kMostAxes ? void(values_[axis++] = static_cast<Index>(values)) : void()), ...);
    }
    IFA_INLINE constexpr Axes(const Index* values, int rank) : rank_(rank) {
        for (int i = 0; i < rank && i < kMostAxes; ++i) values_[i] = values[i];
    }

    IFA_INLINE constexpr int rank() const { return rank_; }
    IFA_INLINE constexpr Index operator[](int axis) const { return values_[axis]; }
    IFA_INLINE constexpr Index& operator[](int axis) { return values_[axis]; }
    IFA_INLINE friend constexpr bool operator==(const Axes& a, const Axes& b) {
        bool equal = a.rank_ == b.rank_;
        for (int i = 0; equal && i < a.rank_ && i < kMostAxes; ++i) equal = a.values_[i] == b.values_[i];
        return equal;
    }

   private:
    int rank_ = 0;
    Index values_[kMostAxes] = {};
};

// A tensor in the caller's memory. Strides are in elements; none means row-major without gaps. Of the tensors of a call
// only the output is written. Tensor{} is an absent one.
struct Tensor {
    void* data = nullptr;
    DType dtype = {};
    Axes shape = {};
    Axes strides = {};
    Device device = Device::kCpu;

    IFA_INLINE constexpr bool given() const { return dtype.bits != 0; }
};

// A tensor over elements of a C++ type.
template <class T>
IFA_INLINE Tensor tensor(T* data, const Axes& shape, const Axes& strides = {}) {
    return {const_cast<void*>(static_cast<const void*>(data)), dtype_of<T>(), shape, strides, Device::kCpu};
}

// One tensor, or a borrowed run of them: the document's tuple or list.
class TensorList {
   public:
    IFA_INLINE constexpr TensorList() = default;
    IFA_INLINE constexpr TensorList(const Tensor& tensor) : one_(tensor), size_(1) {}
    template <ContiguousRange Range>
        requires std::is_convertible_v<decltype(std::declval<Range&>().data()), const Tensor*>
    IFA_INLINE constexpr TensorList(const Range& range)
        : many_(range.data()), size_(static_cast<Index>(range.size())) {}

    IFA_INLINE constexpr Index size() const { return size_; }
    IFA_INLINE constexpr const Tensor& operator[](Index i) const { return many_ ? many_[i] : one_; }

   private:
    Tensor one_ = {};
    const Tensor* many_ = nullptr;
    Index size_ = 0;
};

}  // namespace ifa
