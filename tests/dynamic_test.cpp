// The run-time door where it differs from the typed one; what it computes is compared in properties/same_doors_test.
#include "ifa/dynamic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "support/decode.hpp"
#include "support/dynamic_door.hpp"
#include "support/dynamic_step.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;
using ifa::Arguments;
using ifa::DType;
using ifa::float16;
using Step = DynamicStep;

// Random float16 operands in BNSD.
struct Float16Step {
    Decode<float16> decode{{.batch = 2, .heads = 8, .kv_heads = 2, .seq = 150, .key_dim = 48}};
    std::vector<float16> out = std::vector<float16>(decode.query.size());
    Arguments arguments{.query = ifa::tensor(decode.query.data(), {2, 8, 1, 48}),
                        .key = {ifa::tensor(decode.key.data(), {2, 2, 150, 48})},
                        .value = {ifa::tensor(decode.value.data(), {2, 2, 150, 48})},
                        .attention_out = ifa::tensor(out.data(), {2, 8, 1, 48}),
                        .num_heads = 8,
                        .input_layout = "BNSD",
                        .scale_value = decode.scale,
                        .num_key_value_heads = 2};

    testing::AssertionResult is_right() const {
        return within_bound(out, reference::attend(decode.problem()), kTau, "run-time door");
    }
};

TEST(Dynamic, ComputesTheFormula) {
    Float16Step step;
    call_dynamic(step.arguments);
    EXPECT_TRUE(step.is_right());
}

TEST(Dynamic, HasTheDocumentsDefaults) {
    const Arguments a;
    EXPECT_EQ(a.num_heads, 1);
    EXPECT_STREQ(a.input_layout, "BSH");
    EXPECT_EQ(a.scale_value, 1.0);
    EXPECT_EQ(a.num_key_value_heads, 0);
    EXPECT_EQ(a.block_size, 0);
    EXPECT_EQ(a.inner_precise, 1);
    EXPECT_FALSE(a.attn_mask.given() || a.actual_seq_lengths.given() || a.kv_padding_size.given());
}

TEST(Dynamic, SharesAPlanWithTheTypedDoor) {
    Float16Step step;
    const std::vector<std::int64_t> lengths{150, 33};
    step.arguments.actual_seq_lengths = ifa::tensor(lengths.data(), {2});
    const ifa::Plan plan = ifa::plan(step.arguments);
    EXPECT_EQ(plan.window(1).end, 33);
    step.arguments.actual_seq_lengths = {};
    step.arguments.plan = &plan;
    call_dynamic(step.arguments);
    std::vector<float16> typed(step.out.size());
    const Sizes& sizes = step.decode.sizes;
    ifa::incre_flash_attention(
        ifa::bnsd(step.decode.query, sizes.query()),
        ifa::ContiguousKv{ifa::bnsd(step.decode.key, sizes.key()), ifa::bnsd(step.decode.value, sizes.value())},
        ifa::bnsd(typed, sizes.output()), {.scale = step.decode.scale, .plan = &plan});
    EXPECT_EQ(std::memcmp(typed.data(), step.out.data(), typed.size() * sizeof(float16)), 0);
}

TEST(Dynamic, RefusesLengthsAndPaddingAndPlanningBesideAPlan) {
    Float16Step step;
    const ifa::Plan plan = ifa::plan(step.arguments);
    const std::int64_t length = 3;
    step.arguments.plan = &plan;
    EXPECT_EQ(thrown_by([&] { ifa::plan(step.arguments); }).message, "plan: expected none where one is made, got one");
    step.arguments.kv_padding_size = ifa::tensor(&length, {1});
    EXPECT_EQ(refusal_of(check_dynamic(step.arguments)).message,
              "kv_padding_size: expected none (the plan has it), got a tensor");
    step.arguments.actual_seq_lengths = ifa::tensor(&length, {1});
    EXPECT_EQ(refusal_of(check_dynamic(step.arguments)).message,
              "actual_seq_lengths: expected none (the plan has them), got a tensor");
}

