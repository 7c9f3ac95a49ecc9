// The operations on 8 floats that the kernels are written in, for AVX2 + FMA + F16C.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "../dtype.hpp"

namespace ifa::inline IFA_ISA::simd {

using Float = __m256;
inline constexpr int kLanes = 8;
inline constexpr int kRegisters = 16;
inline constexpr bool kMaskedTails = false;

IFA_INLINE Float set(float x) {
    return _mm256_set1_ps(x);
}

IFA_INLINE Float load(const float* p) {
    return _mm256_loadu_ps(p);
}
IFA_INLINE Float load(const float16* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
IFA_INLINE Float load(const bfloat16* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
IFA_INLINE Float load(const std::int8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
IFA_INLINE Float load(const std::int16_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

// For integer products: sums of 32 bits, and pairs of 16 bits that each sum takes one of.
using Int = __m256i;
using Pairs = __m256i;

IFA_INLINE Int zero_int() {
    return _mm256_setzero_si256();
}
// 16 consecutive elements.
IFA_INLINE Pairs load_pairs(const std::int16_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
IFA_INLINE Pairs load_pairs(const std::int8_t* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
// a[0] b[0] a[1] b[1] ... of 8 elements each.
IFA_INLINE Pairs interleave(const std::int8_t* a, const std::int8_t* b) {
    const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(a));
    const __m128i second = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(b));
    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(first, second));
}
// The same of two vectors of elements, one for each half of every 128 bits: bytes widen as they are loaded, which is
// half the work. in_order() takes sums over the two halves apart.
IFA_INLINE Pairs interleave_two(const std::int8_t* a, const std::int8_t* b, bool high) {
    return high ? _mm256_unpackhi_epi16(load_pairs(a), load_pairs(b))
                : _mm256_unpacklo_epi16(load_pairs(a), load_pairs(b));
}
IFA_INLINE void in_order(Int& low, Int& high) {
    const Int halves = low;
    low = _mm256_permute2x128_si256(halves, high, 0x20);
    high = _mm256_permute2x128_si256(halves, high, 0x31);
}
// The pair at p in every lane.
IFA_INLINE Pairs set_pair(const std::int16_t* p) {
    std::int32_t pair;
    std::memcpy(&pair, p, sizeof(pair));
    return _mm256_set1_epi32(pair);
}
// a[2i] b[2i] + a[2i+1] b[2i+1] + c[i], exact while it fits. Added in place: compilers would have each sum change its
// register in every step, and copy it back.
IFA_INLINE Int dot(Pairs a, Pairs b, Int c) {
    asm("vpaddd {%1, %0, %0|%0, %0, %1}" : "+x"(c) : "x"(_mm256_madd_epi16(a, b)));
    return c;
}
IFA_INLINE Float to_float(Int x) {
    return _mm256_cvtepi32_ps(x);
}

// Narrow stores round to nearest even; integers saturate.
IFA_INLINE void store(float* p, Float x) {
    _mm256_storeu_ps(p, x);
}
IFA_INLINE void store(float16* p, Float x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
IFA_INLINE void store(bfloat16* p, Float x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i high = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, is_nan), 16);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(high, high), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}
IFA_INLINE void store(std::int16_t* p, Float x) {
    // Packing saturates. What is out of range converts to the least integer, so only the upper bound is needed before.
    const __m256i wide = _mm256_cvtps_epi32(_mm256_min_ps(set(32767.f), x));
    const __m128i high = _mm256_extracti128_si256(wide, 1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(_mm256_castsi256_si128(wide), high));
}
IFA_INLINE void store(std::int8_t* p, Float x) {
    const Float bounded = _mm256_min_ps(_mm256_max_ps(x, set(-128.f)), set(127.f));
    const __m256i wide = _mm256_cvtps_epi32(bounded);
    const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(half, half));
}

// kLanes doubles times a factor, in double, rounded to floats.
IFA_INLINE Float load_scaled(const double* p, double factor) {
    const __m256d by = _mm256_set1_pd(factor);
    const __m128 low = _mm256_cvtpd_ps(_mm256_mul_pd(_mm256_loadu_pd(p), by));
    return _mm256_set_m128(_mm256_cvtpd_ps(_mm256_mul_pd(_mm256_loadu_pd(p + 4), by)), low);
}

IFA_INLINE Float add(Float a, Float b) {
    return _mm256_add_ps(a, b);
}
IFA_INLINE Float sub(Float a, Float b) {
    return _mm256_sub_ps(a, b);
}
IFA_INLINE Float mul(Float a, Float b) {
    return _mm256_mul_ps(a, b);
}
IFA_INLINE Float div(Float a, Float b) {
    return _mm256_div_ps(a, b);
}
// a * b + c, rounded once.
IFA_INLINE Float fma(Float a, Float b, Float c) {
    return _mm256_fmadd_ps(a, b, c);
}
// The larger; `b` where either is NaN.
IFA_INLINE Float max(Float a, Float b) {
    return _mm256_max_ps(a, b);
}

// To the nearest whole number, even on a tie.
IFA_INLINE Float round(Float x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

IFA_INLINE Float as_floats(Int x) {
    return _mm256_castsi256_ps(x);
}
IFA_INLINE Int as_ints(Float x) {
    return _mm256_castps_si256(x);
}
IFA_INLINE Int add(Int a, Int b) {
    return _mm256_add_epi32(a, b);
}
// Lanes of a and b, to be combined with those of exchange_high: see reduce_quads. More units of a core
// can blend than shuffle.
template <int Step>
IFA_INLINE Float exchange_low(Float a, Float b) {
    if constexpr (Step == 0) return _mm256_blend_ps(a, b, 0xcc);         // a0 a1 b2 b3
    else if constexpr (Step == 1) return _mm256_shuffle_ps(a, b, 0x88);  // a0 a2 b0 b2
    else return _mm256_blend_ps(a, b, 0xf0);
}
template <int Step>
IFA_INLINE Float exchange_high(Float a, Float b) {
    if constexpr (Step == 0) return _mm256_shuffle_ps(a, b, 0x4e);       // a2 a3 b0 b1
    else if constexpr (Step == 1) return _mm256_shuffle_ps(a, b, 0xdd);  // a1 a3 b1 b3
    else return _mm256_permute2f128_ps(a, b, 0x21);
}
IFA_INLINE float first(Float x) {
    return _mm256_cvtss_f32(x);
}

// For each byte of mask, a byte for each lane: the lanes whose bits are set, in turn; and of each, its turn.
struct LaneOrders {
    std::uint64_t compress[256], expand[256];
};
inline constexpr LaneOrders kLaneOrders = [] {
    LaneOrders orders{};
    for (std::uint64_t mask = 0; mask < 256; ++mask) {
        std::uint64_t turn = 0;
        for (std::uint64_t lane = 0; lane < 8; ++lane) {
            orders.expand[mask] |= turn << (8 * lane);
            if (mask >> lane & 1) orders.compress[mask] |= lane << (8 * turn++);
        }
    }
    return orders;
}();
IFA_INLINE Float in_lane_order(Float x, const std::uint64_t& order) {
    const __m128i lanes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&order));
    return _mm256_permutevar8x32_ps(x, _mm256_cvtepu8_epi32(lanes));
}
// The lanes of x whose bits are set, in turn, then any; and lanes in turn where bits are set, any elsewhere.
IFA_INLINE Float compress(Float x, std::uint64_t bits) {
    return in_lane_order(x, kLaneOrders.compress[bits & 255]);
}
IFA_INLINE Float expand(Float x, std::uint64_t bits) {
    return in_lane_order(x, kLaneOrders.expand[bits & 255]);
}

// mantissa * 2^n, where the low bits of the float `n_plus_magic` hold the integer n (see exp).
IFA_INLINE Float scale_exponent(Float mantissa, Float n_plus_magic) {
    const __m256i shift = _mm256_slli_epi32(_mm256_castps_si256(n_plus_magic), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(mantissa), shift));
}
// x where bit i of `hidden` is clear in lane i, else -inf.
IFA_INLINE Float hide(Float x, std::uint64_t hidden) {
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i bits = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(hidden)), lane), lane);
    return _mm256_blendv_ps(x, set(-__builtin_inff()), _mm256_castsi256_ps(bits));
}
// x where not (at < bound), else 0.
IFA_INLINE Float zero_below(Float x, Float at, Float bound) {
    return _mm256_and_ps(x, _mm256_cmp_ps(at, bound, _CMP_NLT_UQ));
}

}  // namespace ifa::inline IFA_ISA::simd
