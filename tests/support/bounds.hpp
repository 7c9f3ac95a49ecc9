// The accuracy contract: how far a row of float32 may be from the formula in float64.
#pragma once

#include <limits>

#include "reference.hpp"

namespace support {

// The contract's tau: relative error of float32 rows over float caches, and over int8 caches with HighPrecision.
inline constexpr double kTau = 2e-6;
// The same over int8 caches with HighPerformance.
inline constexpr double kTauInt8HighPerformance = 1e-3;

// Rows of standard data are held to tau times their norm; others, and rows so short that they may vanish by chance, to
// the general bound.
inline double allowed_error(const reference::Row& row, double tau) {
    const bool standard = row.largest_score <= 16 && row.values.size() >= 16;
    return standard ? tau * reference::norm(row.values) : reference::general_bound(row, tau);
}

// NaN counts as infinitely wrong. An error of 0 is within any bound, also 0.
inline double ratio_to(double error, double allowed) {
    if (error == 0) return 0;
    return error <= std::numeric_limits<double>::max() ? error / allowed : std::numeric_limits<double>::infinity();
}

}  // namespace support
