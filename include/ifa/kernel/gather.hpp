// The tiles of a chunk: which of their tokens are visible, and where the rows of these lie.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// The first tile at or after `column` of which something is visible; without tokens where the chunk has no more.
template <class Problem>
IFA_INLINE Slots visible_slots(const Problem& problem, const Work& work, Index column) {
    for (; column < work.tokens.end; column += kTileTokens) {
        const Index left = work.tokens.end - column;
        const int tokens = left < kTileTokens ? static_cast<int>(left) : kTileTokens;
        const std::uint64_t hidden = work.mean_of_values ? 0 : problem.hidden(work.sequence, column, tokens);
        if (const std::uint64_t visible = Slots::first(tokens) & ~hidden) return {column, tokens, visible};
    }
    return {};
}

// The tile's rows of one kv head. Those of hidden tokens are left out: their bytes are never looked at. Not inlined:
// attend() has need of it in four places, and a short call's instructions hardly fit into the first-level cache.
template <class Problem, class Tile>
__attribute__((noinline)) void gather_tile(const Problem& problem, const Work& work, const Slots& slots, Tile& tile) {
    static_cast<Slots&>(tile) = slots;
    if (slots.tokens == 0) return;
    problem.kv.gather(work.sequence, work.kv_head, slots.first_column, slots.tokens, tile.keys, tile.values);
    tile.pack();
}

template <class Problem, class Tile>
IFA_INLINE void gather_first_tile(const Problem& problem, const Work& work, Tile& tile) {
    gather_tile(problem, work, visible_slots(problem, work, work.tokens.begin), tile);
}

// The rows that the kv heads of a run ask for, each its share of those that the whole run reads in the tile ahead. They
// come token by token: where the heads of a token lie side by side, that is the order of memory.
template <class Problem>
class RunAhead {
    using Key = typename Problem::key_type;
    using Value = typename Problem::value_type;

   public:
    inline RunAhead(const Problem& problem, const Work& work, const Slots& slots)
        : run_(work.kv_heads), key_dim_(problem.geometry.key_dim), value_dim_(problem.geometry.value_dim) {
        if (run_ == 1 || slots.tokens == 0) return;
        for (Index r = 0; r < 2; ++r)
            problem.kv.gather(work.sequence, work.kv_head + r, slots.first_column, 1, keys_ + r, values_ + r);
        key_bytes_ = address(keys_[1]) - address(keys_[0]);
        value_bytes_ = address(values_[1]) - address(values_[0]);
    }

    // Of the r-th kv head; `ahead` is the tile ahead of the first one.
    IFA_INLINE UpcomingRows<Key, Value> rows(Index r, const Tile<Key, Value>& ahead) {
        if (run_ == 1) return {ahead.asked_keys(), ahead.asked_values(), ahead.asked(), key_dim_, value_dim_};
        Index count = 0;
        for (Index row = r * ahead.asked() / run_; row < (r + 1) * ahead.asked() / run_; ++row)
            for (Index head = 0; head < run_; ++head, ++count) {
                keys_[count] = further(ahead.asked_keys()[row], head * key_bytes_);
                values_[count] = further(ahead.asked_values()[row], head * value_bytes_);
            }
        return {keys_, values_, count, key_dim_, value_dim_};
    }

   private:
    static constexpr Index kMostRows = kTileTokens + kMostItemHeads;

    static IFA_INLINE std::intptr_t address(const void* row) { return reinterpret_cast<std::intptr_t>(row); }
    template <class T>
    static IFA_INLINE const T* further(const T* row, Index bytes) {
        return reinterpret_cast<const T*>(reinterpret_cast<const char*>(row) + bytes);
    }

    Index run_, key_dim_, value_dim_;
    Index key_bytes_ = 0, value_bytes_ = 0;  // from a row to that of the next kv head
    const Key* keys_[kMostRows];
    const Value* values_[kMostRows];
};

}  // namespace ifa::inline IFA_ISA
