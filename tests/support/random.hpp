// Seeded random data made by integer arithmetic alone, so that every compiler and flag sees the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "ifa/dtype.hpp"

namespace support {

// Any element as a double, exactly.
template <class T>
double as_double(T x) {
    if constexpr (std::is_arithmetic_v<T>) return static_cast<double>(x);
    else return static_cast<double>(static_cast<float>(x));
}

template <class T>
std::vector<double> as_doubles(const std::vector<T>& elements) {
    std::vector<double> doubles(elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) doubles[i] = as_double(elements[i]);
    return doubles;
}

// A bell of standard deviation 1 within +-6, or for int8 a uniform integer. `spread` and `mean` should be powers of two
// or short sums of them: then value * spread + mean is exact in float, and no compiler can contract it to other bits.
struct Bell {
    float spread = 1;
    float mean = 0;
};

class Random {
   public:
    explicit Random(std::uint64_t seed) : bits_(seed) {}

    std::uint64_t bits() { return bits_(); }

    // Uniform in [low, high]. The bias of the remainder is far below what a test could see.
    std::int64_t integer(std::int64_t low, std::int64_t high) {
        const auto choices = static_cast<std::uint64_t>(high - low) + 1;
        return low + static_cast<std::int64_t>(bits_() % choices);
    }
    std::size_t index(std::size_t count) { return static_cast<std::size_t>(bits_() % count); }
    bool chance(int numerator, int denominator) { return integer(1, denominator) <= numerator; }

    // Uniform in [-1, 1), a multiple of 2^-23.
    float uniform() { return static_cast<float>(integer(-(1 << 23), (1 << 23) - 1)) * 0x1p-23f; }

    // The sum of 12 uniform numbers has variance 1; a multiple of 2^-16.
    float normal() {
        std::int64_t sum = -6 * 65535;
        for (int draw = 0; draw < 3; ++draw)
            for (std::uint64_t left = bits_(), part = 0; part < 4; ++part, left >>= 16)
                sum += static_cast<std::int64_t>(left & 0xffff);
        return static_cast<float>(sum) * 0x1p-16f;
    }

    template <class T>
    T element(const Bell& bell = {}) {
        if constexpr (std::is_same_v<T, std::int8_t>) return static_cast<std::int8_t>(integer(-128, 127));
        else return static_cast<T>(normal() * bell.spread + bell.mean);
    }

    template <class T>
    std::vector<T> vector(std::size_t count, const Bell& bell = {}) {
        std::vector<T> elements(count);
        for (T& x : elements) x = element<T>(bell);
        return elements;
    }

    // Bytes that are non-zero for about `numerator` in `denominator`.
    template <class T = std::uint8_t>
    std::vector<T> mask(std::size_t count, int numerator, int denominator) {
        std::vector<T> bytes(count);
        for (T& byte : bytes) byte = static_cast<T>(chance(numerator, denominator) ? 1 : 0);
        return bytes;
    }

    // 0, 1, ..., count - 1 in a random order.
    std::vector<std::int32_t> permutation(std::size_t count) {
        std::vector<std::int32_t> order(count);
        for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::int32_t>(i);
        for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[index(i)]);
        return order;
    }

   private:
    std::mt19937_64 bits_;
};

}  // namespace support
