// The shared library through its C ABI alone.
#include "ifa/c_api.h"

#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/decode.hpp"

namespace {

using namespace support;
using ifa::float16;

constexpr ifa_dtype kFloat16{2, 16, 1}, kInt64{0, 64, 1};

ifa_tensor tensor_of(const void* data, const ifa_dtype& dtype, const std::vector<std::int64_t>& shape) {
    return {const_cast<void*>(data), {1, 0}, static_cast<std::int32_t>(shape.size()), dtype, shape.data(), nullptr, 0};
}

// A call over float16 tensors in BNSD, with lengths.
struct Step {
    explicit Step(std::uint64_t seed = 1) : decode(kSizes, seed) {
        ifa_arguments_init(&arguments);
        arguments.query = &query;
        arguments.key = &key;
        arguments.key_count = 1;
        arguments.value = &value;
        arguments.value_count = 1;
        arguments.attention_out = &output;
        arguments.actual_seq_lengths = &lengths;
        arguments.num_heads = kSizes.heads;
        arguments.num_key_value_heads = kSizes.kv_heads;
        arguments.input_layout = "BNSD";
        arguments.scale_value = decode.scale;
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

    ::testing::AssertionResult is_right() const {
        return within_bound(out, reference::attend(decode.problem(length_values)), kTau, "C ABI");
    }
    ifa_status attend() { return ifa_incre_flash_attention(&arguments, message, sizeof(message)); }

    static constexpr Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 600, .key_dim = 32};
    Decode<float16> decode;
    std::vector<float16> out = std::vector<float16>(decode.query.size());
    std::vector<std::int64_t> length_values{600, 77};
    std::vector<std::int64_t> rows{2, 6, 1, 32}, tokens{2, 2, 600, 32}, count{2};
    ifa_tensor query = tensor_of(decode.query.data(), kFloat16, rows);
    ifa_tensor keys = tensor_of(decode.key.data(), kFloat16, tokens);
    ifa_tensor values = tensor_of(decode.value.data(), kFloat16, tokens);
    ifa_tensor output = tensor_of(out.data(), kFloat16, rows);
    ifa_tensor lengths = tensor_of(length_values.data(), kInt64, count);
    const ifa_tensor *key = &keys, *value = &values;
    ifa_arguments arguments;
    char message[256] = "untouched";
};

struct Pool {
    explicit Pool(int threads) { EXPECT_EQ(ifa_thread_pool_create(threads, &pool, nullptr, 0), IFA_OK); }
    ~Pool() { ifa_thread_pool_destroy(pool); }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    ifa_thread_pool* pool = nullptr;
};

TEST(CApi, SaysWhatItIs) {
    EXPECT_EQ(ifa_version(), IFA_VERSION);
    EXPECT_NE(std::string("portable neon avx2 avx512").find(ifa_isa()), std::string::npos);
}

TEST(CApi, ComputesTheFormula) {
    Step step;
    EXPECT_EQ(step.attend(), IFA_OK);
    EXPECT_STREQ(step.message, "");
    EXPECT_TRUE(step.is_right());
}

TEST(CApi, ComputesAListOfTensors) {
    Step step;
    const std::vector<std::int64_t> one{1, 2, 600, 32};
    const auto second = [](ifa_tensor tensor) {
        tensor.byte_offset = 2 * 600 * 32 * sizeof(float16);
        return tensor;
    };
    const ifa_tensor keys[] = {tensor_of(step.keys.data, kFloat16, one),
                               second(tensor_of(step.keys.data, kFloat16, one))};
    const ifa_tensor values[] = {tensor_of(step.values.data, kFloat16, one),
                                 second(tensor_of(step.values.data, kFloat16, one))};
    const ifa_tensor* const key[] = {&keys[0], &keys[1]};
    const ifa_tensor* const value[] = {&values[0], &values[1]};
    step.arguments.key = key, step.arguments.value = value;
    step.arguments.key_count = step.arguments.value_count = 2;
    EXPECT_EQ(step.attend(), IFA_OK) << step.message;
    EXPECT_TRUE(step.is_right());
}

TEST(CApi, RunsAPlanInLentMemoryOnAPool) {
    Step step;
    const Pool pool(3);
    step.arguments.thread_pool = pool.pool;
    ifa_plan* plan = nullptr;
    ASSERT_EQ(ifa_plan_create(&step.arguments, &plan, step.message, sizeof(step.message)), IFA_OK) << step.message;
    std::vector<char> workspace(ifa_plan_workspace_bytes(plan));
    step.arguments.plan = plan;
    step.arguments.actual_seq_lengths = nullptr;
    step.arguments.workspace = workspace.data();
    step.arguments.workspace_bytes = workspace.size();
    EXPECT_EQ(step.attend(), IFA_OK) << step.message;
    EXPECT_TRUE(step.is_right());
    ifa_plan_destroy(plan);
}

TEST(CApi, RunsJobsOnTheCallersExecutor) {
    Step step;
    int jobs_run = 0;
    const ifa_executor executor{&jobs_run, 4,
                                [](void* context, std::int32_t jobs, void (*body)(void*, std::int32_t), void* of) {
                                    for (std::int32_t job = jobs; job-- > 0; ++*static_cast<int*>(context))
                                        body(of, job);
                                }};
    step.arguments.executor = &executor;
    EXPECT_EQ(step.attend(), IFA_OK) << step.message;
    EXPECT_EQ(jobs_run, 4);
    EXPECT_TRUE(step.is_right());
}

TEST(CApi, TurnsWhatAnExecutorThrowsIntoAStatus) {
    Step step;
    const ifa_executor broken{nullptr, 4, [](void*, std::int32_t, void (*)(void*, std::int32_t), void*) {
                                  throw std::domain_error("no more workers");
                              }};
    step.arguments.executor = &broken;
    EXPECT_EQ(step.attend(), IFA_UNKNOWN_ERROR);
    EXPECT_STREQ(step.message, "no more workers");
    step.arguments.executor = nullptr;
    EXPECT_EQ(step.attend(), IFA_OK) << step.message;
    EXPECT_TRUE(step.is_right());
}

TEST(CApi, ServesManyThreadsAtOnce) {
    const Pool pool(2);
    Step first;
    ifa_plan* plan = nullptr;
    ASSERT_EQ(ifa_plan_create(&first.arguments, &plan, nullptr, 0), IFA_OK);
    std::vector<std::string> wrong(6);
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < wrong.size(); ++t)
            threads.emplace_back([&, t] {
                Step step(t);
                if (t % 2 == 0) step.arguments.thread_pool = pool.pool;
                if (t % 3 == 0) step.arguments.plan = plan, step.arguments.actual_seq_lengths = nullptr;
                for (int call = 0; call < 20; ++call)
                    if (step.attend() != IFA_OK || !step.is_right()) wrong[t] = std::string("wrong ") + step.message;
            });
    }
    for (const std::string& each : wrong) EXPECT_EQ(each, "");
    ifa_plan_destroy(plan);
}

