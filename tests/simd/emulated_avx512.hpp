// AVX-512 on a machine that has AVX2, FMA and F16C: the intrinsics of simd/avx512.hpp as SIMDe has them, and those that
// it lacks. To be included before the library, with IFA_EMULATE_AVX512 defined; for GCC, which takes an argument of an
// inlined function for a constant when it optimises.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

// Left to what follows: SIMDe's alias of the first does not compile, and its masks and shuffles go lane by lane, for
// which compilers need minutes per kernel.
#undef _mm512_maskz_insertf32x8
#undef _mm512_maskz_mov_ps
#undef _mm512_mask_mov_ps
#undef _mm512_mask_mov_epi32
#undef _mm512_cmp_ps_mask
#undef _mm512_maskz_max_ps
#undef _mm512_maskz_min_ps
#undef _mm512_maskz_roundscale_ps
#undef _mm512_maskz_shuffle_f32x4
#undef _mm512_dpwssd_epi32

#define IFA_EMULATED SIMDE_FUNCTION_ATTRIBUTES

// The kernels find these before the compiler's own, which are outside of namespaces.
namespace ifa {

struct Floats {
    __m256 low, high;
};
struct Doubles {
    __m256d low, high;
};
struct Integers {
    __m256i low, high;
};

IFA_EMULATED Floats halves(__m512 x) {
    return std::bit_cast<Floats>(x);
}
IFA_EMULATED Doubles halves(__m512d x) {
    return std::bit_cast<Doubles>(x);
}
IFA_EMULATED Integers halves(__m512i x) {
    return std::bit_cast<Integers>(x);
}
IFA_EMULATED __m512 joined(const Floats& x) {
    return std::bit_cast<__m512>(x);
}
IFA_EMULATED __m512i joined(const Integers& x) {
    return std::bit_cast<__m512i>(x);
}

// x where bit i of `k` is set for lane i, else 0.
template <class Lane, class Vector, std::size_t... lane>
IFA_EMULATED Vector masked(Lane k, Vector x, std::index_sequence<lane...>) {
    using Lanes [[gnu::vector_size(sizeof(Vector))]] = Lane;
    const Lanes bits{(Lane{1} << lane)...};
    return reinterpret_cast<Vector>(reinterpret_cast<Lanes>(x) & reinterpret_cast<Lanes>((bits & k) != 0));
}
template <class Lane, class Vector>
IFA_EMULATED Vector masked(Lane k, Vector x) {
    return masked(k, x, std::make_index_sequence<sizeof(Vector) / sizeof(Lane)>());
}
template <class Lane, class Halves>
IFA_EMULATED auto masked_halves(Lane k, const Halves& x) {
    return joined(Halves{masked(k, x.low), masked(k >> (sizeof(x.low) / sizeof(Lane)), x.high)});
}
IFA_EMULATED __m512 masked(__mmask16 k, const Floats& x) {
    return masked_halves(std::uint32_t{k}, x);
}
IFA_EMULATED __m512i masked(__mmask16 k, const Integers& x) {
    return masked_halves(std::uint32_t{k}, x);
}

IFA_EMULATED __m512 _mm512_maskz_mov_ps(__mmask16 k, __m512 x) {
    return masked(k, halves(x));
}
IFA_EMULATED __m512 _mm512_mask_mov_ps(__m512 other, __mmask16 k, __m512 x) {
    return _mm512_or_ps(masked(static_cast<__mmask16>(~k), halves(other)), masked(k, halves(x)));
}
IFA_EMULATED __m512i _mm512_mask_mov_epi32(__m512i other, __mmask16 k, __m512i x) {
    return _mm512_or_si512(masked(static_cast<__mmask16>(~k), halves(other)), masked(k, halves(x)));
}

// Loads read no element that is left out.
template <class Vector, class Element>
IFA_EMULATED Vector load_chosen(std::uint32_t k, const void* p) {
    constexpr std::size_t kSize = sizeof(Element), kLanes = sizeof(Vector) / kSize;
    Element elements[kLanes] = {};
    for (std::size_t i = 0; i < kLanes; ++i)
        if (k >> i & 1) std::memcpy(elements + i, static_cast<const char*>(p) + i * kSize, kSize);
    Vector x;
    std::memcpy(&x, elements, sizeof(x));
    return x;
}
IFA_EMULATED __m512 _mm512_maskz_loadu_ps(__mmask16 k, const void* p) {
    return load_chosen<__m512, float>(k, p);
}
IFA_EMULATED __m256i _mm256_maskz_loadu_epi16(__mmask16 k, const void* p) {
    return load_chosen<__m256i, std::int16_t>(k, p);
}
IFA_EMULATED __m256i _mm256_maskz_loadu_epi8(__mmask32 k, const void* p) {
    return load_chosen<__m256i, std::int8_t>(k, p);
}
IFA_EMULATED __m128i _mm_maskz_loadu_epi8(__mmask16 k, const void* p) {
    return load_chosen<__m128i, std::int8_t>(k, p);
}

IFA_EMULATED __m512 _mm512_maskz_cvtph_ps(__mmask16 k, __m256i x) {
    return masked(k,
                  Floats{_mm256_cvtph_ps(_mm256_castsi256_si128(x)), _mm256_cvtph_ps(_mm256_extracti128_si256(x, 1))});
}
IFA_EMULATED __m512i _mm512_maskz_cvtepu16_epi32(__mmask16 k, __m256i x) {
    return masked(k, Integers{_mm256_cvtepu16_epi32(_mm256_castsi256_si128(x)),
                              _mm256_cvtepu16_epi32(_mm256_extracti128_si256(x, 1))});
}
IFA_EMULATED __m512i _mm512_maskz_cvtepi16_epi32(__mmask16 k, __m256i x) {
    return masked(k, Integers{_mm256_cvtepi16_epi32(_mm256_castsi256_si128(x)),
                              _mm256_cvtepi16_epi32(_mm256_extracti128_si256(x, 1))});
}
IFA_EMULATED __m512i _mm512_maskz_cvtepi8_epi32(__mmask16 k, __m128i x) {
    return masked(k, Integers{_mm256_cvtepi8_epi32(x), _mm256_cvtepi8_epi32(_mm_srli_si128(x, 8))});
}
IFA_EMULATED __m512 _mm512_maskz_cvtepi32_ps(__mmask16 k, __m512i x) {
    const Integers of = halves(x);
    return masked(k, Floats{_mm256_cvtepi32_ps(of.low), _mm256_cvtepi32_ps(of.high)});
}

IFA_EMULATED __m512d _mm512_maskz_cvtps_pd(__mmask8 k, __m256 x) {
    const Doubles wide{_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))};
    return std::bit_cast<__m512d>(
        Doubles{masked(std::uint64_t{k}, wide.low), masked(std::uint64_t{k} >> 4, wide.high)});
}

