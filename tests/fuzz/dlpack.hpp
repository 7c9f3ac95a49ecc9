// The importer of DLPack's tensors, of which the run-time door is called.
#pragma once

#include <dlpack/dlpack.h>

#include "described.hpp"
#include "door.hpp"
#include "ifa/dlpack.hpp"

namespace fuzz {

// A bare tensor, or one with an owner.
inline ifa::Tensor imported(const DLTensor& tensor, bool is_managed) {
    if (!is_managed) return ifa::from_dlpack(tensor);
    DLManagedTensor managed = {};
    managed.dl_tensor = tensor;
    return ifa::from_dlpack(managed);
}

inline void expect_same(const ifa::Tensor& got, const ifa::Tensor& expected) {
    expect(got.data == expected.data, "another address than DLPack's");
    expect(got.dtype == expected.dtype, "another type than DLPack's");
    expect(got.shape == expected.shape && got.strides == expected.strides, "another shape than DLPack's");
    expect(got.device == expected.device, "another device than DLPack's");
}

inline void fuzz_dlpack(const std::uint8_t* bytes, std::size_t size) {
    Input input(bytes, size);
    if (!input.can_be_tried()) return;
    const bool is_managed = input.choices.flag();
    const DoorArguments of(input.call, [&](const Descriptor& descriptor) {
        const Described<DLTensor> described(descriptor);
        const ifa::Tensor tensor = imported(described.tensor, is_managed);
        expect_same(tensor, as_tensor(descriptor));
        return tensor;
    });
    RunTimeDoor door(of.arguments, input.call.concurrency);
    input.run(door, of.arguments);
}

}  // namespace fuzz
