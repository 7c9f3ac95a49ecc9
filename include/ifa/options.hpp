// The run-time options of a call.
#pragma once

#include <cstddef>

#include "kernel/plan.hpp"

namespace ifa {

// What a row gives whose window holds tokens, all of them hidden by masks.
enum class WhollyHiddenRows {
    kZeros,        // zeros, as for an empty window
    kMeanOfValues  // the plain mean of the window's values, as the hardware operator does; the log-sum-exp is
                   // log(tokens)
};

struct Options {
    // Multiplies every q.k. Folded into the query in float64.
    double scale = 1.0;
    // Windows and items made ahead by `plan`. Then no visibility policy of the call may name a window.
    const Plan* plan = nullptr;
    // At least plan->workspace_bytes() bytes of any alignment, used by one call at a time. Empty: the call allocates.
    Span<std::byte> workspace = {};
    // Tokens per chunk of an unplanned call, a multiple of the tile; part of the bit contract.
    Index chunk_tokens = kDefaultChunkTokens;
    WhollyHiddenRows wholly_hidden_rows = WhollyHiddenRows::kZeros;
};

}  // namespace ifa
