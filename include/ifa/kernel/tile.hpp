// A tile of tokens as row addresses, and the two products over it, blocked so that sums stay in registers.
//
// What makes a result's bits independent of everything but its inputs holds here: a (token, head) score is one vector
// accumulator with d ascending and one reduction, in every block shape; a (head, d) output sums the tile's slots in
// order from 0 before it meets the running value; a hidden token keeps its slot.
#pragma once

#include <type_traits>
#include <utility>

#include "arithmetic.hpp"

namespace ifa::inline IFA_ISA {

static_assert(kTileTokens < 64 && kTileTokens % simd::kLanes == 0);

template <class Key, class Value>
struct Tile {
    const Key* keys[kTileTokens];      // row of each slot; a hidden slot points to a row of zeros
    const Value* values[kTileTokens];  // likewise
    std::uint64_t hidden = 0;          // a bit for each slot that takes no part
    Index first_column = 0;
    int tokens = 0;  // slots that have a column

    IFA_INLINE bool wholly_hidden() const { return hidden == all_slots(); }
    IFA_INLINE bool hides(int first_slot, int count) const {
        const std::uint64_t slots = ((std::uint64_t{1} << count) - 1) << first_slot;
        return (hidden & slots) == slots;
    }
    // A bit for each step of one or two slots that are not all hidden, at its first.
    template <int Slots>
    IFA_INLINE std::uint64_t visible_steps() const {
        const std::uint64_t visible = ~hidden & all_slots();
        if constexpr (Slots == 1) return visible;
        else return (visible | visible >> 1) & 0x5555555555555555;
    }
    static constexpr std::uint64_t all_slots() { return (std::uint64_t{1} << kTileTokens) - 1; }
};

// Calls visit(slot) for each set bit.
template <class Visit>
IFA_INLINE void for_each_bit(std::uint64_t bits, const Visit& visit) {
    for (; bits; bits &= bits - 1) visit(__builtin_ctzll(bits));
}

// Rows of one element per channel or slot for the heads of a block, `stride` elements apart.
template <class T>
struct RowsOf {
    T* data = nullptr;
    Index stride = 0;

    IFA_INLINE T* operator[](Index head) const { return data + head * stride; }
    IFA_INLINE RowsOf from(Index head, Index element = 0) const { return {data + head * stride + element, stride}; }
};
using HeadRows = RowsOf<float>;

// Calls visit(first, integral_constant<n>) for n in nearly equal parts of `total`, at most `Most` each.
template <int Most, class Visit>
IFA_INLINE void split_evenly(Index total, const Visit& visit) {
    Index first = 0;
    for (Index parts = (total + Most - 1) / Most; parts > 0; --parts) {
        const Index n = (total - first + parts - 1) / parts;
        [&]<int... sizes>(std::integer_sequence<int, sizes...>) __attribute__((always_inline)) {
            ((n == sizes + 1 ? visit(first, std::integral_constant<int, sizes + 1>()) : void()), ...);
        }
        (std::make_integer_sequence<int, Most>());
        first += n;
    }
}

// The lines of a row that one pass over a tile asks for, into the second-level cache, while others of its rows are at
// work: all passes together ask for each line once, so that memory is kept busy evenly.
template <class T>
class Prefetch {
   public:
    // A pass takes parts [first, first + count) of `parts`.
    IFA_INLINE Prefetch(Index elements, Index first, Index count, Index parts) {
        const Index lines = (elements * static_cast<Index>(sizeof(T)) + kLine - 1) / kLine;
        begin_ = first * lines / parts * kLine;
        end_ = (first + count) * lines / parts * kLine;
    }
    IFA_INLINE void operator()(const T* row) const {
        const auto* const bytes = reinterpret_cast<const char*>(row);
        for (Index i = begin_; i < end_; i += kLine) __builtin_prefetch(bytes + i, 0, 2);
    }

