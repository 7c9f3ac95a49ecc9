// Whose threads run the jobs: the caller's own (Inline), or those of Eigen's thread pool.
#pragma once

#include <condition_variable>
#include <mutex>

#include "concepts.hpp"

namespace ifa::inline IFA_ISA {

// The calling thread alone. The default.
struct Inline {
    using role = role::Executor;

    static constexpr int concurrency() { return 1; }
    template <class Body>
    IFA_INLINE void run(int jobs, const Body& body) const {
        for (int job = 0; job < jobs; ++job) body(job);
    }
};

// The calling thread and the workers of an Eigen::ThreadPool (or another Eigen::ThreadPoolInterface), borrowed. Called
// from one of those workers it runs on that worker alone, for waiting there for the others could wait forever.
template <class Pool>
class EigenPool {
   public:
    using role = role::Executor;

    IFA_INLINE explicit EigenPool(Pool& pool) : pool_(&pool) {}

    inline int concurrency() const { return pool_->NumThreads() + 1; }

    template <class Body>
    inline void run(int jobs, const Body& body) const {
        if (jobs <= 1 || pool_->CurrentThreadId() >= 0) return body(0);
        Group<Body> group{&body, jobs - 1};
        for (int job = 1; job < jobs; ++job) pool_->Schedule([&group, job] { group.run(job); });
        body(0);
        group.wait();
    }

   private:
    // The jobs handed to the pool, alive until the last of them has ended.
    template <class Body>
    struct Group {
        inline void run(int job) {
            (*body)(job);
            const std::lock_guard lock(mutex);
            if (--running == 0) ended.notify_one();
        }
        inline void wait() {
            std::unique_lock lock(mutex);
            ended.wait(lock, [this] { return running == 0; });
        }

        const Body* body;
        int running;
        std::mutex mutex = {};
        std::condition_variable ended = {};
    };

    Pool* pool_;
};

}  // namespace ifa::inline IFA_ISA
