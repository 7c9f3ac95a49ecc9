// One number for the bits of many results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace properties {

// FNV-1a of 64 bits.
class Hash {
   public:
    void add(const std::vector<std::byte>& bytes) {
        for (const std::byte byte : bytes) value_ = (value_ ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3u;
    }
    unsigned long long value() const { return value_; }

   private:
    std::uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace properties