   private:
    static constexpr Index kLine = 64;
    Index begin_, end_;
};

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

// scores[h][slot] = sum_d queries[h][d] * keys[slot][d], or += that in units of kLowPart, for a block of heads and
// tokens. queries are padded with zeros to whole steps.
template <class Arithmetic, ScoreUpdate update, int Heads, int Tokens, class Key>
IFA_INLINE void score_block(RowsOf<typename Arithmetic::query_type> queries, const Key* const* keys, Index head_dim,
                            HeadRows scores) {
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
    for (; d + Arithmetic::kStep <= head_dim; d += Arithmetic::kStep) add_products<Arithmetic>(query, key, sum);
    if (d < head_dim) add_products<Arithmetic>(query, key_tail, sum);

    // Reduced four at a time.
    constexpr int kSums = Heads * Tokens;
    const auto at = [&](int i) __attribute__((always_inline)) {
        const int k = i < kSums ? i : kSums - 1;
        return sum[k / Tokens][k % Tokens];
    };
    float totals[(kSums + 3) / 4 * 4];
    IFA_UNROLL for (int i = 0; i < kSums; i += 4)
        simd::store(totals + i, simd::totals(at(i), at(i + 1), at(i + 2), at(i + 3)));
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        IFA_UNROLL for (int j = 0; j < Tokens; ++j) {
            const float total = totals[h * Tokens + j];
            if constexpr (update == kAdds) scores[h][j] += total * kLowPart;  // an exact product
            else scores[h][j] = total;
        }
    }
}

// scores[h][slot] = sum_d queries[h][d] * keys[slot][d] for all heads and the tile's tokens, 0 where a whole block is
// hidden. Asks for the tile's values meanwhile, so that both memory streams keep moving.
template <class Arithmetic, ScoreUpdate update = kStores, class Key, class Value>
inline void score_tile(RowsOf<typename Arithmetic::query_type> queries, Index heads, const Tile<Key, Value>& tile,
                       Index key_dim, Index value_dim, HeadRows scores) {
    split_evenly<Arithmetic::kBlocks.heads>(
        heads, [&](Index first, auto n) __attribute__((always_inline)) {
            constexpr int kHeads = n, kTokens = Arithmetic::kBlocks.tokens[kHeads];
            static_assert(kTileTokens % kTokens == 0);
            const Prefetch<Value> prefetch(value_dim, first, kHeads, heads);
            for (int slot = 0; slot < tile.tokens; slot += kTokens) {
                const HeadRows block = scores.from(first, slot);
                if (tile.hides(slot, kTokens)) {
                    for (int h = 0; h < kHeads; ++h)
                        for (int j = 0; j < kTokens; ++j) block[h][j] = 0;
                    continue;
                }
                if (update == kStores)
                    for (int j = slot; j < slot + kTokens; ++j) prefetch(tile.values[j]);
                score_block<Arithmetic, update, kHeads, kTokens>(queries.from(first), tile.keys + slot, key_dim, block);
            }
        });
}

// What one block of outputs reads beside the values.
template <class Weight>
struct Weights {
    RowsOf<Weight> weights;  // [heads, slots]
    const float* unit;       // [heads] what a weight of 1 stands for
    const float* rescale;    // [heads] the factor of the running sums

    IFA_INLINE Weights from(Index head) const { return {weights.from(head), unit + head, rescale + head}; }
};

