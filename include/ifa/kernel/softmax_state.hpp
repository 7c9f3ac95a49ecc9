// The state of an online softmax over part of a row, how it grows by a tile, and how two parts become the whole.
#pragma once

#include <cmath>
#include <limits>

#include "../simd/row.hpp"
#include "../span.hpp"

namespace ifa::inline IFA_ISA {

inline constexpr float kHidden = -std::numeric_limits<float>::infinity();

// Of the tokens seen so far: the largest score, the sum of exp(score - max), which is about 1 or more, and the sum of
// exp(score - max) * value. The empty state (-inf, 0, zeros) is the identity of merge. Milakov and Gimelshein, "Online
// normalizer calculation for softmax" (2018); the merge is that of split-K decoding in Dao et al., "Flash-Decoding"
// (2023).
struct SoftmaxState {
    float max = kHidden;
    float sum = 0;
    Span<float> acc;  // [Dv], borrowed

    // The state of a part whose normalised output and log-sum-exp are known. `values` becomes acc.
    static inline SoftmaxState from_output(Span<float> values, float log_sum_exp) {
        return {log_sum_exp, log_sum_exp == kHidden ? 0.f : 1.f, values};
    }

    inline void clear() {
        max = kHidden;
        sum = 0;
        for (float& x : acc) x = 0;
    }

    // Adds the tokens of `other`, which must not be among this state's.
    inline void merge(const SoftmaxState& other) {
        const float reference = raise_to(other.max);
        const simd::Float ours = factor(reference, max), theirs = factor(reference, other.max);
        max = other.max > max ? other.max : max;
        sum = simd::first(simd::fma(simd::set(sum), ours, simd::mul(simd::set(other.sum), theirs)));
        simd::transform_row(acc.data(), static_cast<Index>(acc.size()), [&](simd::Float x, Index i, Index count) {
            const simd::Float y = simd::load_some(other.acc.data(), i, count);
            return simd::fma(x, ours, simd::mul(y, theirs));
        });
    }

    // The natural logarithm of the sum of all exp(score), -inf when nothing was visible; before or after normalise().
    inline float log_sum_exp() const {
        return sum == 0 ? kHidden : static_cast<float>(static_cast<double>(max) + std::log(static_cast<double>(sum)));
    }

    // acc / sum, in place; zeros when nothing was visible.
    inline void normalise() {
        if (sum == 0) return clear();
        const simd::Float reciprocal = simd::set(1 / sum);
        simd::transform_row(acc.data(), static_cast<Index>(acc.size()),
                            [&](simd::Float x, Index, Index) { return simd::mul(x, reciprocal); });
    }

   private:
    // What scores are measured from once `other` is seen too; 0 while nothing is visible, so that exp(-inf - 0) = 0.
    IFA_INLINE float raise_to(float other) const {
        const float larger = other > max ? other : max;
        return larger == kHidden ? 0.f : larger;
    }
    IFA_INLINE static simd::Float factor(float reference, float from) { return simd::exp(simd::set(from - reference)); }
};

}  // namespace ifa::inline IFA_ISA
