// A descriptor as the C structures have it: extents and strides in arrays of their own that end where they end.
#pragma once

#include <cstring>
#include <memory>

#include "call.hpp"

namespace fuzz {

// Struct is a DLTensor, or what is laid out like one.
template <class Struct>
class Described {
   public:
    explicit Described(const Descriptor& d) : shape_(copy_of(d.shape, d.rank)), strides_(copy_of(d.strides, d.rank)) {
        tensor.data = d.is_null ? nullptr : d.data;
        std::memcpy(&tensor.device.device_type, &d.device, sizeof(d.device));  // an enumeration may not have the number
        tensor.ndim = d.rank;
        tensor.dtype = {d.dtype.code, d.dtype.bits, d.dtype.lanes};
        tensor.shape = shape_.get();
        tensor.strides = d.has_strides ? strides_.get() : nullptr;
        tensor.byte_offset = d.byte_offset;
    }
    Described(const Described&) = delete;
    Described& operator=(const Described&) = delete;

    Struct tensor = {};

   private:
    using Axes = std::unique_ptr<std::int64_t[]>;  // not null without axes either

    static Axes copy_of(const std::array<Index, Descriptor::kMostAxes>& values, int rank) {
        Axes copy(new std::int64_t[static_cast<std::size_t>(std::max(rank, 0))]);
        std::copy_n(values.begin(), std::max(rank, 0), copy.get());
        return copy;
    }

    Axes shape_, strides_;
};

}  // namespace fuzz
