// Picks the operations of this unit's instruction set and builds on them what every set shares.
#pragma once

#include <cstring>

#include "../config.hpp"

#if defined(IFA_ISA_AVX512)
#include "avx512.hpp"
#elif defined(IFA_ISA_AVX2)
#include "avx2.hpp"
#elif defined(IFA_ISA_NEON)
#include "neon.hpp"
#else
#include "portable.hpp"
#endif

#if defined(__SSE__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace ifa::inline IFA_ISA::simd {

// x, loaded once: compilers would repeat the load of an operand in each instruction that uses it, and loads are what a
// register block saves. An emulated vector is larger than a register.
template <class Vector>
IFA_INLINE Vector in_register(Vector x) {
#if defined(__x86_64__) && !defined(IFA_EMULATE_AVX512)
    asm("" : "+v"(x));
#elif defined(__aarch64__)
    asm("" : "+w"(x));
#endif
    return x;
}
// The same of an address: compilers would keep each of the addresses at constant distances from it in a register of its
// own, of which there are too few.
template <class T>
IFA_INLINE T* in_register(T* address) {
    asm("" : "+r"(address));
    return address;
}

// Reductions of several vectors at once: the lanes of each are combined by a tree, the same for all, which halves two
// vectors to one in each step. `combine` is commutative.
using Combine = Float (*)(Float, Float);

template <Combine combine, int Step>
IFA_INLINE Float halve(Float a, Float b) {
    return combine(exchange_low<Step>(a, b), exchange_high<Step>(a, b));
}
// The first two steps: of a, b, c and d, whatever kLanes is.
template <Combine combine>
IFA_INLINE Float reduce_quad(Float a, Float b, Float c, Float d) {
    return halve<combine, 1>(halve<combine, 0>(a, b), halve<combine, 0>(c, d));
}
// The others: a lane for each of the kLanes vectors that the quads were made of, in their order.
template <Combine combine>
IFA_INLINE Float reduce_quads(const Float (&quads)[kLanes / 4]) {
    if constexpr (kLanes == 4) return quads[0];
    else if constexpr (kLanes == 8) return halve<combine, 2>(quads[0], quads[1]);
    else return halve<combine, 3>(halve<combine, 2>(quads[0], quads[1]), halve<combine, 2>(quads[2], quads[3]));
}

#if !defined(IFA_ISA_AVX512) && !defined(IFA_ISA_AVX2)
// The lanes of x whose bits are set, in turn, then any; and lanes in turn where bits are set, any elsewhere.
IFA_INLINE Float compress(Float x, std::uint64_t bits) {
    float from[kLanes], to[kLanes] = {};
    store(from, x);
    for (std::uint64_t i = 0, turn = 0; i < kLanes; turn += bits >> i++ & 1) to[turn] = from[i];
    return load(to);
}
IFA_INLINE Float expand(Float x, std::uint64_t bits) {
    float from[kLanes], to[kLanes];
    store(from, x);
    for (std::uint64_t i = 0, turn = 0; i < kLanes; turn += bits >> i++ & 1) to[i] = from[turn];
    return load(to);
}
#endif

// The first `count` elements, 1 to kLanes - 1, then zeros; reads nothing beyond them.
template <class T>
IFA_INLINE Float load_partial(const T* p, Index count) {
    if constexpr (kMaskedTails) {
        return load_masked(p, count);
    } else {
        alignas(64) unsigned char bytes[kLanes * sizeof(T)] = {};
        std::memcpy(bytes, static_cast<const void*>(p), static_cast<std::size_t>(count) * sizeof(T));
        return load(reinterpret_cast<const T*>(bytes));
    }
}

// The same of pairs, 1 to 2 kLanes - 1.
template <class T>
IFA_INLINE Pairs load_pairs_partial(const T* p, Index count) {
    if constexpr (kMaskedTails) {
        return load_pairs_masked(p, count);
    } else {
        T elements[2 * kLanes] = {};
        std::memcpy(elements, p, static_cast<std::size_t>(count) * sizeof(T));
        return load_pairs(elements);
    }
}

template <class T>
IFA_INLINE void store_partial(T* p, Float x, Index count) {
    alignas(64) unsigned char bytes[kLanes * sizeof(T)];
    store(reinterpret_cast<T*>(bytes), x);
    std::memcpy(static_cast<void*>(p), bytes, static_cast<std::size_t>(count) * sizeof(T));
}

// e^x for x <= 0: exactly 1 at 0, exactly 0 below -87 (and so at -inf). e^x = 2^n e^r, where n is the nearest integer
// to x log2(e), found by adding 1.5 * 2^23, and e^r a polynomial of least relative error over [-ln 2 / 2, ln 2 / 2]
// (4e-9, 9e-8 as evaluated). ln 2 comes in two parts (Cody and Waite): multiples of the first are exact, so that r is
// as exact for large |x| as for small, with fused multiply-adds or without.
IFA_INLINE Float exp(Float x) {
    const Float magic = set(0x1.8p23f);
    const Float n_plus_magic = fma(x, set(0x1.715476p0f), magic);
    const Float n = sub(n_plus_magic, magic);
    const Float r = fma(n, set(0x1.bd0106p-13f), fma(n, set(-0x1.63p-1f), x));
    Float p = set(0x1.6b6e18p-10f);
    p = fma(p, r, set(0x1.122fc2p-7f));
    p = fma(p, r, set(0x1.555688p-5f));
    p = fma(p, r, set(0x1.5554a4p-3f));
    p = fma(p, r, set(0.5f));
    p = fma(p, r, set(1.f));
    p = fma(p, r, set(1.f));
    return zero_below(scale_exponent(p, n_plus_magic), x, set(-87.f));
}

// a * b + c in double, under the same rule as the vector operation.
IFA_INLINE double fma(double a, double b, double c) {
#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

// While one lives, this thread rounds to nearest and keeps subnormals: a job's bits do not depend on its caller's mode.
class DefaultFloatEnvironment {
   public:
#if defined(__SSE__)
    IFA_INLINE DefaultFloatEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
    IFA_INLINE ~DefaultFloatEnvironment() { _mm_setcsr(saved_); }
#else
    IFA_INLINE DefaultFloatEnvironment() {
        std::fegetenv(&saved_);
        std::fesetenv(FE_DFL_ENV);
    }
    IFA_INLINE ~DefaultFloatEnvironment() { std::fesetenv(&saved_); }
#endif
    DefaultFloatEnvironment(const DefaultFloatEnvironment&) = delete;
    DefaultFloatEnvironment& operator=(const DefaultFloatEnvironment&) = delete;

   private:
#if defined(__SSE__)
    unsigned saved_;
#else
    std::fenv_t saved_;
#endif
};

}  // namespace ifa::inline IFA_ISA::simd
