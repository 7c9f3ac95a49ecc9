// Threads that wait for work by spinning: an executor of the caller's own, for ifa and for the loops around it.
#pragma once

#include <ifa/concepts.hpp>

#include <Eigen/Core>
#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace generate {

using Index = Eigen::Index;

// One token is some 150 short loops with microseconds between them: less than it takes to wake a sleeping thread, which
// is what a pool for general use would do each time. Members are mutable because an executor is passed as const.
class ThreadTeam {
   public:
    using role = ifa::role::Executor;

    explicit ThreadTeam(int num_threads) {
        for (int job = 1; job < num_threads; ++job) helpers_.emplace_back([this, job] { help(job); });
    }
    ~ThreadTeam() {
        task_ = nullptr;
        ++generation_;
        for (std::thread& helper : helpers_) helper.join();
    }
    ThreadTeam(const ThreadTeam&) = delete;
    ThreadTeam& operator=(const ThreadTeam&) = delete;

    int concurrency() const { return static_cast<int>(helpers_.size()) + 1; }

    // Calls body(job) for each job below `jobs`, which is at most concurrency(); the caller's thread has job 0.
    template <class Body>
    void run(int jobs, const Body& body) const {
        task_ = [jobs, &body](int job) {
            if (job < jobs) body(job);
        };
        running_ = concurrency() - 1;
        ++generation_;
        body(0);
        while (running_ > 0) std::this_thread::yield();
    }

   private:
    void help(int job) const {
        for (unsigned done = 0;; ++done) {
            while (generation_ == done) std::this_thread::yield();
            if (!task_) return;
            task_(job);
            --running_;
        }
    }

    mutable std::function<void(int)> task_;  // of the current generation; empty: go home
    mutable std::atomic<unsigned> generation_ = 0;
    mutable std::atomic<int> running_ = 0;  // helpers still at work
    std::vector<std::thread> helpers_;
};

// Calls body(begin, end) for runs of [0, count). Threads claim a run at a time, so that one that other work on the
// machine holds up does not hold up the rest.
template <class Body>
void parallel_for(const ThreadTeam& team, Index count, const Body& body) {
    constexpr Index kRunsPerThread = 4;
    const Index run = (count - 1) / (team.concurrency() * kRunsPerThread) + 1;
    std::atomic<Index> next = 0;
    team.run(team.concurrency(), [&](int) {
        for (Index begin = 0; (begin = next.fetch_add(run)) < count;) body(begin, std::min(begin + run, count));
    });
}

}  // namespace generate
