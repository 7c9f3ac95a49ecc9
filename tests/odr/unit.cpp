// One of the two units: built once per instruction set with ODR_UNIT naming what it defines. All its own functions are
// local, and it uses no containers, so that every symbol it could share with the other unit is the library's.
#include "unit.hpp"

#include <ifa/dlpack.hpp>
#include <ifa/dynamic.hpp>
#include <ifa/ifa.hpp>

namespace {

// 16-bit types of the unit's own, for Eigen's have constructors, which are symbols.
struct Half {
    std::uint16_t bits;
};
struct Brain {
    std::uint16_t bits;
};

}  // namespace

template <>
struct ifa::registered_element<Half> {
    using type = ifa::float16;
};
template <>
struct ifa::registered_element<Brain> {
    using type = ifa::bfloat16;
};

namespace {

using ifa::bnsd;
using odr::Caught, odr::kCache, odr::kQuery, odr::Operands;

const char* isa() {
    return ifa::isa();
}

void run(const Operands& operands, const ifa::Options& options) {
    const ifa::ContiguousKv kv{bnsd(operands.key, kCache), bnsd(operands.value, kCache)};
    ifa::incre_flash_attention(bnsd(operands.query, kQuery), kv, bnsd(operands.out, kQuery), options);
}

void compute(const Operands& operands) {
    run(operands, {});
}

ifa::Plan plan(const Operands& operands) {
    return ifa::plan(kQuery, ifa::ContiguousKv{bnsd(operands.key, kCache), bnsd(operands.value, kCache)});
}

void compute_planned(const Operands& operands, const ifa::Plan& plan, std::byte* workspace) {
    run(operands, {.plan = &plan, .workspace = {workspace, static_cast<ifa::Index>(plan.workspace_bytes())}});
}

void throw_runtime_error() {
    run({}, {});
}

Caught catch_narrowest(void (*thrower)()) {
    try {
        thrower();
    } catch (const ifa::RuntimeError&) {
        return Caught::kRuntimeError;
    } catch (const ifa::Error&) {
        return Caught::kError;
    } catch (...) {
        return Caught::kOther;
    }
    return Caught::kNothing;
}

Caught catch_base(void (*thrower)()) {
    try {
        thrower();
    } catch (const ifa::Error&) {
        return Caught::kError;
    } catch (...) {
        return Caught::kOther;
    }
    return Caught::kNothing;
}

// A thread pool as EigenPool sees one, that runs what it is given at once.
struct ImmediatePool {
    // NOLINTBEGIN(readability-identifier-naming): Eigen's names
    int NumThreads() const { return 1; }
    int CurrentThreadId() const { return -1; }
    template <class Task>
    void Schedule(const Task& task) const {
        task();
    }
    // NOLINTEND(readability-identifier-naming)
};

constexpr ifa::Index kHeads = 2, kTokens = 32, kDim = 8;
constexpr ifa::Shape kSmallQuery{.batch = 1, .heads = kHeads, .head_dim = kDim};
constexpr ifa::Shape kSmallCache{.batch = 1, .heads = kHeads, .seq = kTokens, .head_dim = kDim};

struct Memory {
    float rows[kHeads * kTokens * kDim] = {};
    Half query[kHeads * kDim] = {};
    Brain out[kHeads * kDim] = {};
    Brain bias[kHeads * kTokens] = {};
    std::int8_t cache[kHeads * kTokens * kDim] = {};
    std::int8_t quantised_out[kHeads * kDim] = {};
    float log_sum_exp[kHeads] = {};
    float scale[2 * kHeads * kDim] = {};
    float offset[2 * kHeads * kDim] = {};
    bool mask[kTokens] = {};
    std::int32_t table[2] = {1, 0};
};

// An int8 cache behind a block table, calibrated, filled, and read with every kind of policy that goes with pages.
bool use_pages(Memory& memory) {
    const ifa::Shape pool{.batch = 2, .heads = kHeads, .seq = kTokens / 2, .head_dim = kDim};
    const ifa::PagedKv pages{ifa::bsh(memory.cache, pool), ifa::bsh(memory.cache, pool),
                             ifa::block_table(memory.table, {.batch = 1, .max_blocks = 2})};
    const auto rows = ifa::bsnd(memory.rows, kSmallCache);
    ifa::Calibrator calibrator(kHeads, kDim, kDim);
    calibrator.observe(rows, rows);
    calibrator.write(memory.scale, memory.offset);
    const auto kv = ifa::antiquant(pages, ifa::per_channel(memory.scale, memory.offset));
    ifa::append(kv, rows, rows, 0);
    ImmediatePool pool_of_threads;
    const auto halve = [](const ifa::ScoreTile& tile) {
        for (float& score : tile.scores) score /= 2;
    };
    const auto sink =
        ifa::keep_log_sum_exp(ifa::post_quant(ifa::bsh(memory.quantised_out, kSmallQuery), {.scale = 2.f}),
                              bnsd(memory.log_sum_exp, {.batch = 1, .heads = kHeads}));
    ifa::incre_flash_attention(ifa::bsh(memory.query, kSmallQuery), kv, sink, {}, ifa::RightPadding{kTokens - 1}, halve,
                               ifa::HighPrecision{}, ifa::EigenPool(pool_of_threads), ifa::GroupedQuery<1>{});
    return memory.log_sum_exp[0] > 3.4f && memory.log_sum_exp[0] < 3.5f;  // log(31) = 3.434
}

// A list of tensors and one left-padded tensor, with bias and mask.
bool use_lists_and_padding(Memory& memory) {
    const auto view = bnsd(memory.rows, kSmallCache);
    const ifa::Span<const ifa::TensorView<float>> list(&view, 1);
    const auto query = bnsd(memory.query, kSmallQuery);
    const auto out = bnsd(memory.out, kSmallQuery);
    ifa::incre_flash_attention(query, ifa::TensorListKv{list, list}, out);
    ifa::incre_flash_attention(query, ifa::ContiguousKv{view, view}, out, {}, ifa::LeftPadding{20, 2},
                               ifa::PseShift{ifa::bias(memory.bias, {.batch = 1, .heads = kHeads, .seq = kTokens})},
                               ifa::AttnMask{ifa::mask(memory.mask, {.batch = 1, .seq = kTokens})});
    ifa::SoftmaxState part = ifa::SoftmaxState::from_output({memory.rows, kDim}, memory.log_sum_exp[0]);
    part.merge(part);
    return !ifa::check(query, ifa::ContiguousKv{view, view}, out);
}

// A tensor as DLPack describes one.
struct Described {
    void* data;
    struct {
        std::int32_t device_type;
    } device;
    std::int32_t ndim;
    struct {
        std::uint8_t code, bits;
        std::uint16_t lanes;
    } dtype;
    const std::int64_t* shape;
    const std::int64_t* strides;
    std::uint64_t byte_offset;
};

// The run-time door over a list, planned, with a mask and lengths; and an error's message.
bool use_run_time_door(Memory& memory) {
    constexpr std::int64_t kRow[] = {1, 1, kHeads * kDim};
    const Described query{memory.out, {1}, 3, {4, 16, 1}, kRow, nullptr, 0};
    const ifa::Axes cache{1, kTokens, kHeads * kDim};
    std::int64_t length = 7;
    ifa::Arguments step{.query = ifa::from_dlpack(query),
                        .key = ifa::tensor(memory.cache, cache),
                        .value = ifa::tensor(memory.cache, cache),
                        .attention_out = ifa::tensor(memory.quantised_out, {1, 1, kHeads * kDim}),
                        .attn_mask = ifa::tensor(memory.mask, {1, kTokens}),
                        .quant_scale2 = ifa::tensor(memory.scale, {1}),
                        .antiquant_scale = ifa::tensor(memory.bias, {2}),
                        .num_heads = kHeads};
    const ifa::Tensor list[] = {step.key[0]};
    step.key = ifa::Span<const ifa::Tensor>(list, 1);
    const ifa::Plan planned = ifa::plan(step);
    step.plan = &planned;
    ifa::incre_flash_attention(step);
    step.actual_seq_lengths = ifa::tensor(&length, {1, 1});
    return ifa::check(step)->kind == ifa::ErrorKind::kRuntime;
}

bool use_everything() {
    Memory memory;
    return use_pages(memory) && use_lists_and_padding(memory) && use_run_time_door(memory);
}

}  // namespace

extern const odr::Unit ODR_UNIT;
const odr::Unit ODR_UNIT{isa,        compute,       plan, compute_planned, throw_runtime_error, catch_narrowest,
                         catch_base, use_everything};
