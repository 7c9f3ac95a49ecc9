// Operations on one row of any length, written once over the seam.
#pragma once

#include "simd.hpp"

namespace ifa::inline IFA_ISA::simd {

// Calls visit(i, count) for each vector of a row, the last of which may be short.
template <class Visit>
IFA_INLINE void for_each_vector(Index n, const Visit& visit) {
    const Index whole = n & -Index{kLanes};
    IFA_UNROLL_TWICE for (Index i = 0; i < whole; i += kLanes) visit(i, Index{kLanes});
    if (whole < n) visit(whole, n - whole);
}

// The elements [i, i + count) of an array that may end there.
template <class T>
IFA_INLINE Float load_some(const T* array, Index i, Index count) {
    return count == kLanes ? load(array + i) : load_partial(array + i, count);
}
template <class T>
IFA_INLINE void store_some(T* array, Index i, Index count, Float x) {
    if (count == kLanes) store(array + i, x);
    else store_partial(array + i, x, count);
}

// to[i] = from[i] for n elements, through float; narrow types round to nearest even, int8 saturates.
template <class From, class To>
inline void convert_row(const From* from, Index n, To* to) {
    for_each_vector(n, [&](Index i, Index count) { store_some(to, i, count, load_some(from, i, count)); });
}

// row[i] = function(row[i], i, count) for n floats, a vector at a time; lanes beyond n are not written.
template <class Function>
IFA_INLINE void transform_row(float* row, Index n, const Function& function) {
    for_each_vector(
        n, [&](Index i, Index count) { store_some(row, i, count, function(load_some(row, i, count), i, count)); });
}

}  // namespace ifa::inline IFA_ISA::simd
