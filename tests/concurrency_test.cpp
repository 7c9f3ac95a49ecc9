// Many calls at once on one pool and one plan; and executors that run jobs in any order, late, in part, or that throw.
#include <gtest/gtest.h>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "properties/support/runners.hpp"
#include "support/decode.hpp"
#include "support/dynamic_door.hpp"

namespace {

using namespace support;
using properties::Body;
using properties::TestExecutor;

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 1300, .key_dim = 24};
const std::vector<std::int64_t> kLengths{1300, 0, 700};

// A decode step through either door: of a plan, or with its lengths.
class Step {
   public:
    explicit Step(std::uint64_t seed = 1) : decode_(kSizes, seed), all_(operands<float>(decode_, Layout::kBnsd)) {}

    ifa::Plan plan(const TestExecutor& executor) const {
        return ifa::plan(kSizes.query(), kv(), executor, ifa::RightPadding{.lengths = kLengths});
    }

    // Leaves the result over poison.
    template <class... Policies>
    void typed(const ifa::Plan* plan, std::vector<std::byte>& workspace, const Policies&... policies) {
        all_.out.poison();
        const ifa::Options options{.scale = decode_.scale, .plan = plan, .workspace = workspace};
        if (plan) ifa::incre_flash_attention(all_.query.view(), kv(), all_.out.view(), options, policies...);
        else
            ifa::incre_flash_attention(all_.query.view(), kv(), all_.out.view(), options,
                                       ifa::RightPadding{.lengths = kLengths}, policies...);
    }
    void dynamic(const ifa::Plan* plan, std::vector<std::byte>& workspace, const TestExecutor& executor) {
        all_.out.poison();
        const auto tensor = [](const auto& view) {
            const Shape& s = view.shape;
            return ifa::tensor(view.data, {s.batch, s.heads, s.seq, s.head_dim});
        };
        ifa::Arguments arguments{.query = tensor(all_.query.view()),
                                 .key = {tensor(all_.key.view())},
                                 .value = {tensor(all_.value.view())},
                                 .attention_out = tensor(all_.out.view()),
                                 .num_heads = kSizes.heads,
                                 .input_layout = "BNSD",
                                 .scale_value = decode_.scale,
                                 .num_key_value_heads = kSizes.kv_heads,
                                 .plan = plan,
                                 .workspace = workspace};
        if (!plan) arguments.actual_seq_lengths = ifa::tensor(kLengths.data(), {kSizes.batch});
        call_dynamic(arguments, executor);
    }

    // The rows, when nothing else was written.
    std::vector<float> result() const {
        EXPECT_TRUE(all_.out.surroundings_untouched());
        return all_.out.dense();
    }
    // What the caller's thread alone computes.
    std::vector<float> alone() {
        std::vector<std::byte> none;
        typed(nullptr, none);
        return result();
    }
    reference::Problem problem() const { return decode_.problem(kLengths); }

   private:
    ifa::ContiguousKv<const float, const float> kv() const { return {all_.key.view(), all_.value.view()}; }

    Decode<float> decode_;
    Operands<float, float, float> all_;
};

// Calls `visit(what, call)` for each way to make a call: call(step, executor) with a plan or without, by either door.
// All use the same workspace again and again.
template <class Visit>
void for_each_way(const TestExecutor& executor, const Visit& visit) {
    const ifa::Plan plan = Step().plan(executor);
    std::vector<std::byte> workspace(plan.workspace_bytes()), none;
    visit("typed", [&](Step& step) { step.typed(nullptr, none, executor); });
    visit("typed, planned", [&](Step& step) { step.typed(&plan, workspace, executor); });
    visit("run-time", [&](Step& step) { step.dynamic(nullptr, none, executor); });
    visit("run-time, planned", [&](Step& step) { step.dynamic(&plan, workspace, executor); });
}

TEST(Concurrency, TheStepIsRight) {
    Step step;
    EXPECT_TRUE(within_bound(step.alone(), reference::attend(step.problem()), kTau, "concurrent calls"));
}

// Calls of one layer of a model, as a thread of its own makes them.
class Caller {
   public:
    Caller(std::uint64_t seed, Eigen::ThreadPool& pool, const ifa::Plan& plan)
        : step_(seed), expected_(step_.alone()), executor_(on(pool)), plan_(plan), workspace_(plan.workspace_bytes()) {}

    void call(int times) {
        for (int i = 0; i < times; ++i) {
            if (i % 2 == 0) step_.typed(&plan_, workspace_, executor_);
            else step_.dynamic(&plan_, workspace_, executor_);
            wrong_ += step_.result() != expected_;
        }
    }
    int wrong() const { return wrong_; }

    static TestExecutor on(Eigen::ThreadPool& pool) {
        const ifa::EigenPool executor(pool);
        return {executor.concurrency(), [executor](int jobs, const Body& body) { executor.run(jobs, body); }};
    }

   private:
    Step step_;
    std::vector<float> expected_;
    TestExecutor executor_;
    const ifa::Plan& plan_;
    std::vector<std::byte> workspace_;
    int wrong_ = 0;
};

TEST(Concurrency, ManyThreadsShareAPoolAndAPlanEachWithAWorkspaceOfItsOwn) {
    Eigen::ThreadPool pool(3);
    const ifa::Plan plan = Step().plan(Caller::on(pool));
    std::vector<Caller> callers;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) callers.emplace_back(seed, pool, plan);
    {
        std::vector<std::jthread> threads;
        for (Caller& caller : callers) threads.emplace_back([&caller] { caller.call(24); });
    }
    for (const Caller& caller : callers) EXPECT_EQ(caller.wrong(), 0);
}

