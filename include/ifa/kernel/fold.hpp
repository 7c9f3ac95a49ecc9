// Folds scale and codec into the query rows of a block, and brings their exponents into a range that cannot overflow.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// The exponent e with max |row| in [2^e, 2^(e+1)), within what a float holds; 0 for a row of zeros or one not finite.
IFA_INLINE int largest_exponent(const double* row, Index n) {
    std::uint64_t largest = 0;
    for (Index i = 0; i < n; ++i) {
        std::uint64_t bits;
        std::memcpy(&bits, row + i, sizeof(bits));
        bits &= 0x7fffffffffffffffu;
        largest = bits > largest ? bits : largest;
    }
    const int biased = static_cast<int>(largest >> 52);
    if (biased == 0 || biased == 0x7ff) return 0;
    const int exponent = biased - 1023;
    return exponent < -100 ? -100 : exponent > 100 ? 100 : exponent;
}

IFA_INLINE double power_of_two(int exponent) {
    const auto bits = static_cast<std::uint64_t>(exponent + 1023) << 52;
    double power;
    std::memcpy(&power, &bits, sizeof(power));
    return power;
}

// Reads and folds the query rows of one kv head into its scratch, with their multipliers and constants: each is brought
// to the exponent its arithmetic wants, and multiplying a score by the row's power of two brings back its natural
// value.
template <class Problem>
inline void fold_queries(const Problem& problem, const Work& work, const Scratch& scratch) {
    const Index dim = problem.geometry.key_dim;
    for (Index i = 0; i < work.group; ++i) {
        float* const query = scratch.queries[i];
        problem.query.read(work.row(i), query);
        problem.codec.fold_query(problem.geometry, work.kv_head, problem.scale, query, scratch.folded);
        const int exponent = largest_exponent(scratch.folded, dim) - Problem::Scores::query_exponent(dim);
        const double down = power_of_two(-exponent);
        for (Index d = 0; d < dim; ++d) query[d] = static_cast<float>(scratch.folded[d] * down);
        for (Index d = dim; d < scratch.queries.stride; ++d) query[d] = 0;
        scratch.multipliers[i] = static_cast<float>(power_of_two(exponent));
        scratch.constants[i] = 0;
        if constexpr (Problem::kNeedsKeyConstant)
            scratch.constants[i] =
                static_cast<float>(problem.codec.key_constant(problem.geometry, work.kv_head, scratch.folded));
    }
    if constexpr (Problem::kShiftsValues)
        problem.codec.value_shift(problem.geometry, work.kv_head, scratch.value_shift);
}

}  // namespace ifa::inline IFA_ISA
