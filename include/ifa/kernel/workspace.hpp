// The memory of one call in flight, carved from the caller's bytes: counters, chunk states, and scratch for each job.
#pragma once

#include <cstring>

#include "online_softmax.hpp"
#include "plan.hpp"

namespace ifa::inline IFA_ISA {

// Hands out arrays on cache lines of their own. Without a base it only counts.
class Carver {
   public:
    static constexpr std::size_t kLine = 64;

    IFA_INLINE explicit Carver(std::byte* base) : base_(base) {}

    template <class T>
    IFA_INLINE T* take(Index count) {
        const std::size_t at = used_;
        used_ += (static_cast<std::size_t>(count) * sizeof(T) + kLine - 1) / kLine * kLine;
        return base_ ? reinterpret_cast<T*>(base_ + at) : nullptr;
    }
    IFA_INLINE std::size_t used() const { return used_; }

    // The first line boundary in memory of any alignment.
    static IFA_INLINE std::byte* align(std::byte* memory) {
        return memory + (kLine - reinterpret_cast<std::uintptr_t>(memory) % kLine) % kLine;
    }

   private:
    std::byte* base_;
    std::size_t used_ = 0;
};

// Rows start on lines and hold whole vectors, of floats or of pairs, of every ISA.
IFA_INLINE Index padded(Index dim) {
    return (dim + 31) / 32 * 32;
}

// The states of an item's rows, and what they accumulate in.
struct RowStates {
    SoftmaxState* states;   // [R G]
    HeadRows accumulators;  // [R G, Dv]

    IFA_INLINE RowStates from(Index row) const { return {states + row, accumulators.from(row)}; }
};

// What one job computes in: for each query head of an item (R kv heads of G), for each of its kv heads, or for the tile
// at hand.
struct Scratch {
    Index group;                           // G
    HeadRows queries;                      // [R G, Dk] folded, scaled to a safe exponent, padded with zeros
    RowsOf<std::int16_t> integer_queries;  // [R G, 2 Dk] for integer products: 16 high bits of a row, then 16 low ones
    float* multipliers;                    // [R G] what brings q.k back to natural units
    float* constants;                      // [R G] what the codec's folding leaves out of a score
    bool* has_low;                         // [R] some integer query of the kv head has a low part
    OnlineSoftmax softmax;                 // [R, padded(G)] of the chunk so far
    float* value_shift;                    // [R, Dv] whole parts of value offsets
    ScoreRows scores;                      // [G, tile] padded, then float weights
    SlotRows<std::int16_t> integer_weights;  // [G, tile] for integer products
    double* folded;                          // [Dk] padded with zeros
    RowStates rows;                          // [depths, R G] of chunks that are to merge
    Index rows_per_depth;                    // R G

    inline Scratch(Carver& carver, const Plan::Parts& plan)
        : group(plan.geometry.kv_heads > 0 ? plan.geometry.heads / plan.geometry.kv_heads : 0),
          queries{nullptr, padded(plan.geometry.key_dim)},
          integer_queries{nullptr, 2 * queries.stride},
          rows{nullptr, {nullptr, padded(plan.geometry.value_dim)}},
          rows_per_depth(plan.run * group) {
        const Index lanes = plan.run * padded(group);
        // One depth for each bit of a number of chunks.
        const Index all_rows = rows_per_depth * (64 - __builtin_clzll(static_cast<std::uint64_t>(plan.span_chunks)));
        queries.data = carver.take<float>(rows_per_depth * queries.stride);
        integer_queries.data = carver.take<std::int16_t>(rows_per_depth * integer_queries.stride);
        multipliers = carver.take<float>(rows_per_depth);
        constants = carver.take<float>(rows_per_depth);
        has_low = carver.take<bool>(plan.run);
        softmax = {carver.take<float>(lanes), carver.take<float>(lanes), carver.take<float>(lanes),
                   carver.take<float>(lanes)};
        value_shift = carver.take<float>(plan.run * rows.accumulators.stride);
        scores.data = carver.take<float>(group * kScoreStride);
        integer_weights.data = carver.take<std::int16_t>(group * kScoreStride);
        folded = carver.take<double>(queries.stride);
        rows.states = carver.take<SoftmaxState>(all_rows);
        rows.accumulators.data = carver.take<float>(all_rows * rows.accumulators.stride);
    }

