// What the document's inner_precise chooses.
#pragma once

#include "concepts.hpp"

namespace ifa::inline IFA_ISA {

// inner_precise 0. Offsets of int8 values are added to the stored integers, rounded, before conversion, which is exact;
// only the remainder of at most 1/2 is left to the end, so that large offsets cannot cancel against the sum.
struct HighPrecision {
    using role = role::Precision;
    static constexpr bool kExactOffsets = true;
};

// inner_precise 1, the default. Offsets of int8 values are unfolded once, from the finished row.
struct HighPerformance {
    using role = role::Precision;
    static constexpr bool kExactOffsets = false;
};

}  // namespace ifa::inline IFA_ISA
