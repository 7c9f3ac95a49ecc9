// The collector of violations, and the refusal of every bad operand and policy that a call can see at run time.
#include "ifa/errors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;
using enum ifa::ErrorKind;
using ifa::Contracts;

TEST(Contracts, AreFineUntilOneFails) {
    const Contracts contracts;
    EXPECT_FALSE(contracts.failed());
    EXPECT_FALSE(contracts.result());
    EXPECT_NO_THROW(ifa::raise(contracts.result()));
}

TEST(Contracts, FillBracesWithTextAndNumbers) {
    Contracts contracts;
    contracts.fail(kRuntime, "{}[{}]: expected {}, got {} and {{}}", "key", ifa::Index{-3}, 2.5, 7, "x");
    EXPECT_STREQ(contracts.result()->message, "key[-3]: expected 2.5, got 7 and {x}");
}

TEST(Contracts, PrintWhatIsNotFinite) {
    Contracts contracts;
    contracts.fail(kRuntime, "{} {} {}", std::numeric_limits<double>::infinity(),
                   -std::numeric_limits<double>::infinity(), std::numeric_limits<ifa::Index>::min());
    EXPECT_STREQ(contracts.result()->message, "inf -inf -9223372036854775808");
}

TEST(Contracts, CutMessagesThatAreTooLong) {
    const std::string endless(1000, 'x');
    Contracts text, piece;
    text.fail(kRuntime, endless.c_str());
    piece.fail(kRuntime, "{} and more", endless.c_str());
    constexpr std::size_t kRoom = sizeof(ifa::Violation::message) - 1;
    EXPECT_EQ(std::strlen(text.result()->message), kRoom);
    EXPECT_EQ(std::strlen(piece.result()->message), kRoom);
    EXPECT_EQ(std::string(piece.result()->message).substr(0, 400), endless.substr(0, 400));
}

TEST(Contracts, ReportTheFirstOfTheFirstKind) {
    Contracts contracts;
    contracts.fail(kRuntime, "first runtime");
    contracts.fail(kRuntime, "second runtime");
    EXPECT_STREQ(contracts.result()->message, "first runtime");
    contracts.fail(kValue, "first value");
    contracts.fail(kValue, "second value");
    contracts.fail(kRuntime, "third runtime");
    EXPECT_STREQ(contracts.result()->message, "first value");
    contracts.fail(kType, "type");
    EXPECT_STREQ(contracts.result()->message, "type");
}

TEST(Errors, HaveOneClassPerKindAndACommonBase) {
    const auto raised = [](ifa::ErrorKind kind) {
        Contracts contracts;
        contracts.fail(kind, "x");
        return thrown_by([&] { ifa::raise(contracts.result()); });
    };
    for (const ifa::ErrorKind kind : {kType, kValue, kRuntime}) EXPECT_EQ(raised(kind), (Refusal{false, kind, "x"}));
    static_assert(std::is_base_of_v<ifa::Error, ifa::ValueError> && std::is_base_of_v<std::runtime_error, ifa::Error>);
}

// Operands of a call that is fine until a test spoils one of them.
struct Call {
    static constexpr Shape kQuery{.batch = 2, .heads = 4, .head_dim = 8};
    static constexpr Shape kCache{.batch = 2, .heads = 2, .seq = 20, .head_dim = 8};

    std::vector<float> query_memory = std::vector<float>(64, 0.5f);
    std::vector<float> key_memory = std::vector<float>(640, 0.5f), value_memory = key_memory;
    Tensor<float> out_tensor{kQuery, Layout::kBsh};
    TensorView<float> query = ifa::bsh(query_memory, kQuery);
    TensorView<float> key = ifa::bsh(key_memory, kCache), value = ifa::bsh(value_memory, kCache);
    TensorView<float> out = out_tensor.view();
    ifa::Options options = {};

