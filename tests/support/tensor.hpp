// Test tensors in any layout whose unused memory is poisoned: what is written and what is not can be seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "ifa/tensor_view.hpp"

namespace support {

using ifa::Index;
using ifa::Shape;
using ifa::Strides;
using ifa::TensorView;

inline std::size_t size(Index extent) {
    return static_cast<std::size_t>(extent);
}
inline std::size_t elements(const Shape& shape) {
    return size(shape.batch * shape.heads * shape.seq * shape.head_dim);
}

// kStrided leaves gaps between heads, tokens and sequences.
enum class Layout { kBsh, kBnsd, kBsnd, kStrided };
inline constexpr Layout kLayouts[] = {Layout::kBsh, Layout::kBnsd, Layout::kBsnd, Layout::kStrided};

inline const char* name(Layout layout) {
    constexpr const char* kNames[] = {"BSH", "BNSD", "BSND", "strided"};
    return kNames[static_cast<int>(layout)];
}

template <class T>
TensorView<T> view_in(Layout layout, T* data, const Shape& shape) {
    if (layout == Layout::kBnsd) return ifa::bnsd(data, shape);
    if (layout == Layout::kBsh) return ifa::bsh(data, shape);
    if (layout == Layout::kBsnd) return ifa::bsnd(data, shape);
    const Index head = shape.head_dim + 5, token = shape.heads * head + 3;
    return ifa::strided(data, shape, Strides{shape.seq * token + 7, head, token});
}

// A NaN in every floating-point type, 85 as int8.
template <class T>
inline constexpr unsigned char kPoison = std::is_integral_v<T> ? 0x55 : 0xff;

template <class T>
class Tensor {
   public:
    // All poison, with guards around it: an output. The guards keep the odd alignment of the strided layout's rows.
    Tensor(const Shape& shape, Layout layout) : Tensor(shape, layout, 64) {}

    // `dense` in logical order [batch, heads, seq, head_dim], nothing beyond it: an input. Memory ends with the last
    // row, so that a sanitizer sees a read past it.
    Tensor(const std::vector<T>& dense, const Shape& shape, Layout layout) : Tensor(shape, layout, 0) {
        each_row([&](Index row, T* to) {
            std::memcpy(static_cast<void*>(to), &dense[size(row * shape_.head_dim)], row_bytes());
        });
    }

    TensorView<T> view() { return view_in(layout_, memory_.data() + guard_, shape_); }
    TensorView<const T> view() const { return const_cast<Tensor*>(this)->view(); }
    const Shape& shape() const { return shape_; }
    std::vector<T>& memory() { return memory_; }

    // What the view addresses, in logical order.
    std::vector<T> dense() const {
        std::vector<T> elements(support::elements(shape_));
        const_cast<Tensor*>(this)->each_row([&](Index row, const T* from) {
            std::memcpy(static_cast<void*>(&elements[size(row * shape_.head_dim)]), from, row_bytes());
        });
        return elements;
    }

    bool untouched() const { return all_poison(memory_); }
    // Guards and gaps, everything that the view does not address.
    bool surroundings_untouched() const {
        Tensor copy(*this);
        copy.each_row([&](Index, T* row) { std::memset(static_cast<void*>(row), kPoison<T>, row_bytes()); });
        return all_poison(copy.memory_);
    }
    void poison() {
        if (!memory_.empty()) std::memset(static_cast<void*>(memory_.data()), kPoison<T>, memory_.size() * sizeof(T));
    }

   private:
    Tensor(const Shape& shape, Layout layout, std::size_t guard)
        : shape_(shape),
          layout_(layout),
          guard_(guard),
          memory_(size(view_in(layout, static_cast<T*>(nullptr), shape).span()) + 2 * guard) {
        poison();
    }

    std::size_t row_bytes() const { return size(shape_.head_dim) * sizeof(T); }

    template <class Visit>
    void each_row(const Visit& visit) {
        const TensorView<T> all = view();
        Index row = 0;
        for (Index b = 0; b < shape_.batch; ++b)
            for (Index head = 0; head < shape_.heads; ++head)
                for (Index s = 0; s < shape_.seq; ++s) visit(row++, all.row(b, head, s));
    }

    static bool all_poison(const std::vector<T>& memory) {
        const auto* const bytes = reinterpret_cast<const unsigned char*>(memory.data());
        for (std::size_t i = 0; i < memory.size() * sizeof(T); ++i)
            if (bytes[i] != kPoison<T>) return false;
        return true;
    }

    Shape shape_;
    Layout layout_;
    std::size_t guard_;
    std::vector<T> memory_;
};

}  // namespace support