// sums[h][d] = rescale[h] * sums[h][d] + unit[h] * sum_slot weights[h][slot] * values[slot][d] for a block of heads and
// vectors of d. load_value(slot, vector) reads the values of one step of slots, which begins at each bit of `steps`;
// prefetch(slot) asks for memory meanwhile.
template <class Arithmetic, int Heads, int Vectors, class LoadValue, class PrefetchSlot>
IFA_INLINE void accumulate_block(const Weights<typename Arithmetic::weight_type>& weights, std::uint64_t steps,
                                 const LoadValue& load_value, const PrefetchSlot& prefetch, HeadRows sums) {
    typename Arithmetic::Sum sum[Heads][Vectors];
    clear<Arithmetic>(sum);
    for_each_bit(
        steps, [&](int slot) __attribute__((always_inline)) {
            prefetch(slot);
            add_products<Arithmetic>(
                [&](int h) __attribute__((always_inline)) { return Arithmetic::broadcast(weights.weights[h] + slot); },
                [&](int v) __attribute__((always_inline)) { return load_value(slot, v); }, sum);
        });
    IFA_UNROLL for (int h = 0; h < Heads; ++h) {
        const simd::Float rescale = simd::set(weights.rescale[h]), unit = simd::set(weights.unit[h]);
        IFA_UNROLL for (int v = 0; v < Vectors; ++v) {
            float* const running = sums[h] + v * simd::kLanes;
            simd::store(running, simd::fma(simd::load(running), rescale, Arithmetic::total(sum[h][v], unit)));
        }
    }
}

// sums[h][:] = rescale[h] * sums[h][:] + unit[h] * sum_slot weights[h][slot] * (values[slot][:] + shift[:]) for all
// heads. `shift` is read only if Shifted; sums and shift are padded to whole vectors. Asks for the keys of the next
// tile meanwhile.
template <class Arithmetic, bool Shifted, class Key, class Value>
inline void accumulate_tile(const Weights<typename Arithmetic::weight_type>& weights, Index heads,
                            const Tile<Key, Value>& tile, const float* shift, Index value_dim, HeadRows sums,
                            const Tile<Key, Value>& next, Index key_dim) {
    const auto shifted = [&](typename Arithmetic::Operand value, Index d) __attribute__((always_inline)) {
        if constexpr (Shifted) return simd::add(value, simd::load(shift + d));
        else return value;
    };
    // Hidden slots would add zero times zero: the others alone have the same sums.
    const std::uint64_t steps = tile.template visible_steps<Arithmetic::kSlots>();
    const Index whole = value_dim / simd::kLanes;
    const Prefetch<Key> rows_without_a_step(key_dim, 0, 1, 1);
    for_each_bit(tile.hidden & ~next.hidden, [&](int slot) { rows_without_a_step(next.keys[slot]); });
    split_evenly<Arithmetic::kBlocks.heads>(
        heads, [&](Index first, auto n) __attribute__((always_inline)) {
            constexpr int kHeads = n;
            const auto block = weights.from(first);
            split_evenly<Arithmetic::kBlocks.vectors[kHeads]>(
                whole, [&](Index vector, auto count) __attribute__((always_inline)) {
                    constexpr int kVectors = count;
                    const Index d = vector * simd::kLanes;
                    const Prefetch<Key> share(key_dim, first * whole + vector * kHeads, kHeads * kVectors,
                                              heads * whole);
                    const auto prefetch = [&](int slot) __attribute__((always_inline)) {
                        for (int i = slot; i < slot + Arithmetic::kSlots; ++i)
                            if (i < next.tokens) share(next.keys[i]);
                    };
                    const auto load = [&](int slot, int v) __attribute__((always_inline)) {
                        return shifted(Arithmetic::load_values(tile.values + slot, d + v * simd::kLanes),
                                       d + v * simd::kLanes);
                    };
                    accumulate_block<Arithmetic, kHeads, kVectors>(block, steps, load, prefetch, sums.from(first, d));
                });
            const Index d = whole * simd::kLanes;
            const auto load_tail = [&](int slot, int) __attribute__((always_inline)) {
                return shifted(Arithmetic::load_values_partial(tile.values + slot, d, value_dim - d), d);
            };
            if (d < value_dim)
                accumulate_block<Arithmetic, kHeads, 1>(block, steps, load_tail, [](int) {}, sums.from(first, d));
        });
}

}  // namespace ifa::inline IFA_ISA
