// The two products over a tile of tokens, blocked so that sums stay in registers.
//
// What makes a result's bits independent of everything but its inputs holds here: a (token, head) score is one vector
// accumulator with d ascending and one reduction, in every block shape; a (head, d) output sums the tile's slots in
// order from 0 before it meets the running value; a hidden token keeps its slot in the softmax.
#pragma once

#include <bit>
#include <utility>

#include "arithmetic.hpp"
#include "prefetch.hpp"
#include "slots.hpp"

namespace ifa::inline IFA_ISA {

// Calls visit(first, integral_constant<n>) for n in nearly equal parts of `total`, at most `Most` each.
template <int Most, class Visit>
IFA_INLINE void split_evenly(Index total, const Visit& visit) {
    Index first = 0;
    for (Index parts = parts_of(total, Most); parts > 0; --parts) {
        const Index n = (total - first + parts - 1) / parts;
        [&]<int... sizes>(std::integer_sequence<int, sizes...>) __attribute__((always_inline)) {
            ((n == sizes + 1 ? visit(first, std::integral_constant<int, sizes + 1>()) : void()), ...);
        }
        (std::make_integer_sequence<int, Most>());
        first += n;
    }
}

// sum[i][j] += left(i) * right(j): holds the operands of the shorter side, and each of the others while it is needed.
template <class Arithmetic, int Left, int Right, class LoadLeft, class LoadRight>
IFA_INLINE void add_products(const LoadLeft& left, const LoadRight& right,
                             typename Arithmetic::Sum (&sum)[Left][Right]) {
    if constexpr (Left <= Right) {
        typename Arithmetic::Operand held[Left];
        IFA_UNROLL for (int i = 0; i < Left; ++i) held[i] = left(i);
        IFA_UNROLL for (int j = 0; j < Right; ++j) {
            const auto operand = right(j);
            IFA_UNROLL for (int i = 0; i < Left; ++i) sum[i][j] = Arithmetic::multiply_add(held[i], operand, sum[i][j]);
        }
    } else {
        typename Arithmetic::Operand held[Right];
        IFA_UNROLL for (int j = 0; j < Right; ++j) held[j] = right(j);
        IFA_UNROLL for (int i = 0; i < Left; ++i) {
            const auto operand = left(i);
            IFA_UNROLL for (int j = 0; j < Right; ++j) sum[i][j] =
                Arithmetic::multiply_add(operand, held[j], sum[i][j]);
        }
    }
}

template <class Arithmetic, int Left, int Right>
IFA_INLINE void clear(typename Arithmetic::Sum (&sum)[Left][Right]) {
    IFA_UNROLL for (int i = 0; i < Left; ++i) {
        IFA_UNROLL for (int j = 0; j < Right; ++j) sum[i][j] = Arithmetic::zero();
    }
}

// What becomes of the scores that are there: those of a query's low part are added to those of its high part.
enum ScoreUpdate { kStores, kAdds };

// Reduces the sums of a block to scores, a vector of them at a time. Each head has room for a power of two of them, so
// that what is stored is loaded in one piece; scores beyond the block are written too, before their own block does.
template <class Arithmetic, ScoreUpdate update, int Heads, int Tokens>
IFA_INLINE void reduce_scores(const typename Arithmetic::Sum (&sum)[Heads][Tokens], ScoreRows scores) {
    constexpr int kRoom = static_cast<int>(std::bit_ceil(unsigned{Tokens})), kSums = Heads * kRoom;
    const auto at = [&](int i) __attribute__((always_inline)) {
        const int h = i < kSums ? i / kRoom : Heads - 1, j = i % kRoom;
        return Arithmetic::lanes(sum[h][j < Tokens ? j : Tokens - 1]);
    };
    float totals[parts_of(kSums, simd::kLanes) * simd::kLanes];
    IFA_UNROLL for (int first = 0; first < kSums; first += simd::kLanes) {
        simd::Float quads[simd::kLanes / 4];
        IFA_UNROLL for (int i = 0; i < simd::kLanes; i += 4) {
            const int next = first + i < kSums ? first + i : first;
            quads[i / 4] = simd::reduce_quad<Arithmetic::combine>(at(next), at(next + 1), at(next + 2), at(next + 3));
        }
        simd::store(totals + first, Arithmetic::reduced(simd::reduce_quads<Arithmetic::combine>(quads)));
    }
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        const float* const total = totals + h * kRoom;
        if constexpr (update == kStores) std::memcpy(scores[h], total, kRoom * sizeof(float));
        else
            for (int j = 0; j < Tokens; ++j) scores[h][j] += total[j] * kLowPart;  // an exact product
    }
}

