// An additive bias on the scores, one per query head and token: the document's pse_shift (ALiBi and the like).
#pragma once

#include "../simd/row.hpp"
#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// bias [B or 1, N, 1, S] of float32, float16 or bfloat16 (see ifa::bias), indexed by the physical column and added
// unscaled. It may have more columns than the cache; -inf removes a token.
template <class T>
struct PseShift {
    using role = role::ScoreTerm;
    static constexpr bool kShiftInvariant = true;

    TensorView<T> bias = {};

    IFA_INLINE void operator()(const ScoreTile& tile) const {
        const T* const row = bias.row(bias.shape.batch == 1 ? 0 : tile.sequence, tile.head, tile.first_column);
        const auto tokens = static_cast<Index>(tile.scores.size());
        ask_for_next(row, tokens);
        simd::transform_row(tile.scores.data(), tokens, [&](simd::Float score, Index i, Index count) {
            return simd::add(score, simd::load_some(row, i, count));
        });
    }

    inline void check(const Geometry& geometry, Contracts& contracts) const {
        check_view("pse_shift", bias, contracts);
        check_columns("pse_shift", bias, contracts);
        const Shape& shape = bias.shape;
        if (shape.batch != 1 && shape.batch != geometry.batch)
            contracts.fail(ErrorKind::kRuntime, "pse_shift: expected a batch of 1 or {}, got {}", geometry.batch,
                           shape.batch);
        if (shape.heads != geometry.heads)
            contracts.fail(ErrorKind::kRuntime, "pse_shift: expected {} heads, got {}", geometry.heads, shape.heads);
        if (shape.seq < geometry.columns)
            contracts.fail(ErrorKind::kRuntime, "pse_shift: expected at least {} columns, got {}", geometry.columns,
                           shape.seq);
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("pse_shift", bias);
    }

   private:
    // Asks memory for the tile that follows one of `tokens`: hardware does not foresee rows that take turns. Nothing is
    // read: any address will do.
    static IFA_INLINE void ask_for_next(const T* row, Index tokens) {
        constexpr Index kLine = 64;
        const auto* const next = reinterpret_cast<const char*>(row) + tokens * Index{sizeof(T)};
        for (Index byte = 0; byte < tokens * Index{sizeof(T)}; byte += kLine) __builtin_prefetch(next + byte);
    }
};

template <class T>
PseShift(TensorView<T>) -> PseShift<T>;

}  // namespace ifa::inline IFA_ISA