    IFA_INLINE RowStates rows_at(Index depth) const { return rows.from(depth * rows_per_depth); }

    // The part of one kv head of the item, counted from the first.
    IFA_INLINE Scratch of(Index i) const {
        Scratch part = *this;
        part.queries = queries.from(i * group);
        part.integer_queries = integer_queries.from(i * group);
        part.multipliers += i * group;
        part.constants += i * group;
        part.has_low += i;
        part.softmax = softmax.from(i * padded(group));
        part.value_shift += i * rows.accumulators.stride;
        return part;
    }

    template <class Arithmetic>
    IFA_INLINE auto queries_of() const {
        if constexpr (Arithmetic::kInteger) return integer_queries;
        else return queries;
    }
    IFA_INLINE RowsOf<std::int16_t> low_queries() const { return integer_queries.from(0, queries.stride); }
    template <class Arithmetic>
    IFA_INLINE auto weights_of() const {
        if constexpr (Arithmetic::kInteger) return integer_weights;
        else return scores;
    }

    // Sets what must hold zeros before the first item.
    inline void clear(Index run) const {
        std::memset(value_shift, 0, static_cast<std::size_t>(run * rows.accumulators.stride) * sizeof(float));
    }
};

struct Workspace {
    using Counter = std::ptrdiff_t;  // a word: also 32-bit machines count it up without a lock

    Counter* next_item;           // the first item that no job has claimed
    Counter* finished;            // [B, kvN] spans of a run whose states are complete
    std::uint8_t* wholly_hidden;  // [B] the window is computed as the mean of its values
    RowStates rows;               // [states, N]
    std::byte* scratch;           // [jobs, scratch_bytes]
    std::size_t scratch_bytes;

    inline Workspace(Carver& carver, const Plan::Parts& plan) {
        const Geometry& geometry = plan.geometry;
        Carver scratch_carver(nullptr);
        Scratch(scratch_carver, plan);
        scratch_bytes = scratch_carver.used();
        next_item = carver.take<Counter>(1);
        finished = carver.take<Counter>(plan.states > 0 ? geometry.batch * geometry.kv_heads : 0);
        wholly_hidden = carver.take<std::uint8_t>(geometry.batch);
        rows.states = carver.take<SoftmaxState>(plan.states * geometry.heads);
        rows.accumulators.stride = padded(geometry.value_dim);
        rows.accumulators.data = carver.take<float>(plan.states * geometry.heads * rows.accumulators.stride);
        scratch = carver.take<std::byte>(plan.jobs * static_cast<Index>(scratch_bytes));
    }

    static inline std::size_t bytes(const Plan::Parts& plan) {
        Carver carver(nullptr);
        Workspace(carver, plan);
        return carver.used() + Carver::kLine - 1;
    }

    // The next item for the calling job; at or beyond the number of items when none is left. An atomic operation waits
    // for all stores before it, which only several jobs need.
    IFA_INLINE Index claim(bool alone) const {
        return alone ? (*next_item)++ : __atomic_fetch_add(next_item, Counter{1}, __ATOMIC_RELAXED);
    }

    // What claim() would return, unless another job is faster.
    IFA_INLINE Index unclaimed() const { return __atomic_load_n(next_item, __ATOMIC_RELAXED); }

    // Says that one span of a (sequence, kv head) is complete; true for whoever completes the last.
    IFA_INLINE bool finish(Index counter, Index spans) const {
        return __atomic_add_fetch(finished + counter, Counter{1}, __ATOMIC_ACQ_REL) == spans;
    }
};

}  // namespace ifa::inline IFA_ISA
