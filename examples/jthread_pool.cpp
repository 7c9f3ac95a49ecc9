// The caller's own threads: an executor says how many run at once and runs jobs.
#include <ifa/incre_flash_attention.hpp>
#include <thread>

#include "support/tour.hpp"

namespace tour {
namespace {

// [readme]
struct Threads {
    using role = ifa::role::Executor;

    int concurrency() const { return 2; }
    void run(int jobs, const auto& body) const {
        std::vector<std::jthread> helpers;
        for (int job = 1; job < jobs; ++job) helpers.emplace_back(body, job);
        body(0);
    }
};
// [end]

}  // namespace

Result jthread_pool() {
    Random random;
    const Layer<ifa::bfloat16> layer(random, {.B = 1, .N = 32, .kvN = 8, .S = 4096, .D = 128});

    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(layer.q, layer.kv, layer.out, {.scale = layer.scale}, Threads{});
        // [end]
    };

    return check(layer.formula(), call, layer.output());
}

}  // namespace tour
