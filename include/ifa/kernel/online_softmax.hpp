// The online softmax of a block of heads: how their maxima and sums grow by a tile, a vector of heads at a time.
#pragma once

#include <type_traits>

#include "softmax_state.hpp"
#include "tile.hpp"

namespace ifa::inline IFA_ISA {

// What an integer weight of 1 is: weights are exponentials of at most 1 in these units.
inline constexpr float kWeightUnits = 32767;

inline constexpr float kLowest = -std::numeric_limits<float>::max();

// One number for each head of a block: whole vectors, so that lanes beyond the last head may be read and written.
struct OnlineSoftmax {
    float* maxima = nullptr;    // largest score so far
    float* sums = nullptr;      // of exp(score - maximum)
    float* rescales = nullptr;  // what the tile multiplies earlier sums by: exactly 1 unless the maximum grew
    float* units = nullptr;     // what a weight of 1 in the tile stands for

    IFA_INLINE OnlineSoftmax from(Index head) const {
        return {maxima + head, sums + head, rescales + head, units + head};
    }

    inline void clear(Index heads) const {
        for (Index i = 0; i < heads; i += simd::kLanes) {
            simd::store(maxima + i, simd::set(kHidden));
            simd::store(sums + i, simd::set(0.f));
        }
    }

    // Turns the scores of a tile of so many slots, whole vectors with -inf where hidden, into weights and adds their
    // sums. Weights of float are exp(score - maximum), those of std::int16_t exp(score - the tile's own maximum):
    // against the row's maximum a far peak would round all others to zero.
    template <class Weight>
    inline void absorb(ScoreRows scores, Index heads, int slots, SlotRows<Weight> weights) const {
        constexpr bool kQuantised = std::is_same_v<Weight, std::int16_t>;
        float subtracted[simd::kLanes];
        for (Index first = 0; first < heads; first += simd::kLanes) {
            const Index count = heads - first < simd::kLanes ? heads - first : Index{simd::kLanes};
            const simd::Float before = simd::load(maxima + first);
            const simd::Float tile = for_each_head<simd::max>(
                count, simd::set(kHidden), [&](Index i) __attribute__((always_inline)) {
                    return largest(scores[first + i], slots);
                });
            const simd::Float after = simd::max(tile, before), reference = zero_if_hidden(after);
            const simd::Float from = kQuantised ? zero_if_hidden(tile) : reference;
            const simd::Float rescale = simd::exp(simd::sub(before, reference));
            const simd::Float tile_factor = kQuantised ? simd::exp(simd::sub(from, reference)) : simd::set(1.f);
            const simd::Float unit = simd::mul(tile_factor, simd::set(kQuantised ? 1 / kWeightUnits : 1.f));
            simd::store(subtracted, from);
            const simd::Float total = for_each_head<simd::add>(
                count, simd::set(0.f), [&](Index i) __attribute__((always_inline)) {
                    return weigh<kQuantised>(scores[first + i], slots, subtracted[i], weights[first + i]);
                });
            simd::store(sums + first, simd::fma(simd::load(sums + first), rescale, simd::mul(total, unit)));
            simd::store(maxima + first, after);
            simd::store(rescales + first, rescale);
            simd::store(units + first, unit);
        }
    }

   private:
    // A lane for each head: the reduction of row(head), or of `none` beyond the last.
    template <simd::Combine combine, class Row>
    static IFA_INLINE simd::Float for_each_head(Index heads, simd::Float none, const Row& row) {
        simd::Float quads[simd::kLanes / 4];
        IFA_UNROLL for (Index i = 0; i < simd::kLanes; i += 4) {
            if (i > 0 && i >= heads) {
                quads[i / 4] = quads[0];
                continue;
            }
            simd::Float rows[4] = {none, none, none, none};
            for (Index j = 0; j < 4 && i + j < heads; ++j) rows[j] = row(i + j);
            quads[i / 4] = simd::reduce_quad<combine>(rows[0], rows[1], rows[2], rows[3]);
        }
        return simd::reduce_quads<combine>(quads);
    }

    // What scores are measured from: 0 while nothing is visible, so that exp(-inf - 0) = 0.
    static IFA_INLINE simd::Float zero_if_hidden(simd::Float maximum) {
        return simd::zero_below(maximum, maximum, simd::set(kLowest));
    }

    static IFA_INLINE simd::Float largest(const float* scores, int slots) {
        simd::Float x = simd::load(scores);
        for (int i = simd::kLanes; i < slots; i += simd::kLanes) x = simd::max(simd::load(scores + i), x);
        return x;
    }

    // The weights of one head's tile; returns their sum lane by lane.
    template <bool Quantised, class Weight>
    static IFA_INLINE simd::Float weigh(const float* scores, int slots, float from, Weight* weights) {
        simd::Float total = simd::set(0.f);
        IFA_UNROLL_TWICE for (int i = 0; i < slots; i += simd::kLanes) {
            const simd::Float probability = simd::exp(simd::sub(simd::load(scores + i), simd::set(from)));
            const simd::Float weight =
                Quantised ? simd::round(simd::mul(probability, simd::set(kWeightUnits))) : probability;
            simd::store(weights + i, weight);
            total = simd::add(total, weight);
        }
        return total;
    }
};

}  // namespace ifa::inline IFA_ISA