    // What the call throws; `check` must say the same, and the output stays as it was.
    template <class Output, class... Policies>
    Refusal refused_into(const Output& output, const Policies&... policies) {
        const ifa::ContiguousKv kv{key, value};
        const Refusal refusal = thrown_by([&] { ifa::incre_flash_attention(query, kv, output, options, policies...); });
        EXPECT_EQ(refusal_of(ifa::check(query, kv, output, options, policies...)), refusal);
        EXPECT_TRUE(out_tensor.untouched());
        return refusal;
    }
    template <class... Policies>
    Refusal refused(const Policies&... policies) {
        return refused_into(out, policies...);
    }
    // Of the same call after `spoil` has changed an operand.
    static std::function<Refusal()> after(const std::function<void(Call&)>& spoil) {
        return [spoil] {
            Call call;
            spoil(call);
            return call.refused();
        };
    }
};

TEST(BadInput, OperandsThatDoNotFit) {
    const BadInput table[] = {
        {"batch", kRuntime, "key", "batch of 3", "got 2",
         Call::after([](Call& c) { c.query.shape.batch = c.out.shape.batch = 3; })},
        {"two positions", kRuntime, "query", "one position", "got 2",
         Call::after([](Call& c) { c.query.shape.seq = 2; })},
        {"no heads", kRuntime, "num_heads", "at least 1", "got 0",
         Call::after([](Call& c) { c.query.shape.heads = c.out.shape.heads = 0; })},
        {"no kv heads", kRuntime, "num_key_value_heads", "at least 1", "got 0",
         Call::after([](Call& c) { c.key.shape.heads = c.value.shape.heads = 0; })},
        {"no dimension", kRuntime, "key", "head_dim of at least 1", "got 0",
         Call::after([](Call& c) { c.query.shape.head_dim = c.key.shape.head_dim = 0; })},
        {"no value dimension", kRuntime, "value", "head_dim of at least 1", "got 0",
         Call::after([](Call& c) { c.value.shape.head_dim = c.out.shape.head_dim = 0; })},
        {"query dimension", kRuntime, "query", "head_dim of 8", "got 7",
         Call::after([](Call& c) { c.query.shape.head_dim = 7; })},
        {"value batch", kRuntime, "value", "(2, 2, 20, D) as in key", "got (1, 2, 20, 8)",
         Call::after([](Call& c) { c.value.shape.batch = 1; })},
        {"value length", kRuntime, "value", "(2, 2, 20, D) as in key", "got (2, 2, 19, 8)",
         Call::after([](Call& c) { c.value.shape.seq = 19; })},
        {"value heads", kRuntime, "value", "(2, 2, 20, D) as in key", "got (2, 1, 20, 8)",
         Call::after([](Call& c) { c.value.shape.heads = 1; })},
        {"heads not a multiple", kValue, "num_heads", "multiple of num_key_value_heads 2", "got 3",
         Call::after([](Call& c) { c.query.shape.heads = c.out.shape.heads = 3; })},
        {"output batch", kRuntime, "attention_out", "(2, 4, 1, 8)", "got (1, 4, 1, 8)",
         Call::after([](Call& c) { c.out.shape.batch = 1; })},
        {"output dimension", kRuntime, "attention_out", "(2, 4, 1, 8)", "got (2, 4, 1, 9)",
         Call::after([](Call& c) { c.out.shape.head_dim = 9; })},
        {"output positions", kRuntime, "attention_out", "(2, 4, 1, 8)", "got (2, 4, 2, 8)",
         Call::after([](Call& c) { c.out.shape.seq = 2; })},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, MemoryThatCannotBe) {
    const BadInput table[] = {
        {"query null", kRuntime, "query", "data", "null pointer", Call::after([](Call& c) { c.query.data = nullptr; })},
        {"key null", kRuntime, "key", "data", "null pointer", Call::after([](Call& c) { c.key.data = nullptr; })},
        {"value null", kRuntime, "value", "data", "null pointer", Call::after([](Call& c) { c.value.data = nullptr; })},
        {"out null", kRuntime, "attention_out", "data", "null pointer",
         Call::after([](Call& c) { c.out.data = nullptr; })},
        {"query short", kRuntime, "query", "at least 64 elements", "got 63",
         Call::after([](Call& c) { c.query.extent = 63; })},
        {"key short", kRuntime, "key", "at least 640 elements", "got 639",
         Call::after([](Call& c) { c.key.extent = 639; })},
        {"value short", kRuntime, "value", "at least 640 elements", "got 0",
         Call::after([](Call& c) { c.value.extent = 0; })},
        {"out short", kRuntime, "attention_out", "at least 64 elements", "got 1",
         Call::after([](Call& c) { c.out.extent = 1; })},
        {"negative extent", kRuntime, "key", "extents of at least 0", "-20",
         Call::after([](Call& c) { c.key.shape.seq = -20; })},
        {"negative batch", kRuntime, "query", "extents of at least 0", "-2", Call::after([](Call& c) {
             c.query.shape.batch = c.key.shape.batch = c.value.shape.batch = c.out.shape.batch = -2;
         })},
        {"negative stride", kRuntime, "value", "strides of at least 0", "-8",
         Call::after([](Call& c) { c.value.strides.head = -8; })},
        {"output rows overlap", kRuntime, "attention_out", "do not overlap", "(32, 7, 32)",
         Call::after([](Call& c) { c.out.strides = {32, 7, 32}; })},
        {"scale NaN", kRuntime, "scale_value", "finite", "nan",
         Call::after([](Call& c) { c.options.scale = std::nan(""); })},
        {"scale infinite", kRuntime, "scale_value", "finite", "inf",
         Call::after([](Call& c) { c.options.scale = std::numeric_limits<double>::infinity(); })},
        {"chunks", kRuntime, "chunk_tokens", "positive multiple of 48", "got 33",
         Call::after([](Call& c) { c.options.chunk_tokens = 33; })},
        {"no chunks", kRuntime, "chunk_tokens", "positive multiple of 48", "got 0",
         Call::after([](Call& c) { c.options.chunk_tokens = 0; })},
        {"negative chunks", kRuntime, "chunk_tokens", "positive multiple of 48", "got -48",
         Call::after([](Call& c) { c.options.chunk_tokens = -48; })},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

// Of a call with these policies.
template <class... Policies>
std::function<Refusal()> with(const Policies&... policies) {
    return [=] { return Call().refused(policies...); };
}

TEST(BadInput, Lengths) {
    static const std::vector<int> three{1, 2, 3}, negative{3, -1}, long_one{20, 21};
    static const std::vector<std::int64_t> none;
    const std::span<const int> forgotten(static_cast<const int*>(nullptr), 2);
    const BadInput table[] = {
        {"count", kValue, "actual_seq_lengths", "1 or 2 elements", "got 3", with(ifa::RightPadding{.lengths = three})},
        {"no elements", kValue, "actual_seq_lengths", "1 or 2 elements", "got 0",
         with(ifa::RightPadding{.lengths = none})},
        {"null", kRuntime, "actual_seq_lengths", "data", "null pointer", with(ifa::RightPadding{.lengths = forgotten})},
        {"negative", kRuntime, "actual_seq_lengths[1]", "0 to 20", "got -1",
         with(ifa::RightPadding{.lengths = negative})},
        {"too long", kRuntime, "actual_seq_lengths[1]", "0 to 20", "got 21",
         with(ifa::RightPadding{.lengths = long_one})},
        {"one too long", kRuntime, "actual_seq_lengths[0]", "0 to 20", "got 21",
         with(ifa::RightPadding{.lengths = 21})},
        {"left count", kValue, "actual_seq_lengths", "1 or 2 elements", "got 3",
         with(ifa::LeftPadding{.lengths = three})},
        {"left negative", kRuntime, "actual_seq_lengths[1]", "0 to 20", "got -1",
         with(ifa::LeftPadding{.lengths = negative})},
        {"left too long", kRuntime, "actual_seq_lengths[1]", "0 to 20", "got 21",
         with(ifa::LeftPadding{.lengths = long_one, .padding = 3})},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, MasksAndBiases) {
    static const std::vector<std::uint8_t> bytes(100);
    static const std::vector<float> numbers(1000);
    static const float* const forgotten = nullptr;
    const auto mask = [](const Shape& shape) { return with(ifa::AttnMask{ifa::mask(bytes, shape)}); };
    const auto pse = [](const Shape& shape) { return with(ifa::PseShift{ifa::bias(numbers, shape)}); };
    const BadInput table[] = {
        {"mask batch", kRuntime, "attn_mask", "batch of 1 or 2", "got 3", mask({.batch = 3, .seq = 20})},
        {"mask columns", kRuntime, "attn_mask", "at least 20 columns", "got 19", mask({.batch = 2, .seq = 19})},
        {"mask short", kRuntime, "attn_mask", "at least 120 elements", "got 100", mask({.batch = 2, .seq = 60})},
        {"mask null", kRuntime, "attn_mask", "data", "null pointer",
         with(ifa::AttnMask{ifa::mask(static_cast<const bool*>(nullptr), {.batch = 2, .seq = 20})})},
        {"mask rank", kRuntime, "attn_mask", "contiguous columns", "stride",
         with(ifa::AttnMask{{bytes.data(), {.batch = 2, .seq = 20}, {40, 40, 2}, 100}})},
        {"pse batch", kRuntime, "pse_shift", "batch of 1 or 2", "got 3", pse({.batch = 3, .heads = 4, .seq = 20})},
        {"pse heads", kRuntime, "pse_shift", "4 heads", "got 2", pse({.batch = 1, .heads = 2, .seq = 20})},
        {"pse columns", kRuntime, "pse_shift", "at least 20 columns", "got 19",
         pse({.batch = 2, .heads = 4, .seq = 19})},
        {"pse short", kRuntime, "pse_shift", "at least 1600 elements", "got 1000",
         pse({.batch = 2, .heads = 4, .seq = 200})},
        {"pse null", kRuntime, "pse_shift", "data", "null pointer",
         with(ifa::PseShift{ifa::bias(forgotten, {.batch = 1, .heads = 4, .seq = 20})})},
        {"pse strided", kRuntime, "pse_shift", "contiguous columns", "stride",
         with(ifa::PseShift{
             ifa::strided(numbers, {.batch = 1, .heads = 4, .seq = 20}, {.batch = 160, .head = 40, .seq = 2})})},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

struct NoThreads {
    using role = ifa::role::Executor;
    int concurrency() const { return 0; }
    void run(int, const auto&) const {}
};

TEST(BadInput, GroupsAndExecutors) {
    const BadInput table[] = {
        {"group", kValue, "num_heads", "4 per kv head", "got 4 over 2", with(ifa::GroupedQuery<4>{})},
        {"concurrency", kRuntime, "executor", "concurrency of at least 1", "got 0", with(NoThreads{})},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

// Of a call whose output is the sink that `make` makes.
template <class Make>
std::function<Refusal()> into(const Make& make) {
    return [make] {
        Call call;
        return call.refused_into(make(call));
    };
}

TEST(BadInput, Sinks) {
    static std::vector<std::int8_t> out8(64);
    static std::vector<float> numbers(64);
    static const std::vector<float> thirty(30), thirty_two(32);
    static const float* const forgotten = nullptr;
    const auto quantised = [](const ifa::QuantPerChannel& quant) {
        return into([quant](Call&) { return ifa::post_quant(ifa::bsh(out8, Call::kQuery), quant); });
    };
    const auto kept = [](const Shape& shape) {
        return into([shape](Call& call) { return ifa::keep_log_sum_exp(call.out, ifa::bsh(numbers, shape)); });
    };
    const BadInput table[] = {
        {"scale count", kRuntime, "quant_scale2", "32 elements", "got 30", quantised({.scale = thirty})},
        {"offset count", kRuntime, "quant_offset2", "32 elements", "got 30",
         quantised({.scale = thirty_two, .offset = thirty})},
        {"scale null", kRuntime, "quant_scale2", "data", "null pointer", quantised({.scale = forgotten})},
        {"no scale", kRuntime, "quant_scale2", "32 elements", "got none", quantised({})},
        {"int8 shape", kRuntime, "attention_out", "(2, 4, 1, 8)", "got (2, 4, 1, 7)", into([](Call&) {
             return ifa::post_quant(ifa::bsh(out8, {.batch = 2, .heads = 4, .head_dim = 7}), {.scale = 1.f});
         })},
        {"log-sum-exp heads", kRuntime, "log_sum_exp", "(2, 4, 1, 1)", "got (2, 3, 1, 1)",
         kept({.batch = 2, .heads = 3})},
        {"log-sum-exp rank", kRuntime, "log_sum_exp", "(2, 4, 1, 1)", "got (2, 4, 1, 2)",
         kept({.batch = 2, .heads = 4, .head_dim = 2})},
        {"log-sum-exp null", kRuntime, "log_sum_exp", "data", "null pointer", into([](Call& call) {
             return ifa::keep_log_sum_exp(call.out, ifa::bsh(static_cast<float*>(nullptr), {.batch = 2, .heads = 4}));
         })},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, OutputsThatOverlap) {
    static std::vector<float> shared(64 + 640 + 640);
    static const auto out = ifa::bsh(shared, Call::kQuery);
    const auto overlapping = [](auto spoil) {
        return [spoil] {
            Call call;
            spoil(call);
            const std::vector<float> before = shared;
            const Refusal refusal = call.refused_into(out);
            EXPECT_EQ(shared, before);
            return refusal;
        };
    };
    const BadInput table[] = {
        {"query", kRuntime, "attention_out", "apart from every input", "query",
         overlapping([](Call& call) { call.query.data = shared.data(); })},
        {"query in part", kRuntime, "attention_out", "apart from every input", "query",
         overlapping([](Call& call) { call.query.data = shared.data() + 63; })},
        {"key", kRuntime, "attention_out", "apart from every input", "key",
         overlapping([](Call& call) { call.key.data = shared.data() + 10; })},
        {"value", kRuntime, "attention_out", "apart from every input", "value",
         overlapping([](Call& call) { call.value.data = shared.data(); })},
        {"mask", kRuntime, "attention_out", "apart from every input", "attn_mask",
         [] {
             return Call().refused_into(
                 out, ifa::AttnMask{ifa::mask(reinterpret_cast<std::uint8_t*>(shared.data()), {.seq = 20})});
         }},
        {"bias", kRuntime, "attention_out", "apart from every input", "pse_shift",
         [] { return Call().refused_into(out, ifa::PseShift{ifa::bias(shared.data(), {.heads = 4, .seq = 20})}); }},
        {"lengths", kRuntime, "attention_out", "apart from every input", "actual_seq_lengths",
         [] {
             const std::span<const int> lengths(reinterpret_cast<int*>(shared.data()), 2);
             return Call().refused_into(out, ifa::RightPadding{.lengths = lengths});
         }},
        {"log-sum-exp on an input", kRuntime, "log_sum_exp", "apart from every input", "key", into([](Call& call) {
             return ifa::keep_log_sum_exp(call.out, ifa::bsh(call.key_memory, {.batch = 2, .heads = 4}));
         })},
        {"log-sum-exp on the output", kRuntime, "log_sum_exp", "apart", "attention_out", into([](Call& call) {
             return ifa::keep_log_sum_exp(call.out, ifa::bsh(call.out.data + 60, {.batch = 2, .heads = 4}));
         })},
        {"log-sum-exp in place of the output", kRuntime, "log_sum_exp", "apart", "attention_out", into([](Call& call) {
             return ifa::keep_log_sum_exp(call.out, ifa::bsh(call.out.data, {.batch = 2, .heads = 4}));
         })},
    };
    for (const BadInput& bad : table) expect_refused(bad);
}

TEST(BadInput, OfTwoKindsReportsTheValueErrorFirst) {
    Call call;
    call.query.data = nullptr;
    call.query.shape.heads = call.out.shape.heads = 3;
    EXPECT_EQ(call.refused().kind, kValue);
}

}  // namespace
