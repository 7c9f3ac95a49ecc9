// Borrowed tensors [batch, heads, seq, head_dim] with any outer strides, and the makers for the operator's layouts.
#pragma once

#include <cstdint>
#include <cstring>

#include "span.hpp"

namespace ifa {

// The logical extents of a tensor, whatever its layout. A query or output has seq 1; a bias or mask has head_dim 1.
struct Shape {
    Index batch = 1;
    Index heads = 1;
    Index seq = 1;
    Index head_dim = 1;
};

// Distances in elements between neighbours; the head_dim axis is contiguous.
struct Strides {
    Index batch = 0;
    Index head = 0;
    Index seq = 0;
};

// A tensor in the caller's memory. `extent` is the number of elements the caller's range holds, if it was a range.
template <class T>
struct TensorView {
    using element = T;

    IFA_INLINE constexpr T* row(Index batch, Index head, Index seq) const {
        return data + batch * strides.batch + head * strides.head + seq * strides.seq;
    }
    // The addresses of `count` rows along seq, beginning with `first`: as integers, which compilers add by the vector.
    IFA_INLINE void gather_rows(T* first, int count, const std::remove_const_t<T>** rows) const {
        using Four = std::uintptr_t __attribute__((vector_size(4 * sizeof(std::uintptr_t))));
        const auto address = reinterpret_cast<std::uintptr_t>(first);
        const auto step = static_cast<std::uintptr_t>(strides.seq) * sizeof(T);
        Four next = {address, address + step, address + 2 * step, address + 3 * step};
        int i = 0;
        for (; i + 4 <= count; i += 4, next += 4 * step)
            std::memcpy(reinterpret_cast<char*>(rows + i), &next, sizeof(next));
        for (; i < count; ++i) rows[i] = first + i * strides.seq;
    }
    IFA_INLINE constexpr bool empty() const {
        return shape.batch == 0 || shape.heads == 0 || shape.seq == 0 || shape.head_dim == 0;
    }
    // Elements from the first to the last one addressed, inclusive.
    IFA_INLINE constexpr Index span() const {
        if (empty()) return 0;
        return (shape.batch - 1) * strides.batch + (shape.heads - 1) * strides.head + (shape.seq - 1) * strides.seq +
               shape.head_dim;
    }
    IFA_INLINE constexpr operator TensorView<const T>() const
        requires(!std::is_const_v<T>)
    {
        return {data, shape, strides, extent};
    }

    T* data = nullptr;
    Shape shape = {};
    Strides strides = {};
    Index extent = kUnknownExtent;
};

// The element type of the view a source makes: registered types become the element they stand for.
template <class Source>
using element_of = element_t<std::remove_pointer_t<decltype(data_of(std::declval<Source&>()))>>;

// A range passed as a temporary would dangle unless it is a view itself.
template <class Source>
concept LastingSource =
    ArraySource<Source> && (std::is_lvalue_reference_v<Source> || std::is_pointer_v<std::decay_t<Source>> ||
                            std::is_trivially_copyable_v<std::decay_t<Source>>);

// A pointer or range as an array of the element type it stands for.
template <class Source>
IFA_INLINE constexpr auto as_elements(Source& source) {
    using T = const element_of<Source>;
    static_assert(sizeof(*data_of(source)) == sizeof(T), "a registered element must have the size it stands for");
    return ArrayView<T>{reinterpret_cast<T*>(data_of(source)), extent_of(source)};
}

// Any layout with contiguous rows. Strides are in elements.
template <LastingSource Source>
    requires Element<element_of<Source>>
IFA_INLINE constexpr auto strided(Source&& source, const Shape& shape, const Strides& strides) {
    using T = element_of<Source>;
    if constexpr (std::is_same_v<T*, decltype(data_of(source))>) {
        return TensorView<T>{data_of(source), shape, strides, extent_of(source)};
    } else {
        static_assert(sizeof(*data_of(source)) == sizeof(T), "a registered element must have the size it stands for");
        return TensorView<T>{reinterpret_cast<T*>(data_of(source)), shape, strides, extent_of(source)};
    }
}

// Head-major: (batch, heads, seq, head_dim), the document's BNSD.
template <LastingSource Source>
IFA_INLINE constexpr auto bnsd(Source&& source, const Shape& shape) {
    const Index head = shape.seq * shape.head_dim;
    return strided(static_cast<Source&&>(source), shape, {shape.heads * head, head, shape.head_dim});
}

// Token-major: (batch, seq, heads * head_dim), the document's BSH.
template <LastingSource Source>
IFA_INLINE constexpr auto bsh(Source&& source, const Shape& shape) {
    const Index token = shape.heads * shape.head_dim;
    return strided(static_cast<Source&&>(source), shape, {shape.seq * token, shape.head_dim, token});
}

// Token-major with the heads axis spelled out: (batch, seq, heads, head_dim).
template <LastingSource Source>
IFA_INLINE constexpr auto bsnd(Source&& source, const Shape& shape) {
    return bsh(static_cast<Source&&>(source), shape);
}

// An additive bias (batch, heads, 1, seq), batch 1 or B; more columns than the cache has are allowed.
template <LastingSource Source>
IFA_INLINE constexpr auto bias(Source&& source, const Shape& shape) {
    return bnsd(static_cast<Source&&>(source), {shape.batch, shape.heads, shape.seq, 1});
}

template <class T>
concept MaskByte = std::is_same_v<T, bool> || std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::uint8_t>;

// A mask (batch, seq) of bool, int8 or uint8; any non-zero byte hides its key. Batch 1 is shared by all sequences.
template <LastingSource Source>
    requires MaskByte<std::remove_cv_t<std::remove_pointer_t<decltype(data_of(std::declval<Source&>()))>>>
IFA_INLINE constexpr TensorView<const std::uint8_t> mask(Source&& source, const Shape& shape) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(data_of(source));
    return {bytes, {shape.batch, 1, shape.seq, 1}, {shape.seq, shape.seq, 1}, extent_of(source)};
}

struct BlockTableShape {
    Index batch = 1;
    Index max_blocks = 1;
};

// Which block of the pool holds tokens [i * block_size, (i + 1) * block_size) of each sequence: [batch, max_blocks].
struct BlockTable {
    const std::int32_t* data = nullptr;
    BlockTableShape shape = {};
    Index extent = kUnknownExtent;

    IFA_INLINE constexpr const std::int32_t* row(Index sequence) const { return data + sequence * shape.max_blocks; }
};

template <LastingSource Source>
    requires std::is_convertible_v<decltype(data_of(std::declval<Source&>())), const std::int32_t*>
IFA_INLINE constexpr BlockTable block_table(Source&& source, const BlockTableShape& shape) {
    return {data_of(source), shape, extent_of(source)};
}

}  // namespace ifa
