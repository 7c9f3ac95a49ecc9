// THE loop: the query heads of a run of kv heads against one chunk of tokens.
#pragma once

#include "fold.hpp"

namespace ifa::inline IFA_ISA {

// The addresses of the rows at [column, column + tile) of the chunk. Hidden slots read a row of zeros: they cost no
// memory traffic, their bytes are never looked at, and they keep their place in every sum.
template <class Problem, class Key, class Value>
IFA_INLINE void gather_tile(const Problem& problem, const Work& work, Index column, const Scratch& scratch,
                            Tile<Key, Value>& tile) {
    const Index left = work.chunk.end - column;
    tile.first_column = column;
    tile.tokens = left >= kTileTokens ? kTileTokens : left > 0 ? static_cast<int>(left) : 0;
    tile.hidden = tile.all_slots() & ~((std::uint64_t{1} << tile.tokens) - 1);
    if (!work.mean_of_values) tile.hidden |= problem.hidden(work.sequence, column, tile.tokens) & tile.all_slots();
    if (tile.wholly_hidden()) {
        tile.tokens = 0;
        return;
    }
    problem.kv.gather(work.sequence, work.kv_head, column, tile.tokens, tile.keys, tile.values);
    for_each_bit(tile.hidden, [&](int slot) {
        tile.keys[slot] = reinterpret_cast<const Key*>(scratch.zero_row);
        tile.values[slot] = reinterpret_cast<const Value*>(scratch.zero_row);
    });
}

// Dot products of one head to scores: natural units, then the terms in order, then -inf where hidden.
template <class Problem, class Tile>
IFA_INLINE void finish_scores(const Problem& problem, const Work& work, const Tile& tile, Index i,
                              const Scratch& scratch) {
    float* const scores = scratch.scores[i];
    const simd::Float multiplier = simd::set(scratch.multipliers[i]), constant = simd::set(scratch.constants[i]);
    for (int slot = 0; slot < kTileTokens; slot += simd::kLanes)
        simd::store(scores + slot, simd::fma(simd::load(scores + slot), multiplier, constant));
    if (work.mean_of_values) {  // all equal, whatever query and keys hold
        for (int slot = 0; slot < tile.tokens; ++slot) scores[slot] = 0;
    } else {
        const Row row = work.row(i);
        const ScoreTile view{
            Span<float>(scores, tile.tokens), row.sequence, row.head, row.query, tile.first_column, work.window_begin};
        problem.policies.template each<role::ScoreTerm>([&](const auto& term) { term(view); });
    }
    if (tile.hidden)
        for (int slot = 0; slot < kTileTokens; slot += simd::kLanes)
            simd::store(scores + slot, simd::hide(simd::load(scores + slot), tile.hidden >> slot));
}

// Takes one tile into the state of the heads of one kv head, while the memory of the next one is on its way.
template <class Problem, class Tile>
IFA_INLINE void attend_tile(const Problem& problem, const Work& work, const Tile& tile, const Tile& next,
                            const Scratch& scratch, HeadRows accumulators) {
    using Products = typename Problem::Products;
    const auto weights = scratch.template weights_of<Products>();
    const OnlineSoftmax& softmax = scratch.softmax;
    const Index key_dim = problem.geometry.key_dim, value_dim = problem.geometry.value_dim;
    score_tile<Products>(scratch.template queries_of<Products>(), work.group, tile, key_dim, value_dim, scratch.scores);
    if constexpr (Products::kInteger)
        if (*scratch.has_low)
            score_tile<Products, kAdds>(scratch.low_queries(), work.group, tile, key_dim, value_dim, scratch.scores);
    for (Index i = 0; i < work.group; ++i) finish_scores(problem, work, tile, i, scratch);
    softmax.absorb(scratch.scores, work.group, weights);
    accumulate_tile<Products, Problem::kShiftsValues>({weights, softmax.units, softmax.rescales}, work.group, tile,
                                                      scratch.value_shift, value_dim, accumulators, next, key_dim);
}

// Leaves in states[i] what row i of the work sees in its chunk. The kv heads of a run take turns tile by tile, so that
// where their rows lie side by side they are read in the order of memory.
template <class Problem>
inline void attend(const Problem& problem, const Work& work, const Scratch& scratch, SoftmaxState* states,
                   HeadRows accumulators) {
    for (Index r = 0; r < work.kv_heads; ++r) {
        fold_queries(problem, work.of(r), scratch.of(r));
        scratch.of(r).softmax.clear(work.group);
    }
    for (Index i = 0; i < work.heads(); ++i) {
        states[i].acc = Span<float>(accumulators[i], problem.geometry.value_dim);
        states[i].clear();
    }
    Tile<typename Problem::key_type, typename Problem::value_type> tiles[2];
    gather_tile(problem, work, work.chunk.begin, scratch, tiles[0]);
    for (Index column = work.chunk.begin, turn = 0; column < work.chunk.end; column += kTileTokens) {
        for (Index r = 0; r < work.kv_heads; ++r) {
            const auto& tile = tiles[turn];
            auto& next = tiles[turn ^= 1];
            const bool is_last = r + 1 == work.kv_heads;
            gather_tile(problem, work.of(is_last ? 0 : r + 1), is_last ? column + kTileTokens : column, scratch, next);
            if (tile.wholly_hidden()) continue;
            attend_tile(problem, work.of(r), tile, next, scratch.of(r), accumulators.from(r * work.group));
        }
    }
    for (Index i = 0; i < work.heads(); ++i) {
        const OnlineSoftmax softmax = scratch.of(i / work.group).softmax;
        states[i].max = softmax.maxima[i % work.group];
        states[i].sum = softmax.sums[i % work.group];
    }
}

}  // namespace ifa::inline IFA_ISA
