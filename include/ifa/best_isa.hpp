// Which kernels this machine can run best, for programs that are compiled for several instruction sets.
#pragma once

#include "config.hpp"

namespace ifa {

// In the order of preference; the names of `ifa::isa()`.
enum class Isa { kPortable, kNeon, kAvx2, kAvx512 };

IFA_INLINE constexpr const char* name(Isa isa) {
    constexpr const char* kNames[] = {"portable", "neon", "avx2", "avx512"};
    return kNames[static_cast<int>(isa)];
}

// Asks the processor. `ifa_compile_per_isa` of the CMake package compiles a unit for each of them.
IFA_INLINE Isa best_isa() {
#if defined(__x86_64__) || defined(__i386__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
        return Isa::kAvx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;  // and so F16C
    return Isa::kPortable;
#elif defined(__aarch64__)
    return Isa::kNeon;
#else
    return Isa::kPortable;
#endif
}

}  // namespace ifa