// Rounded as the thread rounds.
IFA_EMULATED __m256 _mm512_maskz_cvtpd_ps(__mmask8 k, __m512d x) {
    const Doubles of = halves(x);
    return masked(std::uint32_t{k}, _mm256_set_m128(_mm256_cvtpd_ps(of.high), _mm256_cvtpd_ps(of.low)));
}
IFA_EMULATED __m512i _mm512_maskz_cvtps_epi32(__mmask16 k, __m512 x) {
    const Floats of = halves(x);
    return masked(k, Integers{_mm256_cvtps_epi32(of.low), _mm256_cvtps_epi32(of.high)});
}
// Rounded as asked.
IFA_EMULATED __m256i _mm512_maskz_cvtps_ph(__mmask16 k, __m512 x, const int mode) {
    const Floats of = halves(x);
    return masked(std::uint16_t{k}, _mm256_set_m128i(_mm256_cvtps_ph(of.high, mode), _mm256_cvtps_ph(of.low, mode)));
}
IFA_EMULATED __m512 _mm512_maskz_roundscale_ps(__mmask16 k, __m512 x, const int mode) {
    const Floats of = halves(x);
    return masked(k, Floats{_mm256_round_ps(of.low, mode), _mm256_round_ps(of.high, mode)});
}

// Narrower integers are the low bits.
using Lanes32 = std::int32_t __attribute__((vector_size(64)));
using Lanes16 = std::int16_t __attribute__((vector_size(32)));
using Lanes8 = std::int8_t __attribute__((vector_size(16)));
IFA_EMULATED __m256i _mm512_maskz_cvtepi32_epi16(__mmask16 k, __m512i x) {
    const Lanes16 narrow = __builtin_convertvector(reinterpret_cast<Lanes32>(x), Lanes16);
    return masked(std::uint16_t{k}, reinterpret_cast<__m256i>(narrow));
}
IFA_EMULATED __m128i _mm512_maskz_cvtepi32_epi8(__mmask16 k, __m512i x) {
    const Lanes8 narrow = __builtin_convertvector(reinterpret_cast<Lanes32>(x), Lanes8);
    return _mm_maskz_mov_epi8(k, reinterpret_cast<__m128i>(narrow));
}

