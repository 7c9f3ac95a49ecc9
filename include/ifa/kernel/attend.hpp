// THE loop: the query heads of one kv head against one chunk of tokens.
#pragma once

#include "fold.hpp"

namespace ifa::inline IFA_ISA {

// The addresses of the rows at [column, column + tile) of the chunk. Hidden slots read a row of zeros: they cost no
// memory traffic, their bytes are never looked at, and they keep their place in every sum.
template <class Problem>
IFA_INLINE auto gather_tile(const Problem& problem, const Work& work, Index column, const Scratch& scratch) {
    using Key = typename Problem::key_type;
    using Value = typename Problem::value_type;
    Tile<Key, Value> tile;
    const Index left = work.chunk.end - column;
    tile.first_column = column;
    tile.tokens = left >= kTileTokens ? kTileTokens : left > 0 ? static_cast<int>(left) : 0;
    tile.hidden = tile.all_slots() & ~((std::uint64_t{1} << tile.tokens) - 1);
    if (!work.mean_of_values) tile.hidden |= problem.hidden(work.sequence, column, tile.tokens) & tile.all_slots();
    if (tile.wholly_hidden()) {
        tile.tokens = 0;
        return tile;
    }
    problem.kv.gather(work.sequence, work.kv_head, column, tile.tokens, tile.keys, tile.values);
    for_each_bit(tile.hidden, [&](int slot) {
        tile.keys[slot] = reinterpret_cast<const Key*>(scratch.zero_row);
        tile.values[slot] = reinterpret_cast<const Value*>(scratch.zero_row);
    });
    return tile;
}

// Dot products of one head to scores: natural units, then the terms in order, then -inf where hidden.
template <class Problem, class Tile>
IFA_INLINE void finish_scores(const Problem& problem, const Work& work, const Tile& tile, Index i,
                              const Scratch& scratch) {
    float* const scores = scratch.scores[i];
    const simd::Float multiplier = simd::set(scratch.multipliers[i]), constant = simd::set(scratch.constants[i]);
    for (int slot = 0; slot < kTileFloats; slot += simd::kLanes)
        simd::store(scores + slot, simd::fma(simd::load(scores + slot), multiplier, constant));
    if (work.mean_of_values) {  // all equal, whatever query and keys hold
        for (int slot = 0; slot < tile.tokens; ++slot) scores[slot] = 0;
    } else {
        const Row row = work.row(i);
        const ScoreTile view{
            Span<float>(scores, tile.tokens), row.sequence, row.head, row.query, tile.first_column, work.window_begin};
        problem.policies.template each<role::ScoreTerm>([&](const auto& term) { term(view); });
    }
    for_each_bit(tile.hidden, [&](int slot) { scores[slot] = kHidden; });
    for (int slot = kTileTokens; slot < kTileFloats; ++slot) scores[slot] = kHidden;
}

// Leaves in states[i] what row i of the work sees in its chunk.
template <class Problem>
inline void attend(const Problem& problem, const Work& work, const Scratch& scratch, SoftmaxState* states,
                   HeadRows accumulators) {
    using Arithmetic = typename Problem::Arithmetic;
    const auto queries = scratch.template queries_of<Arithmetic>();
    const auto weights = scratch.template weights_of<Arithmetic>();
    const OnlineSoftmax& softmax = scratch.softmax;
    const Index key_dim = problem.geometry.key_dim, value_dim = problem.geometry.value_dim;
    fold_queries(problem, work, scratch);
    softmax.clear(work.heads);
    for (Index i = 0; i < work.heads; ++i) {
        states[i].acc = Span<float>(accumulators[i], value_dim);
        states[i].clear();
    }
    auto next = gather_tile(problem, work, work.chunk.begin, scratch);
    for (Index column = work.chunk.begin; column < work.chunk.end; column += kTileTokens) {
        const auto tile = next;
        next = gather_tile(problem, work, column + kTileTokens, scratch);
        if (tile.wholly_hidden()) continue;
        score_tile<Arithmetic>(queries, work.heads, tile, key_dim, value_dim, scratch.scores);
        for (Index i = 0; i < work.heads; ++i) finish_scores(problem, work, tile, i, scratch);
        softmax.absorb(scratch.scores, work.heads, weights);
        accumulate_tile<Arithmetic, Problem::kShiftsValues>({weights, softmax.units, softmax.rescales}, work.heads,
                                                            tile, scratch.value_shift, value_dim, accumulators, next,
                                                            key_dim);
    }
    for (Index i = 0; i < work.heads; ++i) {
        states[i].max = softmax.maxima[i];
        states[i].sum = softmax.sums[i];
    }
}

}  // namespace ifa::inline IFA_ISA
