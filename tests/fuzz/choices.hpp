// What the bytes of an input decide. Beyond their end every choice is the first one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "ifa/config.hpp"

namespace fuzz {

using ifa::Index;

class Choices {
   public:
    Choices(const std::uint8_t* bytes, std::size_t size) : next_(bytes), end_(bytes + size) {}

    std::size_t byte() { return next_ == end_ ? 0 : *next_++; }
    // One of [0, count), count <= 256.
    std::size_t pick(std::size_t count) { return byte() % count; }
    bool flag() { return byte() % 2 != 0; }
    // One of [low, high].
    Index between(Index low, Index high) { return low + static_cast<Index>(byte()) % (high - low + 1); }
    template <class T, std::size_t count>
    T of(const T (&all)[count]) {
        return all[pick(count)];
    }

    // Any integer: near 0, near a power of two, near the ends.
    Index number() {
        const std::size_t kind = byte(), detail = byte();
        const Index small = static_cast<std::int8_t>(static_cast<std::uint8_t>(detail));
        switch (kind % 8) {
            case 0:
            case 1: return small;
            case 2: return static_cast<Index>(detail);
            case 3: return static_cast<Index>(detail * 16);
            case 4: return (Index{1} << detail % 63) + static_cast<Index>(kind / 8 % 3) - 1;
            case 5: return -(Index{1} << detail % 63) + static_cast<Index>(kind / 8 % 3) - 1;
            case 6: return std::numeric_limits<Index>::max() - static_cast<Index>(detail);
            default: return std::numeric_limits<Index>::min() + static_cast<Index>(detail);
        }
    }

   private:
    const std::uint8_t* next_;
    const std::uint8_t* end_;
};

}  // namespace fuzz