IFA_EMULATED __m512i _mm512_maskz_slli_epi32(__mmask16 k, __m512i x, unsigned count) {
    return masked(k, halves(_mm512_slli_epi32(x, count)));
}
IFA_EMULATED __m512i _mm512_maskz_srli_epi32(__mmask16 k, __m512i x, unsigned count) {
    return masked(k, halves(_mm512_srli_epi32(x, count)));
}

// The second where either is NaN, as one half is.
IFA_EMULATED __m512 _mm512_maskz_max_ps(__mmask16 k, __m512 a, __m512 b) {
    return masked(k, halves(_mm512_max_ps(a, b)));
}
IFA_EMULATED __m512 _mm512_maskz_min_ps(__mmask16 k, __m512 a, __m512 b) {
    return masked(k, halves(_mm512_min_ps(a, b)));
}

IFA_EMULATED __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, const int predicate) {
    const Floats x = halves(a), y = halves(b);
    return static_cast<__mmask16>(_mm256_movemask_ps(_mm256_cmp_ps(x.low, y.low, predicate)) |
                                  _mm256_movemask_ps(_mm256_cmp_ps(x.high, y.high, predicate)) << 8);
}

// Sums wrap around.
IFA_EMULATED __m512i _mm512_dpwssd_epi32(__m512i sum, __m512i a, __m512i b) {
    const Integers s = halves(sum), x = halves(a), y = halves(b);
    return joined(Integers{_mm256_add_epi32(s.low, _mm256_madd_epi16(x.low, y.low)),
                           _mm256_add_epi32(s.high, _mm256_madd_epi16(x.high, y.high))});
}

// Within each 128 bits.
IFA_EMULATED __m512 _mm512_maskz_shuffle_ps(__mmask16 k, __m512 a, __m512 b, const int order) {
    const Floats x = halves(a), y = halves(b);
    return masked(k, Floats{_mm256_shuffle_ps(x.low, y.low, order), _mm256_shuffle_ps(x.high, y.high, order)});
}

IFA_EMULATED __m256 _mm512_maskz_extractf32x8_ps(__mmask8 k, __m512 x, int half) {
    const Floats of = halves(x);
    return masked(std::uint32_t{k}, half == 0 ? of.low : of.high);
}
IFA_EMULATED __m512 _mm512_maskz_insertf32x8(__mmask16 k, __m512 x, __m256 y, int half) {
    const Floats of = halves(x);
    return masked(k, half == 0 ? Floats{y, of.high} : Floats{of.low, y});
}
// Blocks of four lanes: two of a, then two of b.
IFA_EMULATED __m128 block_of(const Floats& x, int block) {
    const __m256 half = block < 2 ? x.low : x.high;
    return block % 2 == 0 ? _mm256_castps256_ps128(half) : _mm256_extractf128_ps(half, 1);
}
IFA_EMULATED __m512 _mm512_maskz_shuffle_f32x4(__mmask16 k, __m512 a, __m512 b, const int order) {
    const Floats x = halves(a), y = halves(b);
    return masked(k, Floats{_mm256_set_m128(block_of(x, order >> 2 & 3), block_of(x, order & 3)),
                            _mm256_set_m128(block_of(y, order >> 6 & 3), block_of(y, order >> 4 & 3))});
}
IFA_EMULATED __m512 _mm512_maskz_expand_ps(__mmask16 k, __m512 x) {
    float from[16], to[16] = {};
    std::memcpy(from, &x, sizeof(x));
    for (std::size_t i = 0, turn = 0; i < 16; ++i)
        if (k >> i & 1) to[i] = from[turn++];
    return std::bit_cast<__m512>(to);
}
IFA_EMULATED float _mm512_cvtss_f32(__m512 x) {
    return _mm256_cvtss_f32(halves(x).low);
}

}  // namespace ifa

#undef IFA_EMULATED
