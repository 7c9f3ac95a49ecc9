// Medians, and how sure they are.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace bench {

inline double quantile(std::vector<double> samples, double q) {
    const auto at = static_cast<std::ptrdiff_t>(q * static_cast<double>(samples.size() - 1) + 0.5);
    std::nth_element(samples.begin(), samples.begin() + at, samples.end());
    return samples[static_cast<std::size_t>(at)];
}
inline double median(const std::vector<double>& samples) {
    return quantile(samples, 0.5);
}

struct Interval {
    double median = 0, low = 0, high = 0;
};

// The median and its 95 % bootstrap interval: Efron, "Bootstrap methods" (1979).
inline Interval bootstrap(const std::vector<double>& samples) {
    std::vector<double> medians, resampled(samples.size());
    std::uint32_t bits = 1;
    for (int repeat = 0; repeat < 1000; ++repeat) {
        for (double& x : resampled) {
            bits = bits * 1664525u + 1013904223u;
            x = samples[(std::uint64_t{bits} * samples.size()) >> 32];
        }
        medians.push_back(median(resampled));
    }
    return {median(samples), quantile(medians, 0.025), quantile(medians, 0.975)};
}

template <class Function>
double seconds(const Function& function) {
    const auto start = std::chrono::steady_clock::now();
    function();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace bench
