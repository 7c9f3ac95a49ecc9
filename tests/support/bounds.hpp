// The accuracy contract: how far a row of float32 may be from the formula in float64.
#pragma once

#include <cmath>
#include <limits>

#include "reference.hpp"

namespace support {

// The contract's tau: relative error of float32 rows over float caches, and over int8 caches with HighPrecision.
inline constexpr double kTau = 2e-6;
// The same over int8 caches with HighPerformance.
inline constexpr double kTauInt8HighPerformance = 1e-3;

// The general bound of the contract, tau (1 + L/8) || sum_j p_j |x_j| ||: a rounding of a float32 score of size L
// changes the exponent by up to L 2^-24, and the weight by that part of it; with tau = 2e-6 the bound grows by four
// such roundings of every weight, about what a sum of a head's products makes. And what is lost of weights too small to
// be held, which shows where the values of large weight are zeros: below exp(-87) of the largest they vanish, and with
// HighPerformance they are multiples of 2^-15 of their tile's largest, which 48 tokens may miss by 1.5 2^-11 in all.
inline double general_bound(const reference::Row& row, double tau) {
    const double lost = tau == kTauInt8HighPerformance ? 0x1.8p-11 : std::exp(-87.0) * static_cast<double>(row.visible);
    return tau * (1 + row.magnitude / 8) * row.absolute_norm + lost * row.largest_norm;
}

// Rows of standard data are held to tau times their norm; others, and rows so short that they may vanish by chance, to
// the general bound.
inline double allowed_error(const reference::Row& row, double tau) {
    const bool standard = row.largest_score <= 16 && row.values.size() >= 16;
    return standard ? tau * reference::norm(row.values) : general_bound(row, tau);
}

// NaN counts as infinitely wrong. An error of 0 is within any bound, also 0.
inline double ratio_to(double error, double allowed) {
    if (error == 0) return 0;
    return error <= std::numeric_limits<double>::max() ? error / allowed : std::numeric_limits<double>::infinity();
}

}  // namespace support
