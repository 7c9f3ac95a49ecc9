// The threads of a row: an OpenMP team as an executor, and for the probes.
#pragma once

#include <ifa/concepts.hpp>

namespace bench {

struct Team {
    using role = ifa::role::Executor;
    int threads = 1;

    int concurrency() const { return threads; }
    template <class Body>
    void run(int jobs, const Body& body) const {
#pragma omp parallel for num_threads(jobs) schedule(static, 1)
        for (int job = 0; job < jobs; ++job) body(job);
    }
};

}  // namespace bench
