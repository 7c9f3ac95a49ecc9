// A tile of tokens as row addresses, and the two products over it, blocked so that sums stay in registers.
//
// What makes a result's bits independent of everything but its inputs holds here: a (token, head) score is one vector
// accumulator with d ascending and one reduction, in every block shape; a (head, d) output sums the tile's slots in
// order from 0 before it meets the running value; a hidden token keeps its slot.
#pragma once

#include "../simd/simd.hpp"

namespace ifa::inline IFA_ISA {

// Floats between the score rows of two heads, and those of a row that hold a score, in whole vectors.
inline constexpr int kTileStride = 32;
inline constexpr int kTileFloats = (kTileTokens + simd::kLanes - 1) / simd::kLanes * simd::kLanes;
static_assert(kTileTokens < 64 && kTileFloats <= kTileStride);

template <class Key, class Value>
struct Tile {
    const Key* keys[kTileTokens];      // row of each slot; a hidden slot points to a row of zeros
    const Value* values[kTileTokens];  // likewise
    std::uint64_t hidden = 0;          // a bit for each slot that takes no part
    Index first_column = 0;
    int tokens = 0;  // slots that have a column

    IFA_INLINE bool wholly_hidden() const { return hidden == all_slots(); }
    static constexpr std::uint64_t all_slots() { return (std::uint64_t{1} << kTileTokens) - 1; }
};

// Calls visit(slot) for each set bit.
template <class Visit>
IFA_INLINE void for_each_bit(std::uint64_t bits, const Visit& visit) {
    for (; bits; bits &= bits - 1) visit(__builtin_ctzll(bits));
}

// Rows of D floats for the heads of a block, `stride` floats apart.
struct HeadRows {
    float* data = nullptr;
    Index stride = 0;

    IFA_INLINE float* operator[](Index head) const { return data + head * stride; }
};

// Tokens (for scores) and vectors of D (for outputs) per block of 0..4 heads: with 16 registers, the most accumulators
// that leave room for their operands.
inline constexpr int kBlockHeads = 4;
inline constexpr int kBlockTokens[] = {0, 8, 6, 4, 3};
inline constexpr int kBlockVectors[] = {0, 8, 6, 4, 3};

// Calls block.operator()<n>(first) over the heads, in nearly equal parts of at most kBlockHeads.
template <class Block>
IFA_INLINE void split_heads(Index heads, const Block& block) {
    Index first = 0;
    for (Index parts = (heads + kBlockHeads - 1) / kBlockHeads; parts > 0; --parts) {
        const Index n = (heads - first + parts - 1) / parts;
        switch (n) {
            case 1: block.template operator()<1>(first); break;
            case 2: block.template operator()<2>(first); break;
            case 3: block.template operator()<3>(first); break;
            default: block.template operator()<4>(first); break;
        }
        first += n;
    }
}

// scores[h][slot] = sum_d queries[h][d] * keys[slot][d] for a block of heads and tokens. queries are padded with zeros
// to whole vectors.
template <int Heads, int Tokens, class Key>
IFA_INLINE void score_block(HeadRows queries, const Key* const* keys, Index head_dim, HeadRows scores) {
    simd::Float sum[Heads][Tokens];
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        IFA_UNROLL for (int j = 0; j < Tokens; ++j) sum[h][j] = simd::set(0.f);
    }
    const auto step = [&](Index d, auto load_key) __attribute__((always_inline)) {
        simd::Float query[Heads];
        IFA_UNROLL for (int h = 0; h < Heads; ++h) query[h] = simd::load(queries[h] + d);
        IFA_UNROLL for (int j = 0; j < Tokens; ++j) {
            const simd::Float key = load_key(keys[j] + d);
            IFA_UNROLL for (int h = 0; h < Heads; ++h) sum[h][j] = simd::fma(query[h], key, sum[h][j]);
        }
    };
    Index d = 0;
    for (; d + simd::kLanes <= head_dim; d += simd::kLanes) step(d, [](const Key* p) { return simd::load(p); });
    if (d < head_dim) step(d, [&](const Key* p) { return simd::load_partial(p, head_dim - d); });
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        IFA_UNROLL for (int j = 0; j < Tokens; ++j) scores[h][j] = simd::reduce_add(sum[h][j]);
    }
}

