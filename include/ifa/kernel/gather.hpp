// The tiles of a chunk: which of their tokens are visible, and where the rows of these lie.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// The first tile at or after `column` of which something is visible; without tokens where the chunk has no more.
template <class Problem>
IFA_INLINE Slots visible_slots(const Problem& problem, const Work& work, Index column) {
    for (; column < work.chunk.end; column += kTileTokens) {
        const Index left = work.chunk.end - column;
        const int tokens = left < kTileTokens ? static_cast<int>(left) : kTileTokens;
        const std::uint64_t hidden = work.mean_of_values ? 0 : problem.hidden(work.sequence, column, tokens);
        if (const std::uint64_t visible = Slots::first(tokens) & ~hidden) return {column, tokens, visible};
    }
    return {};
}

// The tile's rows of one kv head. Those of hidden tokens are left out: their bytes are never looked at.
template <class Problem, class Tile>
IFA_INLINE void gather_tile(const Problem& problem, const Work& work, const Slots& slots, Tile& tile) {
    static_cast<Slots&>(tile) = slots;
    if (slots.tokens == 0) return;
    problem.kv.gather(work.sequence, work.kv_head, slots.first_column, slots.tokens, tile.keys, tile.values);
    tile.pack();
}

}  // namespace ifa::inline IFA_ISA
