// The operations on 16 floats that the kernels are written in, for AVX-512 (F, BW, DQ, VL and VNNI).
#pragma once

#include <immintrin.h>

#include <cstring>

#include "../dtype.hpp"

namespace ifa::inline IFA_ISA::simd {

// The masked forms, all lanes chosen, because GCC 12 takes the undefined operand in its plain ones for a mistake.
inline constexpr __mmask16 kAll = 0xffff;

using Float = __m512;
inline constexpr int kLanes = 16;
inline constexpr int kRegisters = 32;
inline constexpr bool kMaskedTails = true;

IFA_INLINE Float set(float x) {
    return _mm512_set1_ps(x);
}

IFA_INLINE Float widen_half(__m256i x) {
    return _mm512_maskz_cvtph_ps(kAll, x);
}
IFA_INLINE Float widen_bfloat(__m256i x) {
    return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAll, _mm512_maskz_cvtepu16_epi32(kAll, x), 16));
}
IFA_INLINE Float widen_int8(__m128i x) {
    return _mm512_maskz_cvtepi32_ps(kAll, _mm512_maskz_cvtepi8_epi32(kAll, x));
}

IFA_INLINE Float load(const float* p) {
    return _mm512_loadu_ps(p);
}
IFA_INLINE Float load(const float16* p) {
    return widen_half(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
IFA_INLINE Float load(const bfloat16* p) {
    return widen_bfloat(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
IFA_INLINE Float load(const std::int8_t* p) {
    return widen_int8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

IFA_INLINE Float load(const std::int16_t* p) {
    const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_maskz_cvtepi32_ps(kAll, _mm512_maskz_cvtepi16_epi32(kAll, narrow));
}

// kLanes doubles times a factor, in double, rounded to floats.
IFA_INLINE Float load_scaled(const double* p, double factor) {
    const __m512d by = _mm512_set1_pd(factor);
    const __m256 low = _mm512_maskz_cvtpd_ps(0xff, _mm512_mul_pd(_mm512_loadu_pd(p), by));
    const __m256 high = _mm512_maskz_cvtpd_ps(0xff, _mm512_mul_pd(_mm512_loadu_pd(p + 8), by));
    return _mm512_maskz_insertf32x8(kAll, _mm512_castps256_ps512(low), high, 1);
}

// The first `count` elements, then zeros.
IFA_INLINE __mmask16 first_lanes(Index count) {
    return static_cast<__mmask16>((1u << count) - 1);
}
IFA_INLINE Float load_masked(const float* p, Index count) {
    return _mm512_maskz_loadu_ps(first_lanes(count), p);
}
IFA_INLINE Float load_masked(const float16* p, Index count) {
    return widen_half(_mm256_maskz_loadu_epi16(first_lanes(count), p));
}
IFA_INLINE Float load_masked(const bfloat16* p, Index count) {
    return widen_bfloat(_mm256_maskz_loadu_epi16(first_lanes(count), p));
}
IFA_INLINE Float load_masked(const std::int8_t* p, Index count) {
    return widen_int8(_mm_maskz_loadu_epi8(first_lanes(count), p));
}

// Narrow stores round to nearest even; integers saturate.
IFA_INLINE __m512i bounded_integers(Float x, float low, float high) {
    return _mm512_maskz_cvtps_epi32(kAll, _mm512_maskz_min_ps(kAll, _mm512_maskz_max_ps(kAll, x, set(low)), set(high)));
}
IFA_INLINE void store(float* p, Float x) {
    _mm512_storeu_ps(p, x);
}
IFA_INLINE void store(float16* p, Float x) {
    const __m256i half = _mm512_maskz_cvtps_ph(kAll, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), half);
}
IFA_INLINE void store(bfloat16* p, Float x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_maskz_srli_epi32(kAll, bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __m512i high = _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_maskz_cvtepi32_epi16(kAll, _mm512_maskz_srli_epi32(kAll, high, 16)));
}
IFA_INLINE void store(std::int16_t* p, Float x) {
    const __m256i narrow = _mm512_maskz_cvtepi32_epi16(kAll, bounded_integers(x, -32768.f, 32767.f));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow);
}
IFA_INLINE void store(std::int8_t* p, Float x) {
    const __m128i narrow = _mm512_maskz_cvtepi32_epi8(kAll, bounded_integers(x, -128.f, 127.f));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow);
}

IFA_INLINE Float add(Float a, Float b) {
    return _mm512_add_ps(a, b);
}
IFA_INLINE Float sub(Float a, Float b) {
    return _mm512_sub_ps(a, b);
}
IFA_INLINE Float mul(Float a, Float b) {
    return _mm512_mul_ps(a, b);
}
IFA_INLINE Float div(Float a, Float b) {
    return _mm512_div_ps(a, b);
}
// a * b + c, rounded once.
IFA_INLINE Float fma(Float a, Float b, Float c) {
    return _mm512_fmadd_ps(a, b, c);
}
// The larger; `b` where either is NaN.
IFA_INLINE Float max(Float a, Float b) {
    return _mm512_maskz_max_ps(kAll, a, b);
}
// To the nearest whole number, even on a tie.
IFA_INLINE Float round(Float x) {
    return _mm512_maskz_roundscale_ps(kAll, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

// For integer products: sums of 32 bits, and pairs of 16 bits that each sum takes one of.
using Int = __m512i;
using Pairs = __m512i;

IFA_INLINE Int zero_int() {
    return _mm512_setzero_si512();
}
// 32 consecutive elements.
IFA_INLINE Pairs load_pairs(const std::int16_t* p) {
    return _mm512_loadu_si512(p);
}
IFA_INLINE Pairs load_pairs(const std::int8_t* p) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
IFA_INLINE Pairs load_pairs_masked(const std::int8_t* p, Index count) {
    return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(static_cast<__mmask32>((std::uint64_t{1} << count) - 1), p));
}
// a[0] b[0] a[1] b[1] ... of 16 elements each.
IFA_INLINE Pairs interleave(const std::int8_t* a, const std::int8_t* b) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b));
    const __m256i low = _mm256_castsi128_si256(_mm_unpacklo_epi8(first, second));
    return _mm512_cvtepi8_epi16(_mm256_inserti128_si256(low, _mm_unpackhi_epi8(first, second), 1));
}
// The same of two vectors of elements, one for each half of every 128 bits: bytes widen as they are loaded, which is
// half the work. in_order() takes sums over the two halves apart.
IFA_INLINE Pairs interleave_two(const std::int8_t* a, const std::int8_t* b, bool high) {
    return high ? _mm512_unpackhi_epi16(load_pairs(a), load_pairs(b))
                : _mm512_unpacklo_epi16(load_pairs(a), load_pairs(b));
}
IFA_INLINE void in_order(Int& low, Int& high) {
    const __m512 a = _mm512_castsi512_ps(low), b = _mm512_castsi512_ps(high);
    const __m512 first = _mm512_maskz_shuffle_f32x4(kAll, a, b, 0x44);  // a0 a1 b0 b1
    const __m512 second = _mm512_maskz_shuffle_f32x4(kAll, a, b, 0xee);
    low = _mm512_castps_si512(_mm512_maskz_shuffle_f32x4(kAll, first, first, 0xd8));
    high = _mm512_castps_si512(_mm512_maskz_shuffle_f32x4(kAll, second, second, 0xd8));
}
// The pair at p in every lane.
IFA_INLINE Pairs set_pair(const std::int16_t* p) {
    std::int32_t pair;
    std::memcpy(&pair, p, sizeof(pair));
    return _mm512_set1_epi32(pair);
}
// a[2i] b[2i] + a[2i+1] b[2i+1] + c[i], exact while it fits.
IFA_INLINE Int dot(Pairs a, Pairs b, Int c) {
    return _mm512_dpwssd_epi32(c, a, b);
}
IFA_INLINE Float to_float(Int x) {
    return _mm512_maskz_cvtepi32_ps(kAll, x);
}

