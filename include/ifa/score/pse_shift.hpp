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
        simd::transform_row(
            tile.scores.data(), static_cast<Index>(tile.scores.size()),
            [&](simd::Float score, Index i, Index count) { return simd::add(score, simd::load_some(row, i, count)); });
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
};

template <class T>
PseShift(TensorView<T>) -> PseShift<T>;

}  // namespace ifa::inline IFA_ISA
