// A tile of tokens: a slot for each, and the addresses of the rows of those that take part.
#pragma once

#include <type_traits>

#include "../simd/simd.hpp"
#include "rows.hpp"

namespace ifa::inline IFA_ISA {

static_assert(kTileTokens < 64 && kTileTokens % simd::kLanes == 0);

// How many parts of at most `most` there are in `total`.
template <class T>
constexpr T parts_of(T total, std::type_identity_t<T> most) {
    return (total + most - 1) / most;
}

// Calls visit(slot) for each set bit.
template <class Visit>
IFA_INLINE void for_each_bit(std::uint64_t bits, const Visit& visit) {
    for (; bits; bits &= bits - 1) visit(__builtin_ctzll(bits));
}

// The tokens of a tile: a slot for each.
struct Slots {
    Index first_column = 0;
    int tokens = 0;             // slots that have a column
    std::uint64_t visible = 0;  // a bit for each slot that takes part

    IFA_INLINE int rows() const { return __builtin_popcountll(visible); }
    // Visible slots are not a single run, or one from an odd slot on, where no pair of tokens begins.
    IFA_INLINE bool has_gaps() const {
        constexpr std::uint64_t kOdd = 0xaaaaaaaaaaaaaaaa;
        const std::uint64_t lowest = visible & (~visible + 1);
        return ((visible & (visible + lowest)) | (lowest & kOdd)) != 0;
    }
    // The visible slots, of which there is one at least, lie in [begin, end), which begins with a vector.
    IFA_INLINE int begin() const { return __builtin_ctzll(visible) & -simd::kLanes; }
    IFA_INLINE int end() const { return 64 - __builtin_clzll(visible); }
    static constexpr std::uint64_t first(int count) { return (std::uint64_t{1} << count) - 1; }

    // Takes what belongs to visible slots together in each row of elements: from one for each slot to one for each row,
    // then zeros. Elements are moved a vector at a time, as floats that hold them exactly.
    template <class T>
    IFA_INLINE void slots_to_rows(SlotRows<T> elements, Index heads) const {
        for (Index h = 0; h < heads; ++h) {
            int row = 0;
            for (int slot = 0; slot < tokens; slot += simd::kLanes) {
                const std::uint64_t bits = visible >> slot & first(simd::kLanes);
                simd::store(elements[h] + row, simd::compress(simd::load(elements[h] + slot), bits));
                row += __builtin_popcountll(bits);
            }
            simd::store(elements[h] + row, simd::set(0.f));
        }
    }
    // From one element for each row to one for each slot, from the last one on; those of hidden slots are any.
    template <class T>
    IFA_INLINE void rows_to_slots(SlotRows<T> elements, Index heads) const {
        for (Index h = 0; h < heads; ++h) {
            int row = rows();
            for (int slot = (tokens - 1) & -simd::kLanes; slot >= 0; slot -= simd::kLanes) {
                const std::uint64_t bits = visible >> slot & first(simd::kLanes);
                row -= __builtin_popcountll(bits);
                simd::store(elements[h] + slot, simd::expand(simd::load(elements[h] + row), bits));
            }
        }
    }
};

// The rows of a tile's visible tokens, in turn, from first_row on.
template <class Key, class Value>
struct Tile : Slots {
    const Key* keys[kTileTokens + kMostBlockTokens];
    const Value* values[kTileTokens + kMostBlockTokens];
    bool packed = false;  // rows lie together, as there were gaps, and not in their slots
    int first_row = 0;    // the first visible slot, unless packed

    // Leaves the rows of visible slots where all slots have theirs, and repeats the last one to fill any block.
    IFA_INLINE void pack() {
        packed = has_gaps();
        first_row = 0;
        if (packed) {
            if (asks_all()) {
                for (int slot = 0; slot < tokens; ++slot) {
                    slot_keys_[slot] = keys[slot];
                    slot_values_[slot] = values[slot];
                }
            }
            int row = 0;
            for_each_bit(visible, [&](int slot) {
                keys[row] = keys[slot];
                values[row++] = values[slot];
            });
        } else if (visible != 0) {
            first_row = __builtin_ctzll(visible);
        }
        const int last = first_row + rows() - 1;
        for (int row = last + 1; row < last + kMostBlockTokens; ++row) {
            keys[row] = keys[last];
            values[row] = values[last];
        }
    }

    // What is asked for.
    IFA_INLINE int asked() const { return asks_all() ? tokens : rows(); }
    IFA_INLINE const Key* const* asked_keys() const { return asks_all() ? slot_keys_ : keys + first_row; }
    IFA_INLINE const Value* const* asked_values() const { return asks_all() ? slot_values_ : values + first_row; }

   private:
    // Whether rows of hidden tokens are asked for as well, unless they are many. With half of them hidden at random,
    // that was a sixth faster on a core with AVX2 (Zen 3) and a fifth slower on one with AVX-512 (Emerald Rapids).
    IFA_INLINE bool asks_all() const { return simd::kLanes < 16 && packed && 3 * rows() >= tokens; }

    const Key* slot_keys_[kTileTokens];
    const Value* slot_values_[kTileTokens];
};

}  // namespace ifa::inline IFA_ISA
