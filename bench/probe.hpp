// What the machine can do at this moment: read bandwidth over given bytes, and float32 multiply-adds in registers.
#pragma once

#include <ifa/simd/simd.hpp>

#include "statistics.hpp"
#include "team.hpp"

namespace bench {

namespace simd = ifa::simd;
using ifa::Index;

// A way of reading memory. No single one is the fastest everywhere.
struct Reading {
    int streams;      // 1, or 2 that start at both halves
    bool prefetches;  // a few lines ahead
    Index row_bytes;  // 0: flat; otherwise a row at a time
};
inline constexpr Reading kReadings[] = {{1, false, 0},   {1, true, 0},   {2, false, 0},   {2, true, 0},
                                        {1, false, 256}, {1, true, 256}, {2, false, 256}, {2, true, 256}};

inline constexpr Index kLine = 64;
inline constexpr Index kPrefetchAhead = 16 * kLine;

// Reads whole lines, eight at a time, and returns something that depends on them all.
template <int Streams, bool Prefetches>
simd::Float read_lines(const std::byte* first, const std::byte* second, Index bytes) {
    constexpr Index kFloats = kLine / static_cast<Index>(sizeof(float));
    simd::Float sums[4] = {simd::set(0.f), simd::set(0.f), simd::set(0.f), simd::set(0.f)};
    for (Index at = 0; at + kLine <= bytes; at += kLine) {
        const std::byte* const streams[2] = {first + at, second + at};
        IFA_UNROLL for (int s = 0; s < Streams; ++s) {
            if constexpr (Prefetches) __builtin_prefetch(streams[s] + kPrefetchAhead);
            const auto* const floats = reinterpret_cast<const float*>(streams[s]);
            IFA_UNROLL for (int v = 0; v * simd::kLanes < kFloats; ++v) sums[v % 4] =
                simd::max(simd::load(floats + v * simd::kLanes), sums[v % 4]);
        }
    }
    return simd::max(simd::max(sums[0], sums[1]), simd::max(sums[2], sums[3]));
}

template <int Streams, bool Prefetches>
float read_rows(const std::byte* memory, Index bytes, Index row_bytes) {
    const Index part = bytes / Streams / kLine * kLine;
    const Index step = row_bytes > 0 ? row_bytes : part;
    simd::Float sum = simd::set(0.f);
    for (Index at = 0; at < part; at += step)
        sum = simd::max(
            read_lines<Streams, Prefetches>(memory + at, memory + (Streams - 1) * part + at, std::min(step, part - at)),
            sum);
    return simd::first(simd::reduce_quad<simd::max>(sum, sum, sum, sum));
}

inline float read(const Reading& how, const std::byte* memory, Index bytes) {
    if (how.streams == 1)
        return how.prefetches ? read_rows<1, true>(memory, bytes, how.row_bytes)
                              : read_rows<1, false>(memory, bytes, how.row_bytes);
    return how.prefetches ? read_rows<2, true>(memory, bytes, how.row_bytes)
                          : read_rows<2, false>(memory, bytes, how.row_bytes);
}

// Bytes per second of one reading of `memory` by all threads, each its part.
inline double read_bandwidth(const Reading& how, const std::byte* memory, Index bytes, const Team& team) {
    const Index part = bytes / team.threads / kLine * kLine;
    volatile float sink = 0;
    const double time = seconds([&] {
        team.run(team.threads, [&](int job) {
            const float sum = read(how, memory + job * part, part);
            if (sum == 0x1.23456p100f) sink = sum;  // never: keeps the loop
        });
    });
    return static_cast<double>(part * team.threads) / time;
}

// Floating-point operations per second of independent multiply-adds, all threads together.
inline double fma_peak(const Team& team) {
    constexpr int kSums = 12, kSteps = 40000;
    volatile float sink = 0;
    const double time = seconds([&] {
        team.run(team.threads, [&](int) {
            simd::Float sums[kSums], factor = simd::set(0.999f), term = simd::set(0.001f);
            IFA_UNROLL for (int i = 0; i < kSums; ++i) sums[i] = simd::set(static_cast<float>(i));
            for (int step = 0; step < kSteps; ++step) {
                IFA_UNROLL for (int i = 0; i < kSums; ++i) sums[i] = simd::fma(sums[i], factor, term);
            }
            IFA_UNROLL for (int i = 1; i < kSums; ++i) sums[0] = simd::add(sums[0], sums[i]);
            if (simd::first(sums[0]) == 0x1.23456p100f) sink = 1;
        });
    });
    return 2. * kSums * kSteps * simd::kLanes * team.threads / time;
}

}  // namespace bench
