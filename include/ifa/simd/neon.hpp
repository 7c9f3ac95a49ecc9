// The operations on 4 floats that the kernels are written in, for NEON on 64-bit Arm.
#pragma once

#include <arm_neon.h>

#include <cstring>

#include "../dtype.hpp"

namespace ifa::inline IFA_ISA::simd {

using Float = float32x4_t;
inline constexpr int kLanes = 4;
inline constexpr int kRegisters = 32;
inline constexpr bool kMaskedTails = false;

IFA_INLINE Float set(float x) {
    return vdupq_n_f32(x);
}

// The bytes at p as a vector.
template <class Vector>
IFA_INLINE Vector bytes_at(const void* p) {
    Vector x;
    std::memcpy(&x, p, sizeof(x));
    return x;
}

IFA_INLINE Float load(const float* p) {
    return vld1q_f32(p);
}
IFA_INLINE Float load(const float16* p) {
    return vcvt_f32_f16(bytes_at<float16x4_t>(p));
}
IFA_INLINE Float load(const bfloat16* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(bytes_at<uint16x4_t>(p), 16));
}
IFA_INLINE Float load(const std::int8_t* p) {
    const int8x8_t twice = vreinterpret_s8_s32(vdup_n_s32(bytes_at<std::int32_t>(p)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(twice))));
}
IFA_INLINE Float load(const std::int16_t* p) {
    return vcvtq_f32_s32(vmovl_s16(vld1_s16(p)));
}

IFA_INLINE Float add(Float a, Float b) {
    return vaddq_f32(a, b);
}
IFA_INLINE Float sub(Float a, Float b) {
    return vsubq_f32(a, b);
}
IFA_INLINE Float mul(Float a, Float b) {
    return vmulq_f32(a, b);
}
IFA_INLINE Float div(Float a, Float b) {
    return vdivq_f32(a, b);
}
// a * b + c, rounded once.
IFA_INLINE Float fma(Float a, Float b, Float c) {
    return vfmaq_f32(c, a, b);
}
// The larger; `b` where either is NaN.
IFA_INLINE Float max(Float a, Float b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
// kLanes doubles times a factor, in double, rounded to floats.
IFA_INLINE Float load_scaled(const double* p, double factor) {
    const float32x2_t low = vcvt_f32_f64(vmulq_n_f64(vld1q_f64(p), factor));
    return vcvt_high_f32_f64(low, vmulq_n_f64(vld1q_f64(p + 2), factor));
}
// To the nearest whole number, even on a tie.
IFA_INLINE Float round(Float x) {
    return vrndnq_f32(x);
}

// Narrow stores round to nearest even; integers saturate.
IFA_INLINE int16x4_t narrow_integers(Float x, float low, float high) {
    const Float above = max(x, set(low));
    return vmovn_s32(vcvtnq_s32_f32(vbslq_f32(vcltq_f32(above, set(high)), above, set(high))));
}
IFA_INLINE void store(float* p, Float x) {
    vst1q_f32(p, x);
}
IFA_INLINE void store(float16* p, Float x) {
    const float16x4_t half = vcvt_f16_f32(x);
    std::memcpy(static_cast<void*>(p), &half, sizeof(half));
}
IFA_INLINE void store(bfloat16* p, Float x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    const uint16x4_t high = vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16);
    std::memcpy(static_cast<void*>(p), &high, sizeof(high));
}
IFA_INLINE void store(std::int16_t* p, Float x) {
    vst1_s16(p, narrow_integers(x, -32768.f, 32767.f));
}
IFA_INLINE void store(std::int8_t* p, Float x) {
    const int16x4_t narrow = narrow_integers(x, -128.f, 127.f);
    const int8x8_t twice = vmovn_s16(vcombine_s16(narrow, narrow));
    std::memcpy(p, &twice, 4);
}

// For integer products: sums of 32 bits, and pairs of 16 bits that each sum takes one of.
using Int = int32x4_t;
using Pairs = int16x8_t;

IFA_INLINE Int zero_int() {
    return vdupq_n_s32(0);
}
// 8 consecutive elements.
IFA_INLINE Pairs load_pairs(const std::int16_t* p) {
    return vld1q_s16(p);
}
IFA_INLINE Pairs load_pairs(const std::int8_t* p) {
    return vmovl_s8(vld1_s8(p));
}
// a[0] b[0] a[1] b[1] ... of 4 elements each.
IFA_INLINE Pairs interleave(const std::int8_t* a, const std::int8_t* b) {
    const int8x8_t first = vreinterpret_s8_s32(vdup_n_s32(bytes_at<std::int32_t>(a)));
    const int8x8_t second = vreinterpret_s8_s32(vdup_n_s32(bytes_at<std::int32_t>(b)));
    return vmovl_s8(vzip1_s8(first, second));
}
// The same of two vectors of elements, the first or the second. Sums over them are in order already.
IFA_INLINE Pairs interleave_two(const std::int8_t* a, const std::int8_t* b, bool high) {
    return high ? vzip2q_s16(load_pairs(a), load_pairs(b)) : vzip1q_s16(load_pairs(a), load_pairs(b));
}
IFA_INLINE void in_order(Int&, Int&) {}
// The pair at p in every lane.
IFA_INLINE Pairs set_pair(const std::int16_t* p) {
    return vreinterpretq_s16_s32(vdupq_n_s32(bytes_at<std::int32_t>(p)));
}
// a[2i] b[2i] + a[2i+1] b[2i+1] + c[i], exact while it fits.
IFA_INLINE Int dot(Pairs a, Pairs b, Int c) {
    return vaddq_s32(c, vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b)));
}
IFA_INLINE Float to_float(Int x) {
    return vcvtq_f32_s32(x);
}

IFA_INLINE Float as_floats(Int x) {
    return vreinterpretq_f32_s32(x);
}
IFA_INLINE Int as_ints(Float x) {
    return vreinterpretq_s32_f32(x);
}
IFA_INLINE Int add(Int a, Int b) {
    return vaddq_s32(a, b);
}
// Lanes of a and b, to be combined with those of exchange_high: see reduce_quads.
template <int Step>
IFA_INLINE Float exchange_low(Float a, Float b) {
    return vuzp1q_f32(a, b);
}
template <int Step>
IFA_INLINE Float exchange_high(Float a, Float b) {
    return vuzp2q_f32(a, b);
}
IFA_INLINE float first(Float x) {
    return vgetq_lane_f32(x, 0);
}

// mantissa * 2^n, where the low bits of the float `n_plus_magic` hold the integer n (see exp).
IFA_INLINE Float scale_exponent(Float mantissa, Float n_plus_magic) {
    const uint32x4_t shift = vshlq_n_u32(vreinterpretq_u32_f32(n_plus_magic), 23);
    return vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(mantissa), shift));
}
// x where bit i of `hidden` is clear in lane i, else -inf.
IFA_INLINE Float hide(Float x, std::uint64_t hidden) {
    constexpr std::uint32_t kLaneBits[] = {1, 2, 4, 8};
    return vbslq_f32(vtstq_u32(vdupq_n_u32(static_cast<std::uint32_t>(hidden)), vld1q_u32(kLaneBits)),
                     set(-__builtin_inff()), x);
}
// x where not (at < bound), else 0.
IFA_INLINE Float zero_below(Float x, Float at, Float bound) {
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), vcltq_f32(at, bound)));
}

}  // namespace ifa::inline IFA_ISA::simd
