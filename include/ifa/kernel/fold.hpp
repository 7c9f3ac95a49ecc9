// Folds scale and codec into the query rows of a block, and brings their exponents into a range that cannot overflow.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// max |row|, or a NaN that is in it: by their bits, which have the order of magnitudes, those of a NaN above those of
// infinity. A row is padded with zeros as scratch is. The maximum is taken in several chains, as a single one waits for
// itself. They are cleared one by one: all at once, GCC does it in memory by a string instruction, a hundredth of a
// short call or two.
template <class Float>
inline Float largest_magnitude(const Float* row, Index padded_dim) {
    using Integer = std::conditional_t<sizeof(Float) == sizeof(std::int32_t), std::int32_t, std::int64_t>;
    typedef Integer Bits __attribute__((vector_size(32)));  // NOLINT(modernize-use-using): GCC takes no other
    constexpr Index kLanes = sizeof(Bits) / sizeof(Float), kChains = 4;
    constexpr Integer kAllButSign = std::numeric_limits<Integer>::max();
    const auto keep_larger = [](Bits & to, const Bits& bits) __attribute__((always_inline)) {
        to = bits > to ? bits : to;
    };
    Bits largest[kChains];
    IFA_UNROLL for (Bits& chain : largest) chain = Bits();
    for (Index i = 0; i < padded_dim; i += kLanes * kChains) {
        IFA_UNROLL for (Index c = 0; c < kChains; ++c) {
            Bits bits;
            std::memcpy(&bits, row + i + c * kLanes, sizeof(bits));
            keep_larger(largest[c], bits & kAllButSign);
        }
    }
    IFA_UNROLL for (Index c = 1; c < kChains; ++c) keep_larger(largest[0], largest[c]);
    // Half by half, as GCC would take all lanes apart at once.
    typedef Integer Half __attribute__((vector_size(16)));  // NOLINT(modernize-use-using)
    Half halves[2];
    std::memcpy(halves, &largest[0], sizeof(halves));
    halves[0] = halves[1] > halves[0] ? halves[1] : halves[0];
    Integer most = halves[0][0];
    IFA_UNROLL for (Index k = 1; k < kLanes / 2; ++k) most = halves[0][k] > most ? halves[0][k] : most;
    Float result;
    std::memcpy(&result, &most, sizeof(result));
    return result;
}

IFA_INLINE bool is_finite(double magnitude) {
    constexpr double kLargest = std::numeric_limits<double>::max();
    return magnitude <= kLargest;
}

// The exponent e with a magnitude in [2^e, 2^(e+1)); 0 for zero and what is not finite.
IFA_INLINE int exponent_of(double magnitude) {
    std::int64_t bits;
    std::memcpy(&bits, &magnitude, sizeof(bits));
    const int biased = static_cast<int>(bits >> 52);
    return biased == 0 || !is_finite(magnitude) ? 0 : biased - 1023;
}

// Within what a float holds, of either sign.
IFA_INLINE int bounded(int exponent) {
    return exponent < -120 ? -120 : exponent > 120 ? 120 : exponent;
}

IFA_INLINE double power_of_two(int exponent) {
    const auto bits = static_cast<std::uint64_t>(exponent + 1023) << 52;
    double power;
    std::memcpy(&power, &bits, sizeof(power));
    return power;
}

// Rounding a query to integers moves its scores by about this much at most: what a step of it stands for times the
// largest int8 element times the standard deviation of dim rounding errors.
inline bool needs_low_part(double step, Index dim) {
    constexpr double kTolerance = 0x1p-12;
    return step * step * 0x1p14 * static_cast<double>(dim) / 12 > kTolerance * kTolerance;
}

// A row times `factor`, as floats.
inline void store_query(const double* folded, double factor, Index padded_dim, float* query) {
    for (Index d = 0; d < padded_dim; d += simd::kLanes) simd::store(query + d, simd::load_scaled(folded + d, factor));
}

// The same as integers, and what rounding to them left over, or zeros.
inline void store_query(const double* folded, double factor, bool keeps_low, Index padded_dim, std::int16_t* high,
                        std::int16_t* low) {
    for (Index d = 0; d < padded_dim; d += simd::kLanes) simd::store(high + d, simd::load_scaled(folded + d, factor));
    if (!keeps_low) {
        std::memset(low, 0, static_cast<std::size_t>(padded_dim) * sizeof(*low));
        return;
    }
    for (Index d = 0; d < padded_dim; d += simd::kLanes) {
        float left_over[simd::kLanes];
        for (Index j = 0; j < simd::kLanes; ++j)
            left_over[j] = static_cast<float>((folded[d + j] * factor - high[d + j]) / double{kLowPart});
        simd::store(low + d, simd::load(left_over));
    }
}