// scores[h][j] = sum_d queries[h][d] * keys[j][d], or += that in units of kLowPart, for a block of heads and rows.
// queries are padded with zeros to whole steps. ask() is called before the products and before their reduction.
template <class Arithmetic, ScoreUpdate update, int Heads, int Tokens, class Key, class Ask>
IFA_INLINE void score_block(RowsOf<typename Arithmetic::query_type> queries, const Key* const* keys, Index head_dim,
                            ScoreRows scores, const Ask& ask) {
    ask();
    typename Arithmetic::Sum sum[Heads][Tokens];
    clear<Arithmetic>(sum);
    Index d = 0;
    const auto query = [&](int h) __attribute__((always_inline)) {
        return Arithmetic::load(queries[h] + d);
    };
    const auto key = [&](int j) __attribute__((always_inline)) {
        return Arithmetic::load(keys[j] + d);
    };
    const auto key_tail = [&](int j) __attribute__((always_inline)) {
        return Arithmetic::load_partial(keys[j] + d, head_dim - d);
    };
    IFA_UNROLL_TWICE for (; d + Arithmetic::kStep <= head_dim; d += Arithmetic::kStep)
        add_products<Arithmetic>(query, key, sum);
    if (d < head_dim) add_products<Arithmetic>(query, key_tail, sum);
    ask();
    reduce_scores<Arithmetic, update>(sum, scores);
}

// The same for all rows of a tile. Asks for `share` upcoming rows meanwhile, evenly. Not inlined, as accumulate_block
// is not: compilers that allot registers to all blocks together run out of them for what a loop counts with.
template <class Arithmetic, ScoreUpdate update, int Heads, class Key, class Value>
__attribute__((noinline)) void score_rows(RowsOf<typename Arithmetic::query_type> queries, const Key* const* keys,
                                          int rows, Index head_dim, ScoreRows scores,
                                          UpcomingRows<Key, Value>& upcoming, Index share) {
    constexpr int kTokens = Arithmetic::kBlocks.score_tokens[Heads];
    static_assert(kTokens > 1 && kTokens <= kMostBlockTokens);
    UpcomingRows<Key, Value> own = upcoming.take(share);
    own.spread(2 * parts_of(rows, kTokens));
    const auto ask = [&]() __attribute__((always_inline)) {
        own.ask();
    };
    for (int row = 0; row < rows; row += kTokens)
        score_block<Arithmetic, update, Heads, kTokens>(queries, keys + row, head_dim, scores.from(0, row), ask);
}

// scores[h][row] = sum_d queries[h][d] * keys[row][d] for all heads and the tile's rows. Asks for upcoming rows
// meanwhile, evenly.
template <class Arithmetic, ScoreUpdate update = kStores, class Key, class Value>
inline void score_tile(RowsOf<typename Arithmetic::query_type> queries, Index heads, const Tile<Key, Value>& tile,
                       Index key_dim, ScoreRows scores, UpcomingRows<Key, Value> upcoming = {}) {
    constexpr int kMostHeads = Arithmetic::kBlocks.heads;
    const Index share = parts_of(upcoming.count(), parts_of(heads, kMostHeads));
    split_evenly<kMostHeads>(
        heads, [&](Index first, auto n) __attribute__((always_inline)) {
            score_rows<Arithmetic, update, n>(queries.from(first), tile.keys + tile.first_row, tile.rows(), key_dim,
                                              scores.from(first, tile.first_row), upcoming, share);
        });
}

// What one block of outputs reads beside the values.
template <class Weight>
struct Weights {
    SlotRows<Weight> weights;  // [heads, rows of the tile]
    const float* unit;         // [heads] what a weight of 1 stands for
    const float* rescale;      // [heads] the factor of the running sums

    IFA_INLINE Weights from(Index head, int row) const {
        return {weights.from(head, row), unit + head, rescale + head};
    }
};

// The values of one step of rows, from channel d on.
template <class Arithmetic, bool Shifted, class Value>
class ValueStep {
   public:
    IFA_INLINE ValueStep(const Value* const* rows, const float* shift, Index d)
        : shift_(Shifted ? shift + d : nullptr) {
        IFA_UNROLL for (int i = 0; i < Arithmetic::kRows; ++i) rows_[i] = simd::in_register(rows[i] + d);
    }
    IFA_INLINE auto operator()(int vector, int vectors) const {
        return shifted(Arithmetic::load_values(rows_, vector, vectors), vector);
    }
    // The first `count` elements of the first vector, then zeros.
    IFA_INLINE auto partial(Index count) const { return shifted(Arithmetic::load_values_partial(rows_, count), 0); }

   private:
    IFA_INLINE auto shifted(typename Arithmetic::Operand value, int vector) const {
        if constexpr (Shifted) return simd::add(value, simd::load(shift_ + vector * simd::kLanes));
        else return value;
    }

    const Value* rows_[Arithmetic::kRows];
    const float* shift_;
};

