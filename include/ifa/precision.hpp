// What the document's inner_precise chooses.
#pragma once

#include "concepts.hpp"

namespace ifa::inline IFA_ISA {

// inner_precise 0. Everything in float32. Offsets of int8 values are added to the stored integers, rounded, before
// conversion, which is exact; only the remainder of at most 1/2 is left to the end, so that large offsets cannot cancel
// against the sum.
struct HighPrecision {
    using role = role::Precision;
    static constexpr bool kExactOffsets = true;
    static constexpr bool kIntegerProducts = false;
};

// inner_precise 1, the default. int8 caches are multiplied by queries and weights of 16 bits, in exact integer sums,
// and offsets of int8 values are unfolded once, from the finished row. Other caches as in HighPrecision.
struct HighPerformance {
    using role = role::Precision;
    static constexpr bool kExactOffsets = false;
    static constexpr bool kIntegerProducts = true;
};

}  // namespace ifa::inline IFA_ISA
