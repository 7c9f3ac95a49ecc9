// From chunk states to finished rows.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// Merges states[0], states[stride], ... into the first, along a binary tree over the chunk index: the same sums in the
// same order whoever does it, with an error that grows with the logarithm of the length.
inline void merge_chunks(SoftmaxState* states, Index chunks, Index stride) {
    for (Index step = 1; step < chunks; step *= 2)
        for (Index chunk = 0; chunk + step < chunks; chunk += 2 * step)
            states[chunk * stride].merge(states[(chunk + step) * stride]);
}

// Normalises, brings to real units and stores one row.
template <class Problem>
inline void finish_row(const Problem& problem, const Work& work, Index i, const Scratch& scratch, SoftmaxState& state) {
    const float log_sum_exp = state.normalise();
    if (log_sum_exp != kHidden)
        problem.codec.unfold_output(problem.geometry, work.kv_head,
                                    Problem::kShiftsValues ? scratch.value_shift : nullptr, state.acc.data());
    problem.sink.store(FinishedRow{work.row(i), Span<const float>(state.acc), log_sum_exp});
}

}  // namespace ifa::inline IFA_ISA
