// Whose threads run the jobs: the caller's own (Inline), or those of Eigen's thread pool.
#pragma once

#include <pthread.h>

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

// Waits for a number of jobs to end. In POSIX's own words: the members of std::mutex and its locks would be symbols
// that units of different ISA share.
class Countdown {
   public:
    inline explicit Countdown(int jobs) : left_(jobs) {}
    inline ~Countdown() {
        pthread_cond_destroy(&ended_);
        pthread_mutex_destroy(&mutex_);
    }
    Countdown(const Countdown&) = delete;
    Countdown& operator=(const Countdown&) = delete;

    inline void done() {
        pthread_mutex_lock(&mutex_);
        if (--left_ == 0) pthread_cond_signal(&ended_);
        pthread_mutex_unlock(&mutex_);
    }
    // `never_begun` are those of the jobs that will not end.
    inline void wait(int never_begun) {
        pthread_mutex_lock(&mutex_);
        left_ -= never_begun;
        while (left_ > 0) pthread_cond_wait(&ended_, &mutex_);
        pthread_mutex_unlock(&mutex_);
    }

   private:
    int left_;
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t ended_ = PTHREAD_COND_INITIALIZER;
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
        struct Shared {
            const Body& body;
            int unscheduled;
            Countdown others;

            inline ~Shared() { others.wait(unscheduled); }  // also if the pool throws: jobs that it took run in here
        } shared{body, jobs - 1, Countdown(jobs - 1)};
        for (int job = 1; job < jobs; ++job, --shared.unscheduled)
            pool_->Schedule([&shared, job] {  // small enough for a std::function that does not allocate
                shared.body(job);
                shared.others.done();
            });
        body(0);
    }

   private:
    Pool* pool_;
};

}  // namespace ifa::inline IFA_ISA