// sums[h][d] = rescale[h] * sums[h][d] + unit[h] * sum_row weights[h][row] * values[row][d] for a block of heads and
// vectors of d. rows_of_values(row) gives what loads one of the vectors of a step of rows. Asks for `share` upcoming
// rows meanwhile.
template <class Arithmetic, int Heads, int Vectors, class Values, class Key, class Value>
__attribute__((noinline)) void accumulate_block(const Weights<typename Arithmetic::weight_type>& block, int rows,
                                                const Values& rows_of_values, HeadRows sums,
                                                UpcomingRows<Key, Value>& upcoming, Index share) {
    const auto weights = block;  // copies, which stay in registers
    const auto values = rows_of_values;
    UpcomingRows<Key, Value> own = upcoming.take(share);
    typename Arithmetic::Sum sum[Heads][Vectors];
    clear<Arithmetic>(sum);
    // At least two steps from one ask to the next: where every step asks, less stays in registers.
    const int steps = parts_of(rows, Arithmetic::kRows), parts = own.parts();
    const int apart = parts > 0 ? steps / parts : steps, pace = (apart > 2 ? apart : 2) * Arithmetic::kRows;
    own.spread(parts_of(rows, pace));
    for (int row = 0; row < rows;) {
        own.ask();
        for (const int end = row + pace < rows ? row + pace : rows; row < end; row += Arithmetic::kRows) {
            const auto weight = weights.weights.from(0, row);
            const auto value = values(row);
            add_products<Arithmetic>(
                [&](int h) __attribute__((always_inline)) { return Arithmetic::broadcast(weight[h]); },
                [&](int v) __attribute__((always_inline)) { return value(v, Vectors); }, sum);
        }
    }
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        const simd::Float rescale = simd::set(weights.rescale[h]), unit = simd::set(weights.unit[h]);
        Arithmetic::in_order(sum[h]);
        IFA_UNROLL for (int v = 0; v < Vectors; ++v) {
            float* const running = sums[h] + v * simd::kLanes;
            simd::store(running, simd::fma(simd::load(running), rescale, Arithmetic::total(sum[h][v], unit)));
        }
    }
}

// The blocks of outputs that so many heads and vectors make.
template <class Arithmetic>
IFA_INLINE Index output_blocks(Index heads, Index vectors) {
    constexpr auto& kBlocks = Arithmetic::kBlocks;
    const Index head_blocks = parts_of(heads, kBlocks.heads);
    return head_blocks * parts_of(vectors, kBlocks.output_vectors[parts_of(heads, head_blocks)]);
}

// sums[h][:] = rescale[h] * sums[h][:] + unit[h] * sum_row weights[h][row] * (values[row][:] + shift[:]) for all
// heads. `shift` is read only if Shifted; sums and shift are padded to whole vectors. Asks for upcoming rows meanwhile,
// evenly.
template <class Arithmetic, bool Shifted, class Key, class Value>
inline void accumulate_tile(const Weights<typename Arithmetic::weight_type>& weights, Index heads,
                            const Tile<Key, Value>& tile, const float* shift, Index value_dim, HeadRows sums,
                            UpcomingRows<Key, Value> upcoming = {}) {
    constexpr auto& kBlocks = Arithmetic::kBlocks;
    const int rows = tile.rows();
    const Index vectors = value_dim / simd::kLanes, blocks = output_blocks<Arithmetic>(heads, vectors);
    const Index share = blocks > 0 ? parts_of(upcoming.count(), blocks) : 0;
    split_evenly<kBlocks.heads>(
        heads, [&](Index first, auto n) __attribute__((always_inline)) {
            const auto block = weights.from(first, tile.first_row);
            const Value* const* const at = tile.values + tile.first_row;
            split_evenly<kBlocks.output_vectors[n]>(
                vectors, [&](Index vector, auto count) __attribute__((always_inline)) {
                    const Index d = vector * simd::kLanes;
                    const auto values = [ at, shift, d ](int row) __attribute__((always_inline)) {
                        return ValueStep<Arithmetic, Shifted, Value>(at + row, shift, d);
                    };
                    accumulate_block<Arithmetic, n, count>(block, rows, values, sums.from(first, d), upcoming, share);
                });
            const Index d = vectors * simd::kLanes;
            const auto tails = [ at, shift, d, value_dim ](int row) __attribute__((always_inline)) {
                const ValueStep<Arithmetic, Shifted, Value> step(at + row, shift, d);
                return [=](int, int) __attribute__((always_inline)) {
                    return step.partial(value_dim - d);
                };
            };
            if (d < value_dim) accumulate_block<Arithmetic, n, 1>(block, rows, tails, sums.from(first, d), upcoming, 0);
        });
    upcoming.ask_for_rest();
}

}  // namespace ifa::inline IFA_ISA
