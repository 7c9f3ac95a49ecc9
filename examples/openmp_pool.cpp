// The caller's OpenMP threads.
#include <omp.h>

#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {
namespace {

// [readme]
struct OpenMp {
    using role = ifa::role::Executor;

    int concurrency() const { return omp_get_max_threads(); }
    void run(int jobs, const auto& body) const {
#pragma omp parallel for num_threads(jobs) schedule(static, 1)
        for (int job = 0; job < jobs; ++job) body(job);
    }
};
// [end]

}  // namespace

Result openmp_pool() {
    Random random;
    const Layer<ifa::bfloat16> layer(random, {.B = 1, .N = 32, .kvN = 8, .S = 4096, .D = 128});

    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(layer.q, layer.kv, layer.out, {.scale = layer.scale}, OpenMp{});
        // [end]
    };

    return check(layer.formula(), call, layer.output());
}

}  // namespace tour
