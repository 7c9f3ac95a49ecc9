// THE loop: the query heads of a run of kv heads against one chunk of tokens.
#pragma once

#include "gather.hpp"

namespace ifa::inline IFA_ISA {

// Dot products of the slots from tile.begin() on to scores: natural units, then the terms in order, then -inf where
// hidden.
template <class Problem, class Tile>
IFA_INLINE void finish_scores(const Problem& problem, const Work& work, const Tile& tile, const Scratch& scratch,
                              ScoreRows scores) {
    const int begin = tile.begin(), slots = tile.end() - begin;
    const auto each_vector = [&](const auto& change) __attribute__((always_inline)) {
        for (Index i = 0; i < work.group; ++i)
            for (int slot = 0; slot < slots; slot += simd::kLanes)
                simd::store(scores[i] + slot, change(simd::load(scores[i] + slot), i, slot));
    };
    each_vector([&](simd::Float x, Index i, int) __attribute__((always_inline)) {
        return simd::fma(x, simd::set(scratch.multipliers[i]), simd::set(scratch.constants[i]));
    });
    if (work.mean_of_values) {  // all equal, whatever query and keys hold
        each_vector([](simd::Float, Index, int) { return simd::set(0.f); });
    } else {
        problem.policies.template each<role::ScoreTerm>([&](const auto& term) {
            if (is_absent(term)) return;
            for (Index i = 0; i < work.group; ++i) {
                const Row row = work.row(i);
                term(ScoreTile{Span<float>(scores[i], slots), row.sequence, row.head, row.query,
                               tile.first_column + begin, work.window_begin});
            }
        });
    }
    const std::uint64_t hidden = ~tile.visible >> begin;
    if (hidden & Slots::first(parts_of(slots, simd::kLanes) * simd::kLanes))
        each_vector([&](simd::Float x, Index, int slot)
                        __attribute__((always_inline)) { return simd::hide(x, hidden >> slot); });
}

// Takes one tile into the state of the heads of one kv head, while memory that is read later is on its way.
template <class Problem, class Tile, class Upcoming>
IFA_INLINE void attend_tile(const Problem& problem, const Work& work, const Tile& tile, Upcoming upcoming,
                            const Scratch& scratch, HeadRows accumulators) {
    using Products = typename Problem::Products;
    const auto weights = scratch.template weights_of<Products>();
    const OnlineSoftmax& softmax = scratch.softmax;
    const Index key_dim = problem.geometry.key_dim, value_dim = problem.geometry.value_dim;
    score_tile<Products>(scratch.template queries_of<Products>(), work.group, tile, key_dim, scratch.scores,
                         upcoming.take(upcoming.count() / 2));
    if constexpr (Products::kInteger)
        if (*scratch.has_low)
            score_tile<Products, kAdds>(scratch.low_queries(), work.group, tile, key_dim, scratch.scores);
    if (tile.packed) tile.rows_to_slots(scratch.scores, work.group);
    const ScoreRows scores = scratch.scores.from(0, tile.begin());
    finish_scores(problem, work, tile, scratch, scores);
    softmax.absorb(scores, work.group, tile.end() - tile.begin(), weights.from(0, tile.begin()));
    if (tile.packed) tile.slots_to_rows(weights, work.group);
    accumulate_tile<Products, Problem::kShiftsValues>({weights, softmax.units, softmax.rescales}, work.group, tile,
                                                      scratch.value_shift, value_dim, accumulators, upcoming);
}

// Leaves in rows.states[i] what row i of the work sees in its chunk. The kv heads of a run take turns tile by tile, so
// that where their rows lie side by side they are asked for in the order of memory. During the last tile, the first one
// of what next() gives is asked for.
template <class Problem, class Next>
inline void attend(const Problem& problem, const Work& work, const Next& next, const Scratch& scratch,
                   const RowStates& rows) {
    Tile<typename Problem::key_type, typename Problem::value_type> tiles[2], other;
    gather_first_tile(problem, work, tiles[0]);
    Slots slots = tiles[0];
    RunAhead run_ahead(problem, work, slots);
    for (Index r = 0; r < work.kv_heads; ++r) scratch.of(r).softmax.clear(work.group);
    for (Index i = 0; i < work.heads(); ++i) {
        rows.states[i].acc = Span<float>(rows.accumulators[i], problem.geometry.value_dim);
        rows.states[i].clear();
    }
    for (Index turn = 0; slots.tokens > 0; turn ^= 1) {
        const Slots following = visible_slots(problem, work, slots.first_column + kTileTokens);
        auto& ahead = tiles[turn ^ 1];
        if (following.tokens > 0) gather_tile(problem, work, following, ahead);
        else gather_first_tile(problem, next(), ahead);
        for (Index r = 0; r < work.kv_heads; ++r) {
            const auto& tile = r > 0 ? other : tiles[turn];
            if (r > 0) gather_tile(problem, work.of(r), slots, other);
            attend_tile(problem, work.of(r), tile, run_ahead.rows(r, ahead), scratch.of(r),
                        rows.accumulators.from(r * work.group));
        }
        slots = following;
    }
    for (Index i = 0; i < work.heads(); ++i) {
        const OnlineSoftmax softmax = scratch.of(i / work.group).softmax;
        rows.states[i].max = softmax.maxima[i % work.group];
        rows.states[i].sum = softmax.sums[i % work.group];
    }
}

}  // namespace ifa::inline IFA_ISA
