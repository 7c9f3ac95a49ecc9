// Whose threads run the jobs: the caller's, those of Eigen's pool, or a pool of the caller's own.
#include "ifa/executor.hpp"

#include <gtest/gtest.h>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 1300, .key_dim = 24};

template <class Executor>
std::vector<float> run_on(const Decode<float>& decode, const Executor& executor) {
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale}, executor);
    return all.out.dense();
}

// The jobs an executor runs, in the order in which they end.
template <class Executor>
std::vector<int> jobs_run(const Executor& executor, int jobs) {
    std::mutex mutex;
    std::vector<int> run;
    executor.run(jobs, [&](int job) {
        const std::lock_guard lock(mutex);
        run.push_back(job);
    });
    return run;
}

TEST(Executor, InlineRunsJobsInOrderOnTheCallersThread) {
    EXPECT_EQ(ifa::Inline::concurrency(), 1);
    EXPECT_EQ(jobs_run(ifa::Inline{}, 3), (std::vector<int>{0, 1, 2}));
    const std::thread::id caller = std::this_thread::get_id();
    ifa::Inline{}.run(1, [&](int) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(EigenPool, CountsTheCallerAmongItsThreads) {
    Eigen::ThreadPool pool(3);
    EXPECT_EQ(ifa::EigenPool(pool).concurrency(), 4);
}

TEST(EigenPool, RunsEveryJobOnceAndWaitsForAll) {
    Eigen::ThreadPool pool(3);
    for (int round = 0; round < 200; ++round) {
        std::vector<int> run = jobs_run(ifa::EigenPool(pool), 4);
        std::sort(run.begin(), run.end());
        EXPECT_EQ(run, (std::vector<int>{0, 1, 2, 3}));
    }
}

TEST(EigenPool, GivesTheBitsOfInline) {
    const Decode<float> decode(kSizes);
    const std::vector<float> expected = run_on(decode, ifa::Inline{});
    for (const int threads : {1, 2, 5}) {
        Eigen::ThreadPool pool(threads);
        EXPECT_EQ(run_on(decode, ifa::EigenPool(pool)), expected) << threads;
    }
}

TEST(EigenPool, MayBeCalledFromInsideOneOfItsWorkers) {
    // A worker that waited for the only thread of its pool would wait for itself.
    const Decode<float> decode(kSizes);
    Eigen::ThreadPool pool(1);
    std::promise<std::vector<float>> result;
    pool.Schedule([&] { result.set_value(run_on(decode, ifa::EigenPool(pool))); });
    std::future<std::vector<float>> future = result.get_future();
    ASSERT_EQ(future.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    EXPECT_EQ(future.get(), run_on(decode, ifa::Inline{}));
}

TEST(EigenPool, ServesSeveralCallersAtOnce) {
    const Decode<float> decode(kSizes);
    const std::vector<float> expected = run_on(decode, ifa::Inline{});
    Eigen::ThreadPool pool(2);
    std::vector<std::vector<float>> got(4);
    {
        std::vector<std::jthread> callers;
        for (std::vector<float>& result : got)
            callers.emplace_back([&] { result = run_on(decode, ifa::EigenPool(pool)); });
    }
    for (const std::vector<float>& result : got) EXPECT_EQ(result, expected);
}

TEST(EigenPool, TakesPoolsThroughTheirInterface) {
    const Decode<float> decode(kSizes);
    Eigen::ThreadPool pool(2);
    Eigen::ThreadPoolInterface& interface = pool;
    EXPECT_EQ(run_on(decode, ifa::EigenPool(interface)), run_on(decode, ifa::Inline{}));
}

// Has a thread for the first job alone.
class OneThread : public Eigen::ThreadPoolInterface {
   public:
    void Schedule(std::function<void()> job) override {
        if (thread_.joinable()) {
            refused_.count_down();
            throw std::runtime_error("no thread for another job");
        }
        thread_ = std::jthread(std::move(job));
    }
    int NumThreads() const override { return 3; }
    int CurrentThreadId() const override { return -1; }
    void wait_for_refusal() { refused_.wait(); }

   private:
    std::latch refused_{1};
    std::jthread thread_;
};

TEST(EigenPool, PassesOnWhatThePoolThrowsWhenTheJobsItTookHaveEnded) {
    OneThread pool;
    std::atomic<bool> ended = false;
    const auto job = [&](int) {
        pool.wait_for_refusal();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // in which nobody must go on
        ended = true;
    };
    EXPECT_THROW(ifa::EigenPool(pool).run(4, job), std::runtime_error);
    EXPECT_TRUE(ended);
}

// A caller's own pool.
struct Threads {
    using role = ifa::role::Executor;

    int concurrency() const { return 3; }
    void run(int jobs, const auto& body) const {
        std::vector<std::jthread> threads;
        for (int job = 0; job < jobs; ++job) threads.emplace_back([&body, job] { body(job); });
    }
};

TEST(Executor, ACallersOwnPoolServes) {
    const Decode<float> decode(kSizes);
    EXPECT_EQ(run_on(decode, Threads{}), run_on(decode, ifa::Inline{}));
}

// Counts what it is asked for.
struct Counting {
    using role = ifa::role::Executor;
    int claimed;
    std::vector<int>* asked;

    int concurrency() const { return claimed; }
    void run(int jobs, const auto& body) const {
        asked->push_back(jobs);
        for (int job = 0; job < jobs; ++job) body(job);
    }
};

TEST(Executor, IsAskedForNoMoreJobsThanItHasThreadsOrThereAreItems) {
    std::vector<int> asked;
    const Decode<float> many(kSizes), few({.batch = 1, .heads = 4, .kv_heads = 2, .seq = 10});
    run_on(many, Counting{5, &asked});
    run_on(few, Counting{5, &asked});
    EXPECT_EQ(asked, (std::vector<int>{5, 2}));
}

}  // namespace
