// The run-time door as functions without templates, in a table for each instruction set a library is compiled for.
#pragma once

#include "../best_isa.hpp"
#include "../c_api.h"
#include "../dynamic/arguments.hpp"
#include "../errors.hpp"

namespace ifa::c_api {

struct Kernels {
    CheckResult (*check)(const Arguments& arguments, const ifa_executor& executor);
    void (*incre_flash_attention)(const Arguments& arguments, const ifa_executor& executor);
    Plan (*plan)(const Arguments& arguments, const ifa_executor& executor);
};

namespace portable {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
namespace neon {
extern const Kernels kKernels;
}

// Of the instruction set that this machine runs best. On each architecture a library has all that best_isa() names.
inline const Kernels& kernels() {
#if defined(__aarch64__)
    return neon::kKernels;
#elif defined(__x86_64__)
    switch (best_isa()) {
        case Isa::kAvx512: return avx512::kKernels;
        case Isa::kAvx2: return avx2::kKernels;
        default: return portable::kKernels;
    }
#else
    return portable::kKernels;
#endif
}

}  // namespace ifa::c_api
