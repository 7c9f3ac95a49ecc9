// Chooses among the units of attention.cpp.
#include <ifa/best_isa.hpp>

#include "attention.hpp"

namespace engine {

#if defined(__aarch64__)
namespace neon {
extern const Kernels kKernels;
}
const Kernels& kernels() {
    return neon::kKernels;
}
#else
namespace portable {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
const Kernels& kernels() {
    switch (ifa::best_isa()) {
        case ifa::Isa::kAvx512: return avx512::kKernels;
        case ifa::Isa::kAvx2: return avx2::kKernels;
        default: return portable::kKernels;
    }
}
#endif

}  // namespace engine