TEST(Dynamic, ReturnsAtOnceForAnEmptyBatch) {
    Step step;
    step.make(DType::kFloat16, DType::kFloat16, DType::kFloat16);
    Arguments& a = step.arguments;
    a.query.shape[0] = a.attention_out.shape[0] = 0;
    a.query.data = a.attention_out.data = nullptr;
    a.key = a.value = ifa::TensorList();
    EXPECT_NO_THROW(call_dynamic(a));
    EXPECT_FALSE(check_dynamic(a));
    EXPECT_EQ(ifa::plan(a).items(), 0);
}

TEST(Dynamic, GivesZerosOfAnEmptyCacheWithoutData) {
    Step step;
    step.make(DType::kFloat32, DType::kFloat32, DType::kFloat32);
    Arguments& a = step.arguments;
    a.key = a.value = ifa::Tensor{nullptr, DType::kFloat32, {Step::kBatch, 0, Step::kKvHeads * Step::kDim}};
    auto* const out = static_cast<float*>(a.attention_out.data);
    std::fill_n(out, Step::kBatch * Step::kHeads * Step::kDim, 7.f);
    call_dynamic(a);
    for (ifa::Index i = 0; i < Step::kBatch * Step::kHeads * Step::kDim; ++i) EXPECT_EQ(out[i], 0);
}

TEST(Dynamic, HasTheMeanOfWhollyHiddenRowsOnRequest) {
    Step step;
    step.make(DType::kFloat32, DType::kFloat32, DType::kFloat32);
    Arguments& a = step.arguments;
    std::fill_n(static_cast<float*>(a.value[0].data), Step::kBatch * Step::kTokens * Step::kKvHeads * Step::kDim, 1.f);
    a.attn_mask = step.tensor(DType::kBool, {Step::kBatch, Step::kTokens});
    std::memset(a.attn_mask.data, 1, Step::kBatch * Step::kTokens);
    const auto* const out = static_cast<const float*>(a.attention_out.data);
    call_dynamic(a);
    EXPECT_EQ(out[5], 0);
    a.wholly_hidden_rows = ifa::WhollyHiddenRows::kMeanOfValues;
    call_dynamic(a);
    EXPECT_EQ(out[5], 1);
}

TEST(Dynamic, TakesTensorsThatRepeatByStrideZero) {
    Float16Step step;
    step.arguments.query.strides = {0, 48, 48, 1};
    call_dynamic(step.arguments);
    step.decode.query.resize(2 * 8 * 48);
    std::copy_n(step.decode.query.begin(), 8 * 48, step.decode.query.begin() + 8 * 48);
    EXPECT_TRUE(step.is_right());
}

TEST(Dynamic, IgnoresPaddingOfAListOrWithoutLengths) {
    Step step;
    step.make(DType::kFloat16, DType::kFloat16, DType::kFloat16);
    step.arguments.kv_padding_size = step.of<std::int64_t>({30}, {1});
    EXPECT_EQ(ifa::plan(step.arguments).window(0).end, Step::kTokens);
    step.list();
    step.arguments.actual_seq_lengths = step.of<std::int64_t>({20}, {1});
    EXPECT_EQ(ifa::plan(step.arguments).window(0).begin, 0);
    EXPECT_EQ(ifa::plan(step.arguments).window(0).end, 20);
}

TEST(Dynamic, RunsJobsOnTheCallersExecutor) {
    Float16Step step;
    int jobs_run = 0;
    const properties::TestExecutor counting(3, [&](int jobs, const properties::Body& body) {
        for (int job = 0; job < jobs; ++job, ++jobs_run) body(job);
    });
    call_dynamic(step.arguments, counting);
    EXPECT_EQ(jobs_run, 3);
    EXPECT_TRUE(step.is_right());
}

TEST(Dynamic, PassesOnWhatTheExecutorThrows) {
    Float16Step step;
    const properties::TestExecutor broken(
        2, [](int, const properties::Body&) { throw std::domain_error("no thread to be had"); });
    EXPECT_THROW(call_dynamic(step.arguments, broken), std::domain_error);
}

}  // namespace
