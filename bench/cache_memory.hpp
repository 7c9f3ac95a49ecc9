// The memory that all rows cut their caches from: random elements, more of them than four last-level caches hold.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <new>

#include "case.hpp"

namespace bench {

inline std::size_t last_level_cache_bytes() {
    const long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
    return bytes > 0 ? static_cast<std::size_t>(bytes) : std::size_t{32} << 20;
}

// How many layers of a cold row exceed four last-level caches.
inline Index cold_layers(Index layer_bytes) {
    return 4 * static_cast<Index>(last_level_cache_bytes()) / layer_bytes + 1;
}

// Random elements of every type, kept from row to row.
class CacheMemory {
   public:
    using Bytes = std::shared_ptr<std::byte>;

    // `huge_pages` asks the system for pages of 2 MiB, as far as it has them.
    explicit CacheMemory(bool huge_pages = false) : huge_pages_(huge_pages) {}

    // At least `bytes` of elements of a type, uniform in [-2, 2), or over all int8 values but -128.
    Bytes filled(Element element, std::size_t bytes) {
        Block& block = blocks_[static_cast<std::size_t>(element)];
        if (bytes > block.size) {
            block = {allocate(bytes), bytes};
            switch (element) {
                case Element::kFloat32: fill<float>(block); break;
                case Element::kFloat16: fill<ifa::float16>(block); break;
                case Element::kBfloat16: fill<ifa::bfloat16>(block); break;
                case Element::kInt8: fill<std::int8_t>(block); break;
            }
        }
        return block.bytes;
    }

   private:
    struct Block {
        Bytes bytes = nullptr;
        std::size_t size = 0;
    };

    // Whole pages.
    Bytes allocate(std::size_t bytes) const {
        void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        if (huge_pages_) madvise(memory, bytes, MADV_HUGEPAGE);
        return {static_cast<std::byte*>(memory), [bytes](std::byte* p) { munmap(p, bytes); }};
    }

    template <class T>
    static void fill(const Block& block) {
        auto* const elements = reinterpret_cast<T*>(block.bytes.get());
        std::uint64_t bits = 0x9e3779b97f4a7c15u;
        for (std::size_t i = 0; i < block.size / sizeof(T); ++i) {
            bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
            const auto number = static_cast<std::int32_t>(bits >> 32);
            if constexpr (sizeof(T) == 1) elements[i] = static_cast<T>(number % 128);
            else elements[i] = static_cast<T>(static_cast<float>(number) * 0x1p-30f);
        }
    }

    bool huge_pages_;
    Block blocks_[4];
};

}  // namespace bench
