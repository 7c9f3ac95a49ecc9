// Grouped queries: head h reads kv head h / group. Multi-head attention is group 1, multi-query attention kv_heads 1.
#pragma once

#include "concepts.hpp"

namespace ifa::inline IFA_ISA {

inline constexpr Index kDynamic = -1;

// Ainslie et al., "GQA" (2023). A fixed Group is checked against the shapes; kDynamic takes it from them.
template <Index Group = kDynamic>
struct GroupedQuery {
    using role = role::HeadGroups;

    IFA_INLINE constexpr Index group(const Geometry& geometry) const {
        return geometry.kv_heads > 0 ? geometry.heads / geometry.kv_heads : 0;
    }

    inline void check(const Geometry& geometry, Contracts& contracts) const {
        if (geometry.kv_heads <= 0) return;
        if (geometry.heads % geometry.kv_heads != 0)
            contracts.fail(ErrorKind::kValue, "num_heads: expected a multiple of num_key_value_heads {}, got {}",
                           geometry.kv_heads, geometry.heads);
        else if (Group != kDynamic && group(geometry) != Group)
            contracts.fail(ErrorKind::kValue,
                           "num_heads: expected {} per kv head (GroupedQuery), got {} over {} kv heads", Group,
                           geometry.heads, geometry.kv_heads);
    }
};

}  // namespace ifa::inline IFA_ISA
