// From chunk states to finished rows.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// Chunks merge along a binary tree over their index, neighbours first: the same sums in the same order whoever does it,
// with an error that grows with the logarithm of the length. A span of 2^k chunks is a branch of it.

// Merges states[0], states[stride], ... of chunks or spans into the first.
inline void merge_all(SoftmaxState* states, Index count, Index stride) {
    for (Index step = 1; step < count; step *= 2)
        for (Index i = 0; i + step < count; i += 2 * step) states[i * stride].merge(states[(i + step) * stride]);
}

// Merges chunks that become complete one after the other, each as soon as its neighbour in the tree is. After n of them
// there is one state of each row for every bit of n, that of the highest at depth 0. rows_at(depth) gives where they
// are; attend(i, rows_at(depth)) leaves the i-th chunk's.
template <class Attend, class RowsAt>
IFA_INLINE void merge_in_turn(Index chunks, Index rows, const Attend& attend, const RowsAt& rows_at) {
    const auto merge = [&](Index depth) {
        for (Index i = 0; i < rows; ++i) rows_at(depth - 1).states[i].merge(rows_at(depth).states[i]);
    };
    for (Index chunk = 0; chunk < chunks; ++chunk) {
        Index depth = __builtin_popcountll(static_cast<std::uint64_t>(chunk));
        attend(chunk, rows_at(depth));
        for (Index bits = chunk; bits & 1; bits >>= 1) merge(depth--);
    }
    for (Index depth = __builtin_popcountll(static_cast<std::uint64_t>(chunks)) - 1; depth > 0; --depth) merge(depth);
}

// Normalises, brings to real units and stores one row.
template <class Problem>
inline void finish_row(const Problem& problem, const Work& work, Index i, const Scratch& scratch, SoftmaxState& state) {
    const float log_sum_exp = Problem::kKeepsLogSumExp ? state.log_sum_exp() : 0;
    state.normalise();
    if constexpr (Problem::kQuantised)
        if (state.sum != 0)
            problem.codec.unfold_output(problem.geometry, work.kv_head,
                                        Problem::kShiftsValues ? scratch.value_shift : nullptr, state.acc.data());
    problem.sink.store(FinishedRow{work.row(i), Span<const float>(state.acc), log_sum_exp});
}

}  // namespace ifa::inline IFA_ISA
