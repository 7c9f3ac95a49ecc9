// Memory of which a call may look at some bytes only. AddressSanitizer and Valgrind stop at the first other one that is
// read or written, MemorySanitizer where one decides something; without them such bytes are NaN, and are compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IFA_FUZZ_ASAN 1
#elif __has_feature(memory_sanitizer)
#define IFA_FUZZ_MSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define IFA_FUZZ_ASAN 1
#endif

#if defined(IFA_FUZZ_ASAN)
#include <sanitizer/asan_interface.h>
#elif defined(IFA_FUZZ_MSAN)
#include <sanitizer/msan_interface.h>
#elif defined(IFA_FUZZ_VALGRIND)
#include <valgrind/memcheck.h>
#endif

namespace fuzz {

inline void hide(const void* memory, std::size_t bytes) {
#if defined(IFA_FUZZ_ASAN)
    __asan_poison_memory_region(memory, bytes);
#elif defined(IFA_FUZZ_MSAN)
    __msan_poison(memory, bytes);
#elif defined(IFA_FUZZ_VALGRIND)
    static_cast<void>(VALGRIND_MAKE_MEM_NOACCESS(memory, bytes));
#else
    static_cast<void>(memory), static_cast<void>(bytes);
#endif
}

// Shows bytes with what they hold.
inline void show(const void* memory, std::size_t bytes) {
#if defined(IFA_FUZZ_ASAN)
    __asan_unpoison_memory_region(memory, bytes);
#elif defined(IFA_FUZZ_MSAN)
    __msan_unpoison(memory, bytes);
#elif defined(IFA_FUZZ_VALGRIND)
    static_cast<void>(VALGRIND_MAKE_MEM_DEFINED(memory, bytes));
#else
    static_cast<void>(memory), static_cast<void>(bytes);
#endif
}

// Shows bytes that are to be written before they are read.
inline void lend(const void* memory, std::size_t bytes) {
#if defined(IFA_FUZZ_ASAN)
    __asan_unpoison_memory_region(memory, bytes);
#elif defined(IFA_FUZZ_MSAN)
    __msan_poison(memory, bytes);
#elif defined(IFA_FUZZ_VALGRIND)
    static_cast<void>(VALGRIND_MAKE_MEM_UNDEFINED(memory, bytes));
#else
    static_cast<void>(memory), static_cast<void>(bytes);
#endif
}

// Shows a text that was made where MemorySanitizer does not look: in the C++ library.
inline void show_text(const char* text) {
#if defined(IFA_FUZZ_MSAN)
    __msan_unpoison_string(text);
#else
    static_cast<void>(text);
#endif
}

struct Region {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
};

// The memory of all tensors of a call, each with a red zone on either side.
class Memory {
   public:
    static constexpr std::size_t kRedZone = 64;
    static constexpr std::size_t kCapacity = std::size_t{1} << 21;
    static constexpr std::size_t kMostBytes = std::size_t{1} << 18;  // of one tensor
    static constexpr std::byte kNan{0xff};                           // in every floating-point type, -1 in int8

    Memory() : bytes_(kCapacity) { restart(); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { show(bytes_.data(), bytes_.size()); }

    // Forgets all tensors.
    void restart() {
        show(bytes_.data(), used_);
        std::memset(bytes_.data(), static_cast<int>(kNan), used_);
        const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data());
        used_ = kRedZone + (kRedZone - address % kRedZone) % kRedZone;
        std::memset(bytes_.data(), static_cast<int>(kNan), used_);
    }

    // Bytes at a distance from a boundary of 64 bytes.
    std::byte* take(std::size_t bytes, std::size_t misalignment) {
        std::byte* const taken = bytes_.data() + used_ + misalignment;
        const std::size_t before = used_;
        used_ += (misalignment + bytes + 2 * kRedZone - 1) / kRedZone * kRedZone;
        if (used_ > bytes_.size()) throw std::length_error("fuzz::Memory is too small");
        std::memset(bytes_.data() + before, static_cast<int>(kNan), used_ - before);
        return taken;
    }

    void hide_all() { hide(bytes_.data(), used_); }
    void show_all() { show(bytes_.data(), used_); }

    // What everything holds. All must be shown.
    std::vector<std::byte> copy() const { return {bytes_.data(), bytes_.data() + used_}; }

    // Turns all into NaN but these, which hold what they held in a copy.
    void keep_only(const std::vector<Region>& regions, const std::vector<std::byte>& held) {
        std::memset(bytes_.data(), static_cast<int>(kNan), used_);
        for (const Region& region : regions)
            std::memcpy(region.data, held.data() + (region.data - bytes_.data()), region.bytes);
    }

    // Whether everything but these holds what it held in a copy.
    bool untouched_but(const std::vector<Region>& regions, std::vector<std::byte> held) const {
        for (const Region& region : regions)
            std::memcpy(held.data() + (region.data - bytes_.data()), region.data, region.bytes);
        return std::memcmp(held.data(), bytes_.data(), used_) == 0;
    }

    // Whether everything but these is as it was before anything was filled.
    bool is_nan_but(const std::vector<Region>& regions) const {
        return untouched_but(regions, std::vector<std::byte>(used_, kNan));
    }

   private:
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

// The places of bytes, with neighbours put together.
class Regions {
   public:
    void add(const void* data, std::size_t bytes) {
        auto* const at = const_cast<std::byte*>(static_cast<const std::byte*>(data));
        if (!all_.empty() && all_.back().data + all_.back().bytes == at) all_.back().bytes += bytes;
        else if (bytes > 0) all_.push_back({at, bytes});
    }
    void show() const {
        for (const Region& region : all_) fuzz::show(region.data, region.bytes);
    }
    void lend() const {
        for (const Region& region : all_) fuzz::lend(region.data, region.bytes);
    }
    const std::vector<Region>& all() const { return all_; }

   private:
    std::vector<Region> all_ = {};
};

}  // namespace fuzz
