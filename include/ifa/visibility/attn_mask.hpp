// A byte per token that hides it: the document's attn_mask.
#pragma once

#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// hidden [B or 1, S] of bool, int8 or uint8 (see ifa::mask), indexed by the physical column; non-zero hides the key
// from every head. It may have more columns than the cache.
struct AttnMask {
    using role = role::Visibility;

    TensorView<const std::uint8_t> bytes = {};

    IFA_INLINE std::uint64_t hidden(Index sequence, Index first_column, int count) const {
        const std::uint8_t* const row = bytes.row(bytes.shape.batch == 1 ? 0 : sequence, 0, first_column);
        std::uint64_t bits = 0;
        for (int i = 0; i < count; ++i) bits |= std::uint64_t{row[i] != 0} << i;
        return bits;
    }

    inline void check(const Geometry& geometry, Contracts& contracts) const {
        check_view("attn_mask", bytes, contracts);
        check_columns("attn_mask", bytes, contracts);
        if (bytes.shape.batch != 1 && bytes.shape.batch != geometry.batch)
            contracts.fail(ErrorKind::kRuntime, "attn_mask: expected a batch of 1 or {}, got {}", geometry.batch,
                           bytes.shape.batch);
        if (bytes.shape.seq < geometry.columns)
            contracts.fail(ErrorKind::kRuntime, "attn_mask: expected at least {} columns, got {}", geometry.columns,
                           bytes.shape.seq);
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("attn_mask", bytes);
    }
};

}  // namespace ifa::inline IFA_ISA
