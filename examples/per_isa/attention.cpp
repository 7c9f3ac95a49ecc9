// Compiled once for each instruction set.
#include "attention.hpp"

#include <ifa/incre_flash_attention.hpp>

namespace engine::IFA_ISA {

extern const Kernels kKernels;
const Kernels kKernels{
    ifa::isa(), [](const Step& step) {
        const ifa::Shape row{.batch = step.batch, .heads = step.heads, .head_dim = step.head_dim};
        const ifa::Shape cache{
            .batch = step.batch, .heads = step.kv_heads, .seq = step.tokens, .head_dim = step.head_dim};
        const auto* const key = reinterpret_cast<const ifa::float16*>(step.key);
        const auto* const value = reinterpret_cast<const ifa::float16*>(step.value);
        ifa::incre_flash_attention(ifa::bnsd(step.query, row),
                                   ifa::ContiguousKv{ifa::bnsd(key, cache), ifa::bnsd(value, cache)},
                                   ifa::bnsd(step.out, row), {.scale = step.scale});
    }};

}  // namespace engine::IFA_ISA
