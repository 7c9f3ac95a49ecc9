// Where the numbers of a block of heads lie: a row for each.
#pragma once

#include <bit>

#include "../concepts.hpp"

namespace ifa::inline IFA_ISA {

inline constexpr int kMostBlockTokens = 4;  // of a block of scores

// Floats from one head's scores to the next: a block may write beyond the tile.
inline constexpr int kScoreStride = kTileTokens + 16;
static_assert(kScoreStride >= kTileTokens + std::bit_ceil(unsigned{kMostBlockTokens}));

// Rows of one element per channel for the heads of a block, `stride` elements apart.
template <class T>
struct RowsOf {
    T* data = nullptr;
    Index stride = 0;

    IFA_INLINE T* operator[](Index head) const { return data + head * stride; }
    IFA_INLINE RowsOf from(Index head, Index element = 0) const { return {data + head * stride + element, stride}; }
};
using HeadRows = RowsOf<float>;

// Rows of one element per slot of a tile for the heads of a block. That their distance is known to the compiler saves
// the inner loops a register for each head.
template <class T>
struct SlotRows {
    T* data = nullptr;

    IFA_INLINE T* operator[](Index head) const { return data + head * kScoreStride; }
    IFA_INLINE SlotRows from(Index head, Index element = 0) const { return {data + head * kScoreStride + element}; }
};
using ScoreRows = SlotRows<float>;

}  // namespace ifa::inline IFA_ISA
