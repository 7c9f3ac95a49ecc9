// Tensors of a type and layout chosen at run time, in memory of their own that ends where they end.
#pragma once

#include <algorithm>
#include <utility>

#include "element.hpp"
#include "ifa/tensor_view.hpp"

namespace properties {

using ifa::Index;

inline Index as_index(std::size_t n) {
    return static_cast<Index>(n);
}

// What fills a tensor's elements: stored numbers are value_of_bits * spread + mean, rounded to the type. Powers of two
// and short sums of them keep that exact.
struct Bell {
    double spread = 1;
    double mean = 0;
};

// Any order of the outer axes, with gaps that no element lies in.
inline ifa::Strides random_strides(const ifa::Shape& shape, support::Random& random) {
    const Index extents[] = {shape.batch, shape.heads, shape.seq};
    Index strides[3] = {};
    Index covered = shape.head_dim;
    for (const std::int32_t axis : random.permutation(3)) {
        const auto i = static_cast<std::size_t>(axis);
        strides[i] = covered + random.integer(0, 3);
        covered = strides[i] * std::max<Index>(extents[i], 1);
    }
    return {strides[0], strides[1], strides[2]};
}

inline ifa::Strides strides_of(Layout layout, const ifa::Shape& shape, support::Random& random) {
    if (layout == Layout::kStrided) return random_strides(shape, random);
    const float* const nowhere = nullptr;
    return layout == Layout::kBnsd ? ifa::bnsd(nowhere, shape).strides : ifa::bsh(nowhere, shape).strides;
}

struct Tensor {
    Tensor() = default;

    // Every byte is poisoned. `margin` elements come before the first; as many follow the last if the tensor is
    // `guarded`.
    Tensor(ElementType of_type, const ifa::Shape& of_shape, Layout of_layout, support::Random& random,
           bool guarded = false)
        : type(of_type), shape(of_shape), layout(of_layout), strides(strides_of(of_layout, of_shape, random)) {
        const Index margin = guarded ? 64 : random.integer(1, 8);
        const Index elements = margin + std::max<Index>(ifa::strided<const float*>(nullptr, shape, strides).span(), 0);
        lead = static_cast<std::size_t>(margin) * size_of(type);
        bytes.resize(static_cast<std::size_t>(elements + (guarded ? margin : 0)) * size_of(type));
        poison(type, bytes.data(), bytes.size() / size_of(type));
    }

    std::byte* row(Index b, Index h, Index s) {
        const Index offset = b * strides.batch + h * strides.head + s * strides.seq;
        return bytes.data() + lead + static_cast<std::size_t>(offset) * size_of(type);
    }
    const std::byte* row(Index b, Index h, Index s) const { return const_cast<Tensor*>(this)->row(b, h, s); }

    double get(Index b, Index h, Index s, Index d) const {
        return load(type, row(b, h, s) + static_cast<std::size_t>(d) * size_of(type));
    }
    void set(Index b, Index h, Index s, Index d, double value) {
        store(type, value, row(b, h, s) + static_cast<std::size_t>(d) * size_of(type));
    }

    // Fills one row with the numbers of a seed.
    void fill_row(std::byte* at, std::uint64_t seed, const Bell& bell) const {
        with_element(type, [&](auto x) {
            for (Index d = 0; d < shape.head_dim; ++d, at += sizeof(x)) {
                const double value = value_of_bits(type, mix(seed + static_cast<std::uint64_t>(d)));
                store_as<decltype(x)>(value * bell.spread + bell.mean, at);
            }
        });
    }
    // Appends the numbers of one row.
    void read_row(const std::byte* at, std::vector<double>& to) const {
        with_element(type, [&](auto x) {
            for (Index d = 0; d < shape.head_dim; ++d, at += sizeof(x)) to.push_back(load_as<decltype(x)>(at));
        });
    }
    // Fills every row.
    void fill(std::uint64_t seed, const Bell& bell) {
        for (Index b = 0; b < shape.batch; ++b)
            for (Index h = 0; h < shape.heads; ++h)
                for (Index s = 0; s < shape.seq; ++s) fill_row(row(b, h, s), mix(seed = mix(seed)), bell);
    }

    // The view the library's own maker of this layout gives.
    template <class T>
    ifa::TensorView<T> view() const {
        auto* const data = reinterpret_cast<T*>(const_cast<std::byte*>(bytes.data()) + lead);
        switch (layout) {
            case Layout::kBsh: return ifa::bsh(data, shape);
            case Layout::kBnsd: return ifa::bnsd(data, shape);
            case Layout::kBsnd: return ifa::bsnd(data, shape);
            case Layout::kStrided: break;
        }
        return ifa::strided(data, shape, strides);
    }

    // The elements as an array.
    template <class T>
    ifa::Span<const T> span() const {
        return {view<const T>().data, shape.head_dim};
    }

    ElementType type = ElementType::kFloat32;
    ifa::Shape shape = {.batch = 0};
    Layout layout = Layout::kBsh;
    ifa::Strides strides = {};
    std::size_t lead = 0;  // bytes before the first element
    std::vector<std::byte> bytes = {};
};

// The bytes of `after` that no row of the tensor holds, all as they were.
inline bool untouched_outside_rows(const Tensor& tensor, const std::vector<std::byte>& before) {
    Tensor restored = tensor;
    const std::size_t row_bytes = static_cast<std::size_t>(tensor.shape.head_dim) * size_of(tensor.type);
    for (Index b = 0; b < tensor.shape.batch; ++b)
        for (Index h = 0; h < tensor.shape.heads; ++h)
            for (Index s = 0; s < tensor.shape.seq; ++s) {
                const auto at = restored.row(b, h, s) - restored.bytes.data();
                std::copy_n(before.begin() + at, row_bytes, restored.bytes.begin() + at);
            }
    return restored.bytes == before;
}

}  // namespace properties
