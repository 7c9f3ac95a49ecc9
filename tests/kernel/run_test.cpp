// Running a plan: any executor, any workspace, any leftovers in it.
#include "ifa/kernel/run.hpp"

#include <gtest/gtest.h>

#include <cfenv>
#include <thread>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 1300, .key_dim = 24};

struct OneAfterTheOther {
    using role = ifa::role::Executor;
    int claimed;

    int concurrency() const { return claimed; }
    void run(int jobs, const auto& body) const {
        for (int job = 0; job < jobs; ++job) body(job);
    }
};
struct Backwards : OneAfterTheOther {
    void run(int jobs, const auto& body) const {
        while (jobs-- > 0) body(jobs);
    }
};
// Claims many but turns up alone, as a pool whose threads are all busy may.
struct OnlyTheFirst : OneAfterTheOther {
    void run(int, const auto& body) const { body(0); }
};
struct OnlyTheLast : OneAfterTheOther {
    void run(int jobs, const auto& body) const { body(jobs - 1); }
};
struct Threads : OneAfterTheOther {
    void run(int jobs, const auto& body) const {
        std::vector<std::jthread> threads;
        for (int job = 0; job < jobs; ++job) threads.emplace_back([&body, job] { body(job); });
    }
};

struct Counting : OneAfterTheOther {
    int* asked;

    void run(int jobs, const auto& body) const {
        *asked += jobs;
        OneAfterTheOther::run(jobs, body);
    }
};

// A call's result on `executor`, from a workspace full of `rubbish` where there is one.
template <class Executor>
std::vector<float> run_on(const Decode<float>& decode, const Executor& executor, ifa::Span<std::byte> workspace = {}) {
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale, .workspace = workspace}, executor);
    EXPECT_TRUE(all.out.surroundings_untouched());
    return all.out.dense();
}

TEST(Run, IsRightOverSeveralChunks) {
    const Decode<float> decode(kSizes);
    EXPECT_TRUE(
        within_bound(run_on(decode, ifa::Inline{}), reference::attend(decode.problem()), kTau, "several chunks"));
}

TEST(Run, AnyExecutorGivesTheSameBits) {
    const Decode<float> decode(kSizes);
    const std::vector<float> expected = run_on(decode, ifa::Inline{});
    for (const int claimed : {1, 2, 3, 7, 100}) {
        EXPECT_EQ(run_on(decode, OneAfterTheOther{claimed}), expected) << claimed;
        EXPECT_EQ(run_on(decode, Backwards{{claimed}}), expected) << claimed;
        EXPECT_EQ(run_on(decode, OnlyTheFirst{{claimed}}), expected) << claimed;
        EXPECT_EQ(run_on(decode, OnlyTheLast{{claimed}}), expected) << claimed;
    }
}

TEST(Run, SeveralJobsRunOnTheExecutorAndASingleOneOnTheCaller) {
    const Decode<float> decode(kSizes);
    const auto jobs_asked_of = [&](int claimed) {
        int asked = 0;
        run_on(decode, Counting{{claimed}, &asked});
        return asked;
    };
    EXPECT_EQ(jobs_asked_of(1), 0);
    EXPECT_EQ(jobs_asked_of(2), 2);
    EXPECT_EQ(jobs_asked_of(100), 18) << "three chunks of three sequences and two kv heads";
}

TEST(Run, WhollyHiddenSequencesAreMarkedAndNothingBeyondTheLast) {
    const Decode<float> decode({.batch = 3, .seq = 70, .key_dim = 4});
    auto all = operands<float>(decode);
    const ifa::ContiguousKv kv{all.key.view(), all.value.view()};
    std::vector<std::uint8_t> hidden(3 * 70, 1);
    hidden[69] = hidden[140] = 0;  // the last token of sequence 0, the first of sequence 2
    const ifa::AttnMask mask{ifa::mask(hidden, {.batch = 3, .seq = 70})};
    const auto problem = ifa::resolve(all.query.view(), kv, all.out.view(), decode.scale, mask);
    const ifa::Plan plan = ifa::plan(decode.sizes.query(), kv);
    std::vector<std::byte> memory(plan.workspace_bytes(), std::byte{0xee});
    ifa::Carver carver(ifa::Carver::align(memory.data()));
    const ifa::Workspace workspace(carver, plan.parts());
    ifa::prepare(problem, plan, workspace, true);
    EXPECT_EQ(std::vector<int>(workspace.wholly_hidden, workspace.wholly_hidden + 4),
              (std::vector<int>{0, 1, 0, 0xee}));
}

TEST(Run, ThreadsShareTheItems) {
    const Decode<float> decode(kSizes);
    const std::vector<float> expected = run_on(decode, ifa::Inline{});
    for (int round = 0; round < 20; ++round) EXPECT_EQ(run_on(decode, Threads{{4}}), expected);
}

TEST(Run, AWorkspaceOfAnyAlignmentAndContentServes) {
    const Decode<float> decode(kSizes);
    const std::vector<float> expected = run_on(decode, ifa::Inline{});
    const std::size_t bytes = ifa::plan(decode.sizes.query(),
                                        ifa::ContiguousKv{ifa::bsh(decode.key, decode.sizes.key()),
                                                          ifa::bsh(decode.value, decode.sizes.value())},
                                        OneAfterTheOther{3})
                                  .workspace_bytes();
    for (std::size_t offset = 0; offset < 64; offset += 7) {
        std::vector<std::byte> memory(bytes + 128, std::byte{0xff});
        const ifa::Span<std::byte> workspace(memory.data() + offset, static_cast<Index>(bytes));
        EXPECT_EQ(run_on(decode, OneAfterTheOther{3}, workspace), expected) << offset;
        for (std::size_t i = 0; i < offset; ++i) EXPECT_EQ(memory[i], std::byte{0xff});
        for (std::size_t i = offset + bytes; i < memory.size(); ++i) EXPECT_EQ(memory[i], std::byte{0xff});
    }
}

TEST(Run, TheCallersFloatEnvironmentDoesNotMatterAndComesBack) {
    const Decode<float> decode(kSizes);
    const std::vector<float> expected = run_on(decode, ifa::Inline{});
    std::fesetround(FE_UPWARD);
    const std::vector<float> got = run_on(decode, ifa::Inline{});
    const volatile float one = 1, little = 0x1p-30f;
    const float rounded_up = one + little;
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(got, expected);
    EXPECT_GT(rounded_up, 1.f);
}

}  // namespace
