// What rounding to nearest even is, bit by bit, and the numbers that show whether it was done.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "ifa/dtype.hpp"

namespace support {

// A binary floating-point format of 16 bits.
struct Format {
    int mantissa_bits;
    int smallest_exponent;  // of a normal number

    int exponent_mask() const { return (1 << (15 - mantissa_bits)) - 1; }

    // What a pattern stands for.
    double decode(std::uint16_t pattern) const {
        const int exponent = (pattern >> mantissa_bits) & exponent_mask();
        const int mantissa = pattern & ((1 << mantissa_bits) - 1);
        const double sign = pattern & 0x8000 ? -1 : 1;
        if (exponent == exponent_mask())
            return mantissa ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
        if (exponent == 0) return sign * std::ldexp(mantissa, smallest_exponent - mantissa_bits);
        return sign * std::ldexp(mantissa + (1 << mantissa_bits), smallest_exponent + exponent - 1 - mantissa_bits);
    }

    // The nearest number of the format, ties to even.
    double round(double x) const {
        if (std::isnan(x) || std::isinf(x) || x == 0) return x;
        const int exponent = std::max(std::ilogb(x), smallest_exponent);
        const double unit = std::ldexp(1, exponent - mantissa_bits);
        const double rounded = std::nearbyint(x / unit) * unit;
        const double beyond = std::ldexp(1, smallest_exponent + exponent_mask() - 1);
        return std::abs(rounded) >= beyond ? std::copysign(std::numeric_limits<double>::infinity(), x) : rounded;
    }
};

template <class T>
inline constexpr Format kFormat{};
template <>
inline constexpr Format kFormat<ifa::float16>{10, -14};
template <>
inline constexpr Format kFormat<ifa::bfloat16>{7, -126};

inline bool same(double a, double b) {
    return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

template <class T>
std::uint16_t pattern_of(T element) {
    static_assert(sizeof(T) == 2);
    std::uint16_t pattern;
    std::memcpy(&pattern, &element, 2);
    return pattern;
}
template <class T>
T element_of(std::uint16_t pattern) {
    T element;
    std::memcpy(static_cast<void*>(&element), &pattern, 2);
    return element;
}

// All numbers of a format.
template <class T>
std::vector<T> finite_elements() {
    std::vector<T> elements;
    for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern)
        if (std::isfinite(kFormat<T>.decode(static_cast<std::uint16_t>(pattern))))
            elements.push_back(element_of<T>(static_cast<std::uint16_t>(pattern)));
    return elements;
}

// The tie between a number of the format and the one of the next pattern, or what would be the next.
template <class T>
float tie_above(std::uint16_t pattern) {
    const auto at = [pattern](int step) { return kFormat<T>.decode(static_cast<std::uint16_t>(pattern + step)); };
    const double x = at(0), next = at(1);
    return static_cast<float>(x + (std::isinf(next) ? x - at(-1) : next - x) / 2);
}

// Every number of the format, every tie, what lies on both sides of the ties, and beyond the largest.
template <class T>
std::vector<float> numbers_around_ties() {
    constexpr float kInf = std::numeric_limits<float>::infinity(), kMax = std::numeric_limits<float>::max();
    std::vector<float> numbers{0.f, -0.f, kMax, -kMax, 1e-45f, -1e-45f};
    for (const T element : finite_elements<T>()) {
        const float tie = tie_above<T>(pattern_of(element));
        for (const float x :
             {static_cast<float>(element), tie, std::nextafterf(tie, kInf), std::nextafterf(tie, -kInf)})
            numbers.push_back(x);
    }
    return numbers;
}

inline double rounded_int8(double x) {
    return std::min(std::max(std::nearbyint(x), -128.0), 127.0);
}

}  // namespace support