IFA_INLINE Float as_floats(Int x) {
    return _mm512_castsi512_ps(x);
}
IFA_INLINE Int as_ints(Float x) {
    return _mm512_castps_si512(x);
}
IFA_INLINE Int add(Int a, Int b) {
    return _mm512_add_epi32(a, b);
}
// Lanes of a and b, to be combined with those of exchange_high: see reduce_quads. More units of a core
// can blend than shuffle.
template <int Step>
IFA_INLINE Float exchange_low(Float a, Float b) {
    if constexpr (Step == 0) return _mm512_mask_blend_ps(0xcccc, a, b);              // a0 a1 b2 b3
    else if constexpr (Step == 1) return _mm512_maskz_shuffle_ps(kAll, a, b, 0x88);  // a0 a2 b0 b2
    else if constexpr (Step == 2) return _mm512_mask_blend_ps(0xff00, a, b);
    else return _mm512_maskz_shuffle_f32x4(kAll, a, b, 0x88);
}
template <int Step>
IFA_INLINE Float exchange_high(Float a, Float b) {
    if constexpr (Step == 0) return _mm512_maskz_shuffle_ps(kAll, a, b, 0x4e);       // a2 a3 b0 b1
    else if constexpr (Step == 1) return _mm512_maskz_shuffle_ps(kAll, a, b, 0xdd);  // a1 a3 b1 b3
    else return _mm512_maskz_shuffle_f32x4(kAll, a, b, Step == 2 ? 0x4e : 0xdd);
}
IFA_INLINE float first(Float x) {
    return _mm512_cvtss_f32(x);
}

// The lanes of x whose bits are set, in turn, then any; and lanes in turn where bits are set, any elsewhere.
IFA_INLINE Float compress(Float x, std::uint64_t bits) {
    return _mm512_maskz_compress_ps(static_cast<__mmask16>(bits), x);
}
IFA_INLINE Float expand(Float x, std::uint64_t bits) {
    return _mm512_maskz_expand_ps(static_cast<__mmask16>(bits), x);
}

// mantissa * 2^n, where the low bits of the float `n_plus_magic` hold the integer n (see exp).
IFA_INLINE Float scale_exponent(Float mantissa, Float n_plus_magic) {
    const __m512i shift = _mm512_maskz_slli_epi32(kAll, _mm512_castps_si512(n_plus_magic), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(mantissa), shift));
}
// x where bit i of `hidden` is clear in lane i, else -inf.
IFA_INLINE Float hide(Float x, std::uint64_t hidden) {
    return _mm512_mask_mov_ps(x, static_cast<__mmask16>(hidden), set(-__builtin_inff()));
}
// x where not (at < bound), else 0.
IFA_INLINE Float zero_below(Float x, Float at, Float bound) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(at, bound, _CMP_NLT_UQ), x);
}

}  // namespace ifa::inline IFA_ISA::simd
