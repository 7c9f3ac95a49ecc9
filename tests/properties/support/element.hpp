// Element types at run time: their numbers as float64, what rounds to them, and bytes nobody may look at.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>

#include "factors.hpp"
#include "support/random.hpp"

namespace properties {

template <ElementType type>
using element = std::tuple_element_t<static_cast<std::size_t>(type) - 1,
                                     std::tuple<float, ifa::float16, ifa::bfloat16, std::int8_t>>;

// Calls visit(T{}) for the type.
template <class Visit>
auto with_element(ElementType type, const Visit& visit) {
    switch (type) {
        case ElementType::kFloat16: return visit(ifa::float16{});
        case ElementType::kBfloat16: return visit(ifa::bfloat16{});
        case ElementType::kInt8: return visit(std::int8_t{});
        default: return visit(float{});
    }
}

inline std::size_t size_of(ElementType type) {
    return with_element(type, [](auto x) { return sizeof(x); });
}

template <class T>
double load_as(const std::byte* from) {
    T x;
    std::memcpy(static_cast<void*>(&x), from, sizeof(x));
    return support::as_double(x);
}
inline double load(ElementType type, const std::byte* from) {
    return with_element(type, [from](auto x) { return load_as<decltype(x)>(from); });
}

// Rounds to nearest even; for int8 the value is a whole number.
template <class T>
void store_as(double value, std::byte* to) {
    const T x = static_cast<T>(static_cast<float>(value));
    std::memcpy(to, &x, sizeof(x));
}
inline void store(ElementType type, double value, std::byte* to) {
    with_element(type, [value, to](auto x) { store_as<decltype(x)>(value, to); });
}

// Fills memory with NaN and infinities; for int8, which has none, with the ends of its range.
inline void poison(ElementType type, std::byte* to, std::size_t count) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kFloats[] = {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity};
    constexpr double kIntegers[] = {127, -128, -128};
    std::byte pattern[3][sizeof(float)];
    for (int i = 0; i < 3; ++i) store(type, type == ElementType::kInt8 ? kIntegers[i] : kFloats[i], pattern[i]);
    const std::size_t size = size_of(type);
    for (std::size_t i = 0; i < count; ++i) std::memcpy(to + i * size, pattern[i % 3], size);
}

// The numbers from `low` to `high`.
struct Interval {
    double low = 0;
    double high = 0;

    // How far x is outside; infinite if an end is NaN.
    double distance(double x) const {
        if (std::isnan(low) || std::isnan(high)) return std::numeric_limits<double>::infinity();
        return x < low ? low - x : x > high ? x - high : 0.0;
    }
    Interval widened(double by) const { return {low - by, high + by}; }
};

// The number of a 16-bit pattern without sign. That of infinity is the power of two it stands for in rounding.
inline double magnitude_of_bits(ElementType type, std::uint16_t bits) {
    if (type == ElementType::kFloat16 && bits == 0x7c00) return 0x1p16;
    if (type == ElementType::kBfloat16 && bits == 0x7f80) return 0x1p128;
    std::byte bytes[sizeof(bits)];
    std::memcpy(bytes, &bits, sizeof(bits));
    return load(type, bytes);
}

inline Interval rounding_interval_of_16_bits(ElementType type, const std::byte* p) {
    std::uint16_t bits;
    std::memcpy(&bits, p, sizeof(bits));
    const auto magnitude = static_cast<std::uint16_t>(bits & 0x7fff);
    const auto at = [&](int step) { return magnitude_of_bits(type, static_cast<std::uint16_t>(magnitude + step)); };
    const bool infinite = std::isinf(load(type, p));
    const double below = magnitude == 0 ? -at(1) : at(-1);
    const Interval interval{(below + at(0)) / 2,
                            infinite ? std::numeric_limits<double>::infinity() : (at(0) + at(1)) / 2};
    return bits == magnitude ? interval : Interval{-interval.high, -interval.low};
}

// The numbers that round to the element: for int8 with saturation, for float32 the number itself.
inline Interval rounding_interval(ElementType type, const std::byte* p) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double x = load(type, p);
    if (std::isnan(x)) return {x, x};
    switch (type) {
        case ElementType::kFloat16:
        case ElementType::kBfloat16: return rounding_interval_of_16_bits(type, p);
        case ElementType::kInt8: return {x == -128 ? -kInfinity : x - 0.5, x == 127 ? kInfinity : x + 0.5};
        default: return {x, x};
    }
}

// A well mixed function of a word: the finaliser of splitmix64.
inline std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

// A bell within +-3.5 of standard deviation 1: the sum of four uniform numbers, a multiple of 7 * 2^-18. For int8 any
// integer.
inline double value_of_bits(ElementType type, std::uint64_t bits) {
    if (type == ElementType::kInt8) return static_cast<double>(bits % 256) - 128;
    const std::uint64_t sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    return static_cast<double>(static_cast<std::int64_t>(sum) - 2 * 65535) * 0x1.cp-16;
}

}  // namespace properties
