// Tensors from DLPack's, without its header: from anything with the members of a DLTensor.
#pragma once

#include "tensor.hpp"

namespace ifa {

template <class T>
concept DlTensor = requires(const T& tensor) {
    { tensor.data } -> std::convertible_to<const void*>;
    static_cast<std::int32_t>(tensor.device.device_type);
    { tensor.ndim } -> std::convertible_to<std::int32_t>;
    { tensor.dtype.code } -> std::convertible_to<std::uint8_t>;
    { tensor.dtype.bits } -> std::convertible_to<std::uint8_t>;
    { tensor.dtype.lanes } -> std::convertible_to<std::uint16_t>;
    { tensor.shape } -> std::convertible_to<const std::int64_t*>;
    { tensor.strides } -> std::convertible_to<const std::int64_t*>;
    { tensor.byte_offset } -> std::convertible_to<std::uint64_t>;
};

// The same memory, borrowed. Types, ranks and devices that no call takes are kept, for the call to refuse by name.
template <DlTensor T>
IFA_INLINE Tensor from_dlpack(const T& tensor) {
    void* const data = const_cast<void*>(static_cast<const void*>(tensor.data));
    // Not by its name: a header of this side may not know the device, and its enumeration then cannot hold it.
    std::int32_t device = 0;
    static_assert(sizeof(tensor.device.device_type) == sizeof(device));
    __builtin_memcpy(&device, &tensor.device.device_type, sizeof(device));
    const int rank = tensor.shape || tensor.ndim <= 0 ? tensor.ndim : 0;
    return {data ? static_cast<unsigned char*>(data) + tensor.byte_offset : nullptr,
            {tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes},
            Axes(tensor.shape, rank),
            tensor.strides ? Axes(tensor.strides, rank) : Axes(),
            static_cast<Device>(device)};
}

// From anything shaped like a DLManagedTensor or a DLManagedTensorVersioned, whose owner keeps it.
template <class T>
    requires requires(const T& managed) {
        { managed.dl_tensor } -> DlTensor;
    }
IFA_INLINE Tensor from_dlpack(const T& managed) {
    return from_dlpack(managed.dl_tensor);
}

}  // namespace ifa
