// The contracts every view is held to, and the test whether two of them share memory.
#pragma once

#include "concepts.hpp"

namespace ifa::inline IFA_ISA {

// A data pointer, no negative stride, and a range (if it was one) that holds all the view addresses.
template <class T>
inline void check_view(const char* name, const TensorView<T>& view, Contracts& contracts) {
    const Shape& shape = view.shape;
    if (shape.batch < 0 || shape.heads < 0 || shape.seq < 0 || shape.head_dim < 0)
        return contracts.fail(ErrorKind::kRuntime, "{}: expected extents of at least 0, got ({}, {}, {}, {})", name,
                              shape.batch, shape.heads, shape.seq, shape.head_dim);
    if (view.strides.batch < 0 || view.strides.head < 0 || view.strides.seq < 0)
        return contracts.fail(ErrorKind::kRuntime, "{}: expected strides of at least 0, got ({}, {}, {})", name,
                              view.strides.batch, view.strides.head, view.strides.seq);
    if (!view.data && !view.empty())
        return contracts.fail(ErrorKind::kRuntime, "{}: expected data, got a null pointer", name);
    if (view.extent != kUnknownExtent && view.extent < view.span())
        contracts.fail(ErrorKind::kRuntime, "{}: expected a range of at least {} elements, got {}", name, view.span(),
                       view.extent);
}

template <class T>
inline void check_array(const char* name, const ArrayView<T>& array, Index expected, Contracts& contracts) {
    if (!array.given) return;
    if (!array.data && expected > 0)
        return contracts.fail(ErrorKind::kRuntime, "{}: expected data, got a null pointer", name);
    if (array.extent != kUnknownExtent && array.extent != expected)
        contracts.fail(ErrorKind::kRuntime, "{}: expected {} elements, got {}", name, expected, array.extent);
}

// That the columns of each row lie side by side, as the kernels read them.
template <class T>
inline void check_columns(const char* name, const TensorView<T>& view, Contracts& contracts) {
    if (view.shape.head_dim != 1 || (view.shape.seq > 1 && view.strides.seq != 1))
        contracts.fail(ErrorKind::kRuntime, "{}: expected contiguous columns, got a stride of {} and a head_dim of {}",
                       name, view.strides.seq, view.shape.head_dim);
}

// An array as a view, so that it can be visited like one.
template <class T>
IFA_INLINE TensorView<const T> as_view(const T* data, Index count) {
    return {data, {1, 1, 1, data ? count : 0}, {}, kUnknownExtent};
}

// The memory of a view: rows of `row_bytes`, on a grid of addresses.
struct Region {
    const unsigned char* data = nullptr;
    Index extents[3] = {};
    Index strides[3] = {};  // bytes
    Index row_bytes = 0;
    Index bytes = 0;  // from the first to the last byte, inclusive
};

template <class T>
inline Region region_of(const TensorView<T>& view) {
    constexpr Index kSize = sizeof(T);
    return {reinterpret_cast<const unsigned char*>(view.data),
            {view.shape.batch, view.shape.heads, view.shape.seq},
            {view.strides.batch * kSize, view.strides.head * kSize, view.strides.seq * kSize},
            view.shape.head_dim * kSize,
            view.span() * kSize};
}

// Whether a row of `region` has a byte in [begin, end), offsets from region.data.
inline bool touches(const Region& region, Index begin, Index end) {
    for (Index b = 0; b < region.extents[0]; ++b) {
        for (Index h = 0; h < region.extents[1]; ++h) {
            const Index row = b * region.strides[0] + h * region.strides[1];
            const Index stride = region.strides[2];
            // The first row that ends after `begin`; if any overlaps, this one does.
            const Index behind = begin - row - region.row_bytes;
            const Index first = behind < 0 ? 0 : stride == 0 ? region.extents[2] : behind / stride + 1;
            if (first < region.extents[2] && row + first * stride < end) return true;
        }
    }
    return false;
}

// Whether two views share a byte. Views whose rows interleave in one buffer do not.
inline bool overlap(const Region& a, const Region& b) {
    if (a.bytes == 0 || b.bytes == 0 || a.data >= b.data + b.bytes || b.data >= a.data + a.bytes) return false;
    const Index shift = a.data - b.data;
    for (Index i = 0; i < a.extents[0]; ++i)
        for (Index h = 0; h < a.extents[1]; ++h)
            for (Index s = 0; s < a.extents[2]; ++s) {
                const Index row = shift + i * a.strides[0] + h * a.strides[1] + s * a.strides[2];
                if (touches(b, row, row + a.row_bytes)) return true;
            }
    return false;
}

// An output's rows must not share memory among themselves: sorted by stride, each axis must step over the ones below.
template <class T>
inline void check_output(const char* name, const TensorView<T>& view, Contracts& contracts) {
    check_view(name, view, contracts);
    if (contracts.failed() || view.empty()) return;
    const Index extents[] = {view.shape.batch, view.shape.heads, view.shape.seq};
    const Index strides[] = {view.strides.batch, view.strides.head, view.strides.seq};
    Index covered = view.shape.head_dim;
    bool done[3] = {extents[0] == 1, extents[1] == 1, extents[2] == 1};
    for (int round = 0; round < 3; ++round) {
        int next = -1;
        for (int axis = 0; axis < 3; ++axis)
            if (!done[axis] && (next < 0 || strides[axis] < strides[next])) next = axis;
        if (next < 0) return;
        if (strides[next] < covered)
            return contracts.fail(ErrorKind::kRuntime,
                                  "{}: expected rows that do not overlap, got strides ({}, {}, {})", name, strides[0],
                                  strides[1], strides[2]);
        covered += (extents[next] - 1) * strides[next];
        done[next] = true;
    }
}

}  // namespace ifa::inline IFA_ISA
