// The version, the instruction set this translation unit is compiled for, and the few macros the headers use.
#pragma once

#include <cstdint>

#define IFA_VERSION_MAJOR 0
#define IFA_VERSION_MINOR 1
#define IFA_VERSION_PATCH 0
#define IFA_VERSION (IFA_VERSION_MAJOR * 10000 + IFA_VERSION_MINOR * 100 + IFA_VERSION_PATCH)

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#error "ifa: compile without -ffast-math, -ffinite-math-only and -fassociative-math: hidden tokens are -inf scores"
#endif

// Everything that has code lives in `namespace ifa::inline IFA_ISA`, so that units compiled with different flags can be
// linked into one program. IFA_FORCE_PORTABLE selects the portable kernels whatever the flags; IFA_EMULATE_AVX512, of
// tests/simd/emulated_avx512.hpp, those of AVX-512.
#if !defined(IFA_FORCE_PORTABLE) &&                                                                            \
    (defined(IFA_EMULATE_AVX512) || (defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
                                     defined(__AVX512VL__) && defined(__AVX512VNNI__)))
#define IFA_ISA avx512
#define IFA_ISA_AVX512 1
#elif !defined(IFA_FORCE_PORTABLE) && defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define IFA_ISA avx2
#define IFA_ISA_AVX2 1
#elif !defined(IFA_FORCE_PORTABLE) && defined(__aarch64__) && defined(__ARM_NEON)
#define IFA_ISA neon
#define IFA_ISA_NEON 1
#else
#define IFA_ISA portable
#define IFA_ISA_PORTABLE 1
#endif

#define IFA_STRINGIFY_(x) #x
#define IFA_STRINGIFY(x) IFA_STRINGIFY_(x)

// Vocabulary members and SIMD operations are inlined even at -O0: they leave no symbol that two ISAs could share.
#define IFA_INLINE inline __attribute__((always_inline))

// The error classes keep one identity across shared libraries.
#define IFA_EXPORT __attribute__((visibility("default")))

// Before a loop of constant trip count whose arrays must stay in registers, and before one to be done two steps at a
// time.
#if defined(__clang__)
#define IFA_UNROLL _Pragma("unroll")
#define IFA_UNROLL_TWICE
#else
#define IFA_UNROLL _Pragma("GCC unroll 16")
#define IFA_UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

namespace ifa {

// Every extent, stride and position, in elements or tokens.
using Index = std::int64_t;

// Tokens per tile and per chunk, counted from the window's start: part of the bit contract, the same on every ISA.
// Every register block and every vector divides a tile. What is done once for each tile wants it long, but its
// rows shall stay in the first-level cache from the first block to the last: 24 KiB of keys and values of 128 float16.
inline constexpr int kTileTokens = 48;
inline constexpr Index kDefaultChunkTokens = 11 * kTileTokens;

inline namespace IFA_ISA {

// The instruction set of the kernels this unit calls: "avx512", "avx2", "neon" or "portable".
IFA_INLINE const char* isa() {
    return IFA_STRINGIFY(IFA_ISA);
}

}  // namespace IFA_ISA

}  // namespace ifa