TEST(Concurrency, CallsWithoutAPlanShareAPool) {
    Eigen::ThreadPool pool(3);
    Step step;
    const std::vector<float> expected = step.alone();
    std::vector<Step> steps(8);
    {
        std::vector<std::jthread> threads;
        for (Step& each : steps)
            threads.emplace_back([&] {
                std::vector<std::byte> none;
                for (int i = 0; i < 12; ++i) each.typed(nullptr, none, ifa::EigenPool(pool));
            });
    }
    for (const Step& each : steps) EXPECT_EQ(each.result(), expected);
}

// Ways to run jobs.

void run_shuffled(int jobs, const Body& body) {
    static std::atomic<std::uint64_t> seed = 1;
    for (const std::int32_t job : Random(++seed).permutation(static_cast<std::size_t>(jobs))) body(job);
}

void run_on_threads(int first, int last, const Body& body) {
    std::vector<std::jthread> threads;
    for (int job = first; job < last; ++job) threads.emplace_back(body, job);
}

// The first worker only turns up when all others have gone.
void run_with_a_slow_worker(int jobs, const Body& body) {
    run_on_threads(1, jobs, body);
    body(0);
}

// Two workers turn up of all that were claimed.
void run_with_two_workers(int jobs, const Body& body) {
    run_on_threads(std::max(jobs - 2, 0), jobs, body);
}

struct Way {
    const char* name;
    TestExecutor::Runner run;
};
const Way kWays[] = {
    {"in order", [](int jobs, const Body& body) { ifa::Inline{}.run(jobs, body); }},
    {"in reverse", properties::run_reversed},
    {"in random order", run_shuffled},
    {"one by one", properties::run_one_by_one},
    {"all at once", [](int jobs, const Body& body) { run_on_threads(0, jobs, body); }},
    {"one of them slow", run_with_a_slow_worker},
    {"two workers of many", run_with_two_workers},
    {"one worker of many", properties::run_short_handed},
};

TEST(Concurrency, HoweverJobsAreRunTheBitsAreTheSame) {
    Step step;
    const std::vector<float> expected = step.alone();
    for (const Way& way : kWays)
        for (const int claimed : {2, 3, 8, 100})
            for_each_way({claimed, way.run}, [&](const char* call_name, const auto& call) {
                call(step);
                EXPECT_EQ(step.result(), expected) << way.name << ", " << claimed << ", " << call_name;
            });
}

// A worker that stops amid its first tile until all the others have ended.
class HeldUp {
   public:
    TestExecutor executor() {
        return {3, [this](int jobs, const Body& body) {
                    std::jthread held([&] {
                        is_held() = true;
                        body(0);
                    });
                    stopped_.wait();
                    run_on_threads(1, jobs, body);
                    others_ended_.count_down();
                }};
    }
    // The score term that stops it.
    auto term() {
        return [this](const ifa::ScoreTile&) {
            if (!std::exchange(is_held(), false)) return;
            stopped_.count_down();
            others_ended_.wait();
        };
    }

   private:
    static bool& is_held() {
        thread_local bool held = false;
        return held;
    }

    std::latch stopped_{1}, others_ended_{1};
};

TEST(Concurrency, NoJobWaitsForOneThatIsHeldUp) {
    Step step;
    const std::vector<float> expected = step.alone();
    HeldUp held;
    std::vector<std::byte> none;
    step.typed(nullptr, none, held.executor(), held.term());
    EXPECT_EQ(step.result(), expected);
}

// Not derived from std::exception: passed on as it is.
struct OutOfWorkers {
    int jobs_run;
};

// Runs so many of the jobs, all at once, and throws.
TestExecutor failing_after(int most) {
    return {4, [most](int jobs, const Body& body) {
                run_on_threads(0, std::min(most, jobs), body);
                throw OutOfWorkers{most};
            }};
}

TEST(Concurrency, WhatAnExecutorThrowsIsPassedOnAndTheNextCallIsRight) {
    Step step;
    const std::vector<float> expected = step.alone();
    for (const int most : {0, 1, 3, 4}) {
        bool fails = true;
        const TestExecutor failing = failing_after(most);
        const TestExecutor executor(4, [&](int jobs, const Body& body) {
            if (fails) failing.run(jobs, body);
            else run_on_threads(0, jobs, body);
        });
        for_each_way(executor, [&](const char* call_name, const auto& call) {
            fails = true;
            try {
                call(step);
                ADD_FAILURE() << call_name << ": nothing thrown after " << most << " jobs";
            } catch (const OutOfWorkers& thrown) {
                EXPECT_EQ(thrown.jobs_run, most) << call_name;
            }
            if (most > 0) {  // any job finishes the work
                EXPECT_EQ(step.result(), expected) << call_name;
            }
            fails = false;
            call(step);
            EXPECT_EQ(step.result(), expected) << call_name << " after " << most << " jobs";
        });
    }
}

// Eigen's pool, but the third job of a call is one too many.
class Exhausted : public Eigen::ThreadPoolInterface {
   public:
    void Schedule(std::function<void()> job) override {
        if (++jobs_ % 3 == 0) throw OutOfWorkers{2};
        pool_.Schedule(std::move(job));
    }
    int NumThreads() const override { return pool_.NumThreads(); }
    int CurrentThreadId() const override { return pool_.CurrentThreadId(); }

   private:
    Eigen::ThreadPool pool_{4};
    int jobs_ = 0;
};

TEST(Concurrency, JobsThatAPoolTookBeforeItThrewEndWithinTheCall) {
    Exhausted pool;
    Step step;
    const std::vector<float> expected = step.alone();
    std::vector<std::byte> none;
    for (int round = 0; round < 50; ++round) {
        EXPECT_THROW(step.typed(nullptr, none, ifa::EigenPool(pool)), OutOfWorkers);
        EXPECT_EQ(step.result(), expected);
    }
}

}  // namespace