TEST(CApi, GivesAStatusAndAMessageForEachKindOfError) {
    const auto refused = [](auto spoil) {
        Step step;
        const std::vector<float16> before = step.out;
        spoil(step);
        const ifa_status status = step.attend();
        char checked[256];
        EXPECT_EQ(ifa_check(&step.arguments, checked, sizeof(checked)), status);
        EXPECT_STREQ(checked, step.message);
        EXPECT_EQ(std::memcmp(before.data(), step.out.data(), before.size() * sizeof(float16)), 0);
        return std::pair(status, std::string(step.message));
    };
    const auto is = [](ifa_status status, const char* message) { return std::pair(status, std::string(message)); };
    EXPECT_EQ(refused([](Step& s) { s.query.dtype = kInt64; }),
              is(IFA_TYPE_ERROR, "query: expected float16, bfloat16 or float32, got int64"));
    EXPECT_EQ(refused([](Step& s) { s.arguments.input_layout = "TND"; }),
              is(IFA_VALUE_ERROR, "input_layout: expected BSH, BNSD or BSND, got \"TND\""));
    EXPECT_EQ(refused([](Step& s) { s.query.device.device_type = 2; }),
              is(IFA_RUNTIME_ERROR, "query: expected a tensor on the CPU, got one on device type 2"));
    EXPECT_EQ(refused([](Step& s) { s.arguments.key = nullptr; }),
              is(IFA_RUNTIME_ERROR, "key: expected tensors, got a null pointer"));
    EXPECT_EQ(refused([](Step& s) { s.arguments.query = nullptr; }),
              is(IFA_RUNTIME_ERROR, "query: expected a tensor, got none"));
    EXPECT_EQ(refused([](Step& s) { s.arguments.workspace_bytes = 8; }),
              is(IFA_RUNTIME_ERROR, "workspace: expected memory of workspace_bytes, got a null pointer"));
    EXPECT_EQ(refused([](Step& s) { s.arguments.struct_size = 16; }).first, IFA_RUNTIME_ERROR);
    static const ifa_executor broken{nullptr, 1, nullptr};
    EXPECT_EQ(refused([](Step& s) { s.arguments.executor = &broken; }),
              is(IFA_RUNTIME_ERROR, "executor: expected a function run, got a null pointer"));
}

TEST(CApi, CutsMessagesToTheRoomThereIs) {
    Step step;
    step.arguments.input_layout = "TND";
    EXPECT_EQ(ifa_incre_flash_attention(&step.arguments, step.message, 13), IFA_VALUE_ERROR);
    EXPECT_STREQ(step.message, "input_layout");
    EXPECT_EQ(ifa_incre_flash_attention(&step.arguments, nullptr, 100), IFA_VALUE_ERROR);
    EXPECT_EQ(ifa_incre_flash_attention(&step.arguments, step.message, 0), IFA_VALUE_ERROR);
}

TEST(CApi, RefusesNullPointersEverywhere) {
    char message[128];
    EXPECT_EQ(ifa_incre_flash_attention(nullptr, message, sizeof(message)), IFA_RUNTIME_ERROR);
    EXPECT_STREQ(message, "arguments: expected ifa_arguments, got a null pointer");
    Step step;
    EXPECT_EQ(ifa_plan_create(&step.arguments, nullptr, message, sizeof(message)), IFA_RUNTIME_ERROR);
    EXPECT_STREQ(message, "plan: expected where to put it, got a null pointer");
    EXPECT_EQ(ifa_thread_pool_create(2, nullptr, message, sizeof(message)), IFA_RUNTIME_ERROR);
    ifa_thread_pool* pool = nullptr;
    EXPECT_EQ(ifa_thread_pool_create(0, &pool, message, sizeof(message)), IFA_RUNTIME_ERROR);
    EXPECT_STREQ(message, "threads: expected 1 to 4096, got 0");
    EXPECT_EQ(ifa_thread_pool_create(1 << 30, &pool, nullptr, 0), IFA_RUNTIME_ERROR);
    EXPECT_EQ(pool, nullptr);
    ifa_plan_destroy(nullptr);
    ifa_thread_pool_destroy(nullptr);
    EXPECT_EQ(ifa_plan_workspace_bytes(nullptr), 0u);
}

}  // namespace