// scores[h][slot] = sum_d queries[h][d] * keys[slot][d] for all heads and the tile's tokens.
template <class Key, class Value>
inline void score_tile(HeadRows queries, Index heads, const Tile<Key, Value>& tile, Index head_dim, HeadRows scores) {
    split_heads(heads, [&]<int Heads>(Index first) {
        constexpr int kTokens = kBlockTokens[Heads];
        static_assert(kTileTokens % kTokens == 0);
        for (int slot = 0; slot < tile.tokens; slot += kTokens)
            score_block<Heads, kTokens>({queries[first], queries.stride}, tile.keys + slot, head_dim,
                                        {scores[first] + slot, scores.stride});
    });
}

// What one block of outputs reads beside the values: probabilities[h][slot], and the factor of the running sums.
struct Weights {
    HeadRows probabilities;
    const float* rescale = nullptr;  // [heads]
};

// sums[h][d] = rescale[h] * sums[h][d] + sum_slot probabilities[h][slot] * values[slot][d] for a block of heads and
// vectors of d. load_value(slot, vector) reads the row.
template <int Heads, int Vectors, class LoadValue>
IFA_INLINE void accumulate_block(const Weights& weights, int tokens, const LoadValue& load_value, HeadRows sums) {
    simd::Float sum[Heads][Vectors];
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        IFA_UNROLL for (int v = 0; v < Vectors; ++v) sum[h][v] = simd::set(0.f);
    }
    for (int slot = 0; slot < tokens; ++slot) {
        simd::Float probability[Heads];
        IFA_UNROLL for (int h = 0; h < Heads; ++h) probability[h] = simd::set(weights.probabilities[h][slot]);
        IFA_UNROLL for (int v = 0; v < Vectors; ++v) {
            const simd::Float value = load_value(slot, v);
            IFA_UNROLL for (int h = 0; h < Heads; ++h) sum[h][v] = simd::fma(probability[h], value, sum[h][v]);
        }
    }
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        const simd::Float rescale = simd::set(weights.rescale[h]);
        IFA_UNROLL for (int v = 0; v < Vectors; ++v) {
            float* const running = sums[h] + v * simd::kLanes;
            simd::store(running, simd::fma(simd::load(running), rescale, sum[h][v]));
        }
    }
}

// sums[h][:] = rescale[h] * sums[h][:] + sum_slot probabilities[h][slot] * (values[slot][:] + shift[:]). `shift` is
// read only if Shifted; sums and shift are padded to whole vectors.
template <bool Shifted, class Key, class Value>
inline void accumulate_tile(const Weights& weights, Index heads, const Tile<Key, Value>& tile, const float* shift,
                            Index value_dim, HeadRows sums) {
    const auto shifted = [&](simd::Float value, Index d) __attribute__((always_inline)) {
        if constexpr (Shifted) return simd::add(value, simd::load(shift + d));
        else return value;
    };
    split_heads(heads, [&]<int Heads>(Index first) {
        const Weights block{{weights.probabilities[first], weights.probabilities.stride}, weights.rescale + first};
        Index d = 0;
        const auto load = [&](int slot, int v) __attribute__((always_inline)) {
            return shifted(simd::load(tile.values[slot] + d + v * simd::kLanes), d + v * simd::kLanes);
        };
        const auto load_tail = [&](int slot, int) __attribute__((always_inline)) {
            return shifted(simd::load_partial(tile.values[slot] + d, value_dim - d), d);
        };
        constexpr int kVectors = kBlockVectors[Heads];
        for (; d + kVectors * simd::kLanes <= value_dim; d += kVectors * simd::kLanes)
            accumulate_block<Heads, kVectors>(block, tile.tokens, load, {sums[first] + d, sums.stride});
        for (; d + simd::kLanes <= value_dim; d += simd::kLanes)
            accumulate_block<Heads, 1>(block, tile.tokens, load, {sums[first] + d, sums.stride});
        if (d < value_dim) accumulate_block<Heads, 1>(block, tile.tokens, load_tail, {sums[first] + d, sums.stride});
    });
}

}  // namespace ifa::inline IFA_ISA
