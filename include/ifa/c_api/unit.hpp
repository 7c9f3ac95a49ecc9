// Defines the kernels of this unit's instruction set for the C ABI. A library includes it once for each.
#pragma once

#include "../dynamic.hpp"
#include "kernels.hpp"

namespace ifa::c_api::IFA_ISA {

// The caller's executor in C++.
struct CallersExecutor {
    using role = role::Executor;

    const ifa_executor& executor;

    inline int concurrency() const { return executor.concurrency; }
    template <class Body>
    inline void run(int jobs, const Body& body) const {
        executor.run(
            executor.context, jobs,
            [](void* of, std::int32_t job) { (*static_cast<const Body*>(of))(static_cast<int>(job)); },
            const_cast<void*>(static_cast<const void*>(&body)));
    }
};

const Kernels kKernels{[](const Arguments& arguments, const ifa_executor& executor) {
                           return ifa::check(arguments, CallersExecutor{executor});
                       },
                       [](const Arguments& arguments, const ifa_executor& executor) {
                           ifa::incre_flash_attention(arguments, CallersExecutor{executor});
                       },
                       [](const Arguments& arguments, const ifa_executor& executor) {
                           return ifa::plan(arguments, CallersExecutor{executor});
                       }};

}  // namespace ifa::c_api::IFA_ISA
