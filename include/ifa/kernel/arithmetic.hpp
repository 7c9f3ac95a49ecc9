// What the two products of a tile are computed in: float32, or integers for int8 caches.
#pragma once

#include "../simd/simd.hpp"

namespace ifa::inline IFA_ISA {

// Register blocks by the number of heads in them: the tokens of a block of scores, and the vectors of D of a block of
// outputs. A block of outputs holds as many accumulators as leave room for one operand of one side, all those of the
// other, and a temporary where a product and its sum are two instructions: with 16 registers 12 + 3 + 1, or
// 12 + 2 + 1 + 1 (there whole pairs of vectors, which are loaded together). A block of scores has as many accumulators
// where that leaves it few tokens: rows read side by side get ahead of the hardware's prefetchers, so that a single
// head rather waits for its own sums.
struct Blocks {
    int heads;
    int score_tokens[9], output_vectors[9];
};
inline constexpr Blocks kBlocksOf16{6, {0, 4, 4, 4, 3, 2, 2}, {0, 8, 6, 4, 3, 2, 2}};
inline constexpr Blocks kBlocksOf16WithTemporary{6, {0, 4, 4, 3, 2, 2, 2}, {0, 8, 4, 2, 2, 2, 2}};
inline constexpr Blocks kBlocksOf32{8, {0, 4, 4, 4, 4, 4, 4, 3, 3}, {0, 8, 8, 8, 6, 4, 4, 3, 3}};

// float32 multiply-adds, whatever the elements are.
struct FloatProducts {
    static constexpr bool kInteger = false;
    using query_type = float;
    using weight_type = float;
    using Sum = simd::Float;
    using Operand = simd::Float;
    static constexpr Blocks kBlocks = simd::kRegisters >= 32 ? kBlocksOf32 : kBlocksOf16;
    static constexpr Index kStep = simd::kLanes;  // elements of a row per operand
    static constexpr int kRows = 1;               // tokens per step of a sum over tokens

    // The exponent e that folded queries are brought to, max |q| in [2^e, 2^(e+1)): no sum over 512 products with a
    // finite float overflows.
    static constexpr int query_exponent(Index) { return -10; }

    static IFA_INLINE Sum zero() { return simd::set(0.f); }
    template <class T>
    static IFA_INLINE Operand load(const T* p) {
        return simd::in_register(simd::load(p));
    }
    template <class T>
    static IFA_INLINE Operand load_partial(const T* p, Index count) {
        return simd::load_partial(p, count);
    }
    static IFA_INLINE Operand broadcast(const float* weight) { return simd::in_register(simd::set(*weight)); }
    // One of the so many vectors of a block.
    template <class T>
    static IFA_INLINE Operand load_values(const T* const* rows, int vector, int) {
        return simd::in_register(simd::load(rows[0] + vector * simd::kLanes));
    }
    template <class T>
    static IFA_INLINE Operand load_values_partial(const T* const* rows, Index count) {
        return simd::load_partial(rows[0], count);
    }
    static IFA_INLINE Sum multiply_add(Operand a, Operand b, Sum c) { return simd::fma(a, b, c); }
    // Brings sums over the vectors of a block into their order.
    template <int Vectors>
    static IFA_INLINE void in_order(Sum (&)[Vectors]) {}
    // For reductions over the lanes of sums: what combines them, and what the result is as floats.
    static IFA_INLINE simd::Float lanes(Sum x) { return x; }
    static IFA_INLINE simd::Float combine(simd::Float a, simd::Float b) { return simd::add(a, b); }
    static IFA_INLINE simd::Float reduced(simd::Float x) { return x; }
    static IFA_INLINE simd::Float total(Sum sum, simd::Float) { return sum; }
};

// What one in the low part of an integer query stands for: its elements are 16 high bits and, where these are not
// enough, 16 low ones.
inline constexpr float kLowPart = 0x1p-15f;

// int8 elements against weights, or queries, of 16 bits. Every sum is exact, so it has the same bits on every
// instruction set.
struct IntegerProducts {
    static constexpr bool kInteger = true;
    using query_type = std::int16_t;
    using weight_type = std::int16_t;
    using Sum = simd::Int;
    using Operand = simd::Pairs;
    static constexpr Blocks kBlocks = simd::kRegisters >= 32 ? kBlocksOf32 : kBlocksOf16WithTemporary;
    static constexpr Index kStep = 2 * simd::kLanes;
    static constexpr int kRows = 2;

    // dim * 2^(e+1) * 2^7 stays below 2^31.
    static constexpr int query_exponent(Index dim) {
        int exponent = 14;
        for (; dim > 256; dim = (dim + 1) / 2) --exponent;
        return exponent;
    }

    static IFA_INLINE Sum zero() { return simd::zero_int(); }
    template <class T>
    static IFA_INLINE Operand load(const T* p) {
        return simd::in_register(simd::load_pairs(p));
    }
    static IFA_INLINE Operand load_partial(const std::int8_t* p, Index count) {
        return simd::load_pairs_partial(p, count);
    }
    static IFA_INLINE Operand broadcast(const std::int16_t* weights) {
        return simd::in_register(simd::set_pair(weights));
    }
    static IFA_INLINE Operand load_values(const std::int8_t* const* rows, int vector, int vectors) {
        const int first = vector / 2 * 2, d = first * simd::kLanes;
        if (first + 1 < vectors) return simd::interleave_two(rows[0] + d, rows[1] + d, vector > first);
        return simd::interleave(rows[0] + d, rows[1] + d);
    }
    static IFA_INLINE Operand load_values_partial(const std::int8_t* const* rows, Index count) {
        std::int8_t bytes[2][simd::kLanes] = {};
        std::memcpy(bytes[0], rows[0], static_cast<std::size_t>(count));
        std::memcpy(bytes[1], rows[1], static_cast<std::size_t>(count));
        return simd::interleave(bytes[0], bytes[1]);
    }
    static IFA_INLINE Sum multiply_add(Operand a, Operand b, Sum c) { return simd::dot(a, b, c); }
    template <int Vectors>
    static IFA_INLINE void in_order(Sum (&sum)[Vectors]) {
        IFA_UNROLL for (int v = 0; v + 1 < Vectors; v += 2) simd::in_order(sum[v], sum[v + 1]);
    }
    static IFA_INLINE simd::Float lanes(Sum x) { return simd::as_floats(x); }
    static IFA_INLINE simd::Float combine(simd::Float a, simd::Float b) {
        return simd::as_floats(simd::add(simd::as_ints(a), simd::as_ints(b)));
    }
    static IFA_INLINE simd::Float reduced(simd::Float x) { return simd::to_float(simd::as_ints(x)); }
    static IFA_INLINE simd::Float total(Sum sum, simd::Float unit) { return simd::mul(simd::to_float(sum), unit); }
};

}  // namespace ifa::inline IFA_ISA