// A row times 2^exponent, in place.
inline void shift_query(float* query, int exponent, Index padded_dim) {
    const double factor = power_of_two(exponent);
    if (bounded(exponent) == exponent) {
        const simd::Float by = simd::set(static_cast<float>(factor));
        for (Index d = 0; d < padded_dim; d += simd::kLanes)
            simd::store(query + d, simd::mul(simd::load(query + d), by));
    } else {
        for (Index d = 0; d < padded_dim; ++d) query[d] = static_cast<float>(static_cast<double>(query[d]) * factor);
    }
}

// The exponents of a query, max |q| in [2^e, 2^(e+1)), with which sums over 512 of its products with keys of any finite
// value neither overflow nor lose what counts.
struct Exponents {
    int least, most;
};
template <class Key>
inline constexpr Exponents kSafeExponents = {FloatProducts::query_exponent(512), FloatProducts::query_exponent(512)};
template <>
inline constexpr Exponents kSafeExponents<float16> = {-60, 60};

// Reads and folds the query rows of one kv head into its scratch, where elements are the numbers: a row and the scale
// exchange no more than powers of two, so no bit of the row changes, and what is left of the scale becomes the row's
// multiplier.
template <class Problem>
IFA_INLINE void fold_exact_queries(const Problem& problem, const Work& work, const Scratch& scratch) {
    static_assert(!Problem::kNeedsKeyConstant);  // asks terms, for Clang warns of a kShiftInvariant that nobody reads
    const Index dim = problem.geometry.key_dim, padded_dim = scratch.queries.stride;
    constexpr Exponents kSafe = kSafeExponents<typename Problem::key_type>;
    const int scale_exponent = exponent_of(__builtin_fabs(problem.scale));
    const double scale_mantissa = problem.scale * power_of_two(-scale_exponent);
    for (Index i = 0; i < work.group; ++i) {
        float* const query = scratch.queries[i];
        problem.query.read(work.row(i), query);
        for (Index d = dim; d < padded_dim; ++d) query[d] = 0;
        const int exponent = exponent_of(static_cast<double>(largest_magnitude(query, padded_dim)));
        const int safe = exponent < kSafe.least ? kSafe.least : exponent > kSafe.most ? kSafe.most : exponent;
        const int left = bounded(scale_exponent + exponent - safe);
        scratch.multipliers[i] = static_cast<float>(scale_mantissa * power_of_two(left));
        if (left != scale_exponent) shift_query(query, scale_exponent - left, padded_dim);
        scratch.constants[i] = 0;
    }
}

// The same where a codec says what elements stand for: it is folded in as well, in double, and each row is brought to
// the exponent its arithmetic wants, which multiplying a score by the row's power of two brings back. Integers have
// none for what is not finite: the multiplier is NaN instead.
template <class Problem>
IFA_INLINE void fold_quantised_queries(const Problem& problem, const Work& work, const Scratch& scratch) {
    using Products = typename Problem::Products;
    const Index dim = problem.geometry.key_dim, padded_dim = scratch.queries.stride;
    *scratch.has_low = false;
    for (Index i = 0; i < work.group; ++i) {
        float* const query = scratch.queries[i];
        problem.query.read(work.row(i), query);
        problem.codec.fold_query(problem.geometry, work.kv_head, problem.scale, query, scratch.folded);
        for (Index d = dim; d < padded_dim; ++d) scratch.folded[d] = 0;
        const double magnitude = largest_magnitude(scratch.folded, padded_dim);
        const int exponent = bounded(exponent_of(magnitude) - Products::query_exponent(dim));
        const double step = power_of_two(exponent), steps = power_of_two(-exponent);
        scratch.multipliers[i] = static_cast<float>(step);
        if constexpr (Products::kInteger) {
            const bool keeps_low = needs_low_part(step, dim);
            store_query(scratch.folded, steps, keeps_low, padded_dim, scratch.integer_queries[i],
                        scratch.low_queries()[i]);
            *scratch.has_low |= keeps_low;
            if (!is_finite(magnitude)) scratch.multipliers[i] = __builtin_nanf("");
        } else {
            store_query(scratch.folded, steps, padded_dim, query);
        }
        scratch.constants[i] = 0;
        if constexpr (Problem::kNeedsKeyConstant)
            scratch.constants[i] =
                static_cast<float>(problem.codec.key_constant(problem.geometry, work.kv_head, scratch.folded));
    }
    if constexpr (Problem::kShiftsValues)
        problem.codec.value_shift(problem.geometry, work.kv_head, scratch.value_shift);
}

template <class Problem>
IFA_INLINE void fold_queries(const Problem& problem, const Work& work, const Scratch& scratch) {
    if constexpr (Problem::kQuantised) fold_quantised_queries(problem, work, scratch);
    else fold_exact_queries(problem, work, scratch);
}

}  // namespace ifa::inline IFA_ISA
