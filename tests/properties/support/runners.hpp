// How the test executors run their jobs.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include "executors.hpp"
#include "factors.hpp"
#include "ifa/executor.hpp"

namespace properties {

// A pool with the calling thread and workers - 1 others, kept; the same for all who ask.
inline Eigen::ThreadPool& pool_of(int workers) {
    static std::mutex mutex;
    static std::map<int, std::unique_ptr<Eigen::ThreadPool>> pools;
    const std::lock_guard lock(mutex);
    auto& pool = pools[workers];
    if (!pool) pool = std::make_unique<Eigen::ThreadPool>(workers - 1);
    return *pool;
}

inline void run_reversed(int jobs, const Body& body) {
    for (int job = jobs - 1; job >= 0; --job) body(job);
}

// Each on a thread of its own that ends before the next begins.
inline void run_one_by_one(int jobs, const Body& body) {
    for (int job = 0; job < jobs; ++job) std::thread(body, job).join();
}

// Only one of the jobs it was given.
inline void run_short_handed(int jobs, const Body& body) {
    body(jobs / 2);
}

inline TestExecutor make_executor(ExecutorKind kind, int workers) {
    switch (kind) {
        case ExecutorKind::kEigenPool: {
            const ifa::EigenPool<Eigen::ThreadPool> pool(pool_of(workers));
            return {pool.concurrency(), [pool](int jobs, const Body& body) { pool.run(jobs, body); }};
        }
        case ExecutorKind::kReversed: return {workers, run_reversed};
        case ExecutorKind::kOneByOne: return {workers, run_one_by_one};
        case ExecutorKind::kShortHanded: return {workers, run_short_handed};
        case ExecutorKind::kInline: break;
    }
    return {1, [](int jobs, const Body& body) { ifa::Inline{}.run(jobs, body); }};
}

}  // namespace properties
