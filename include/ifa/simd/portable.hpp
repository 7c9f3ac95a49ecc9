// The operations on 4 floats that the kernels are written in, for any target of GCC or Clang.
#pragma once

#include <cstring>

#include "../dtype.hpp"

namespace ifa::inline IFA_ISA::simd {

using Float = float __attribute__((vector_size(16)));
using Int = std::int32_t __attribute__((vector_size(16)));
using Unsigned = std::uint32_t __attribute__((vector_size(16)));
inline constexpr int kLanes = 4;
inline constexpr int kRegisters = 16;
inline constexpr bool kMaskedTails = false;

template <class To, class From>
IFA_INLINE To bits_as(From x) {
    static_assert(sizeof(To) == sizeof(From));
    To y;
    std::memcpy(&y, &x, sizeof(y));
    return y;
}

IFA_INLINE Float set(float x) {
    return Float{x, x, x, x};
}

// The four elements at p as unsigned integers.
template <class Narrow>
IFA_INLINE Unsigned widen(const void* p) {
    Narrow lanes[kLanes];
    std::memcpy(lanes, p, sizeof(lanes));
    return Unsigned{lanes[0], lanes[1], lanes[2], lanes[3]};
}

IFA_INLINE Float load(const float* p) {
    Float x;
    std::memcpy(&x, p, sizeof(x));
    return x;
}
// The exponent is rebased by a multiplication, which also normalises subnormals; infinities and NaN keep their own.
IFA_INLINE Float load(const float16* p) {
    const Unsigned half = widen<std::uint16_t>(p);
    const Unsigned magnitude = (half & 0x7fffu) << 13;
    const Unsigned rebased = bits_as<Unsigned>(bits_as<Float>(magnitude) * 0x1p112f);
    const Unsigned special = bits_as<Unsigned>((half & 0x7c00u) == 0x7c00u);
    const Unsigned finite_or_not = (rebased & ~special) | ((magnitude | 0x7f800000u) & special);
    return bits_as<Float>(finite_or_not | ((half & 0x8000u) << 16));
}
IFA_INLINE Float load(const bfloat16* p) {
    return bits_as<Float>(widen<std::uint16_t>(p) << 16);
}
// Of integers of 8 or 16 bits.
template <class Integer>
IFA_INLINE Float load(const Integer* p) {
    Integer lanes[kLanes];
    std::memcpy(lanes, p, sizeof(lanes));
    return Float{static_cast<float>(lanes[0]), static_cast<float>(lanes[1]), static_cast<float>(lanes[2]),
                 static_cast<float>(lanes[3])};
}

IFA_INLINE std::uint16_t to_float16_bits(float x) {
    const auto bits = bits_as<std::uint32_t>(x);
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    std::uint32_t half;
    if (magnitude > 0x7f800000u) {  // NaN keeps the head of its payload and turns quiet
        half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
    } else if (magnitude >= 0x477ff000u) {  // rounds to 65520 or more
        half = 0x7c00u;
    } else if (magnitude < 0x38800000u) {  // subnormal: the addition rounds to a multiple of 2^-24
        half = bits_as<std::uint32_t>(bits_as<float>(magnitude) + 0.5f) - 0x3f000000u;
    } else {
        half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    }
    return static_cast<std::uint16_t>(sign | half);
}
IFA_INLINE std::uint16_t to_bfloat16_bits(float x) {
    const auto bits = bits_as<std::uint32_t>(x);
    if (x != x) return static_cast<std::uint16_t>((bits | 0x400000u) >> 16);
    return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// For integer products: sums of 32 bits, and pairs of 16 bits that each sum takes one of.
using Pairs = std::int16_t __attribute__((vector_size(16)));

IFA_INLINE Int zero_int() {
    return Int{};
}
// 8 consecutive elements.
template <class T>
IFA_INLINE Pairs load_pairs(const T* p) {
    return Pairs{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
}
// a[0] b[0] a[1] b[1] ... of 4 elements each.
IFA_INLINE Pairs interleave(const std::int8_t* a, const std::int8_t* b) {
    return Pairs{a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]};
}
// The same of two vectors of elements, the first or the second. Sums over them are in order already.
IFA_INLINE Pairs interleave_two(const std::int8_t* a, const std::int8_t* b, bool high) {
    return high ? interleave(a + kLanes, b + kLanes) : interleave(a, b);
}
IFA_INLINE void in_order(Int&, Int&) {}
// The pair at p in every lane.
IFA_INLINE Pairs set_pair(const std::int16_t* p) {
    return Pairs{p[0], p[1], p[0], p[1], p[0], p[1], p[0], p[1]};
}
// a[2i] b[2i] + a[2i+1] b[2i+1] + c[i], exact while it fits.
IFA_INLINE Int dot(Pairs a, Pairs b, Int c) {
    return Int{a[0] * b[0] + a[1] * b[1], a[2] * b[2] + a[3] * b[3], a[4] * b[4] + a[5] * b[5],
               a[6] * b[6] + a[7] * b[7]} +
           c;
}
IFA_INLINE Float to_float(Int x) {
    return Float{static_cast<float>(x[0]), static_cast<float>(x[1]), static_cast<float>(x[2]),
                 static_cast<float>(x[3])};
}

// Narrow stores round to nearest even; integers saturate.
IFA_INLINE void store(float* p, Float x) {
    std::memcpy(p, &x, sizeof(x));
}
IFA_INLINE void store(float16* p, Float x) {
    const std::uint16_t lanes[kLanes] = {to_float16_bits(x[0]), to_float16_bits(x[1]), to_float16_bits(x[2]),
                                         to_float16_bits(x[3])};
    std::memcpy(static_cast<void*>(p), lanes, sizeof(lanes));
}
IFA_INLINE void store(bfloat16* p, Float x) {
    const std::uint16_t lanes[kLanes] = {to_bfloat16_bits(x[0]), to_bfloat16_bits(x[1]), to_bfloat16_bits(x[2]),
                                         to_bfloat16_bits(x[3])};
    std::memcpy(static_cast<void*>(p), lanes, sizeof(lanes));
}
IFA_INLINE void store(std::int16_t* p, Float x) {
    for (int i = 0; i < kLanes; ++i) {
        const float bounded = x[i] > -32768.f ? (x[i] < 32767.f ? x[i] : 32767.f) : -32768.f;
        p[i] = static_cast<std::int16_t>(__builtin_rintf(bounded));
    }
}
IFA_INLINE void store(std::int8_t* p, Float x) {
    for (int i = 0; i < kLanes; ++i) {
        const float bounded = x[i] > -128.f ? (x[i] < 127.f ? x[i] : 127.f) : -128.f;
        p[i] = static_cast<std::int8_t>(__builtin_rintf(bounded));
    }
}

IFA_INLINE Float add(Float a, Float b) {
    return a + b;
}
IFA_INLINE Float sub(Float a, Float b) {
    return a - b;
}
IFA_INLINE Float mul(Float a, Float b) {
    return a * b;
}
IFA_INLINE Float div(Float a, Float b) {
    return a / b;
}
// a * b + c. Rounded once where the target has the instruction; where it has none no compiler can fuse it, so that the
// bits depend on the target alone.
IFA_INLINE Float fma(Float a, Float b, Float c) {
#if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA)
    return Float{__builtin_fmaf(a[0], b[0], c[0]), __builtin_fmaf(a[1], b[1], c[1]), __builtin_fmaf(a[2], b[2], c[2]),
                 __builtin_fmaf(a[3], b[3], c[3])};
#else
    return a * b + c;
#endif
}
// The larger; `b` where either is NaN.
IFA_INLINE Float max(Float a, Float b) {
    const Int greater = a > b;
    return bits_as<Float>((bits_as<Int>(a) & greater) | (bits_as<Int>(b) & ~greater));
}

// kLanes doubles times a factor, in double, rounded to floats.
IFA_INLINE Float load_scaled(const double* p, double factor) {
    return Float{static_cast<float>(p[0] * factor), static_cast<float>(p[1] * factor),
                 static_cast<float>(p[2] * factor), static_cast<float>(p[3] * factor)};
}
// To the nearest whole number, even on a tie.
IFA_INLINE Float round(Float x) {
    return Float{__builtin_rintf(x[0]), __builtin_rintf(x[1]), __builtin_rintf(x[2]), __builtin_rintf(x[3])};
}

IFA_INLINE Float as_floats(Int x) {
    return bits_as<Float>(x);
}
IFA_INLINE Int as_ints(Float x) {
    return bits_as<Int>(x);
}
IFA_INLINE Int add(Int a, Int b) {
    return a + b;
}
// Lanes of a and b, to be combined with those of exchange_high: see reduce_quads.
template <int Step>
IFA_INLINE Float exchange_low(Float a, Float b) {
    return Step == 0 ? Float{a[0], b[0], a[1], b[1]} : Float{a[0], a[1], b[0], b[1]};
}
template <int Step>
IFA_INLINE Float exchange_high(Float a, Float b) {
    return Step == 0 ? Float{a[2], b[2], a[3], b[3]} : Float{a[2], a[3], b[2], b[3]};
}
IFA_INLINE float first(Float x) {
    return x[0];
}

// mantissa * 2^n, where the low bits of the float `n_plus_magic` hold the integer n (see exp).
IFA_INLINE Float scale_exponent(Float mantissa, Float n_plus_magic) {
    return bits_as<Float>(bits_as<Unsigned>(mantissa) + (bits_as<Unsigned>(n_plus_magic) << 23));
}
// x where bit i of `hidden` is clear in lane i, else -inf.
IFA_INLINE Float hide(Float x, std::uint64_t hidden) {
    const Unsigned lane = {1, 2, 4, 8};
    const Int bits = ((lane & static_cast<std::uint32_t>(hidden)) == lane);
    return bits_as<Float>((bits_as<Int>(x) & ~bits) | (bits_as<Int>(set(-__builtin_inff())) & bits));
}
// x where not (at < bound), else 0.
IFA_INLINE Float zero_below(Float x, Float at, Float bound) {
    const Int below = at < bound;
    return bits_as<Float>(bits_as<Int>(x) & ~below);
}

}  // namespace ifa::inline IFA_ISA::simd
