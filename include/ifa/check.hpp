// Every run-time contract of a call. Nothing is written while they are checked.
#pragma once

#include "kernel/problem.hpp"
#include "kernel/schedule.hpp"
#include "options.hpp"
#include "view_checks.hpp"

namespace ifa::inline IFA_ISA {

// That the operands' extents agree.
template <class Storage>
inline void check_geometry(const Storage& kv, const Shape& query, Contracts& contracts) {
    constexpr bool kPaged = requires { requires Storage::kPaged; };
    if (kv.batch() != query.batch)
        contracts.fail(ErrorKind::kRuntime, "{}: expected a batch of {} as in query, got {}",
                       kPaged ? "block_table" : "key", query.batch, kv.batch());
    if (contracts.failed() || query.batch == 0) return;
    if (query.seq != 1)
        contracts.fail(ErrorKind::kRuntime, "query: expected one position per sequence, got {}", query.seq);
    if (query.heads <= 0) contracts.fail(ErrorKind::kRuntime, "num_heads: expected at least 1, got {}", query.heads);
    if (kv.heads() <= 0)
        contracts.fail(ErrorKind::kRuntime, "num_key_value_heads: expected at least 1, got {}", kv.heads());
    if (kv.key_dim() <= 0)
        contracts.fail(ErrorKind::kRuntime, "key: expected a head_dim of at least 1, got {}", kv.key_dim());
    if (kv.value_dim() <= 0)
        contracts.fail(ErrorKind::kRuntime, "value: expected a head_dim of at least 1, got {}", kv.value_dim());
    if (query.head_dim != kv.key_dim())
        contracts.fail(ErrorKind::kRuntime, "query: expected a head_dim of {} as in key, got {}", kv.key_dim(),
                       query.head_dim);
}

inline void check_output_shape(const Geometry& geometry, const Shape& output, Contracts& contracts) {
    if (output.batch != geometry.batch || output.heads != geometry.heads || output.seq != 1 ||
        output.head_dim != geometry.value_dim)
        contracts.fail(ErrorKind::kRuntime, "attention_out: expected ({}, {}, 1, {}), got ({}, {}, {}, {})",
                       geometry.batch, geometry.heads, geometry.value_dim, output.batch, output.heads, output.seq,
                       output.head_dim);
}

template <class Policy>
IFA_INLINE void check_policy(const Policy& policy, const Geometry& geometry, Contracts& contracts) {
    if constexpr (requires { policy.check(geometry, contracts); }) policy.check(geometry, contracts);
}

// Whether a policy says where the windows lie. A padding without lengths does not.
template <class Policy>
IFA_INLINE bool bounds_windows(const Policy& visibility) {
    if constexpr (requires { visibility.bounds(); }) return visibility.bounds();
    else return WindowVisibility<Policy>;
}

// That windows made by the call's own policies lie in the cache.
template <class Storage, class Policies>
inline void check_own_windows(const Storage& kv, const Policies& policies, Index batch, Contracts& contracts) {
    bool bounded = false;
    policies.template each<role::Visibility>([&](const auto& visibility) {
        bounded = bounded || bounds_windows(visibility);
        if constexpr (requires { visibility.check_windows(batch, [](Index) { return Index{0}; }, contracts); })
            visibility.check_windows(batch, [&](Index b) { return Index{kv.length(b)}; }, contracts);
    });
    if constexpr (requires { requires Storage::kPaged; })
        if (!bounded)
            contracts.fail(ErrorKind::kRuntime,
                           "actual_seq_lengths: expected with block_table (page attention), got none");
}

// That a plan fits the call.
template <class Storage, class Policies>
inline void check_plan(const Storage& kv, const Policies& policies, const Geometry& geometry, const Plan& plan,
                       Contracts& contracts) {
    policies.template each<role::Visibility>([&](const auto& visibility) {
        if (bounds_windows(visibility))
            contracts.fail(ErrorKind::kRuntime, "plan: expected no padding or other window beside a plan, got one");
    });
    const Geometry& made = plan.geometry();
    if (made.batch != geometry.batch || made.heads != geometry.heads || made.kv_heads != geometry.kv_heads ||
        made.key_dim != geometry.key_dim || made.value_dim != geometry.value_dim)
        return contracts.fail(ErrorKind::kRuntime,
                              "plan: made for (B, N, kvN, Dk, Dv) = ({}, {}, {}, {}, {}), got a call of "
                              "({}, {}, {}, {}, {})",
                              made.batch, made.heads, made.kv_heads, made.key_dim, made.value_dim, geometry.batch,
                              geometry.heads, geometry.kv_heads, geometry.key_dim, geometry.value_dim);
    for (Index b = 0; b < geometry.batch; ++b)
        if (plan.window(b).end > kv.length(b))
            contracts.fail(ErrorKind::kRuntime, "plan: sequence {} ends at token {}, expected at most the cache's {}",
                           b, plan.window(b).end, Index{kv.length(b)});
}

inline void check_chunk_tokens(Index chunk_tokens, Contracts& contracts) {
    if (chunk_tokens <= 0 || chunk_tokens % kTileTokens != 0)
        contracts.fail(ErrorKind::kRuntime, "chunk_tokens: expected a positive multiple of {}, got {}", kTileTokens,
                       chunk_tokens);
}

// What a storage knows about the windows it will be read through.
template <class Storage, class WindowOf>
inline void check_storage_windows(const Storage& kv, Index batch, const WindowOf& window, Contracts& contracts) {
    if constexpr (requires { kv.check_window(0, Window{}, contracts); })
        for (Index b = 0; b < batch; ++b) kv.check_window(b, window(b), contracts);
}

template <class Problem, class Visit>
inline void each_input(const Problem& problem, const Visit& visit) {
    const auto regions = [&](const auto& operand) {
        if constexpr (requires { operand.each_region(problem.geometry, visit); })
            operand.each_region(problem.geometry, visit);
    };
    regions(problem.query);
    regions(problem.kv);
    regions(problem.codec);
    regions(problem.sink);
    problem.policies.each_policy(regions);
}

// Memory that a call writes, held against what else the call reads or writes. All of it is of one type, so that the
// code that visits the inputs is there once.
struct Unshared {
    const char* name;
    const char* expectation;
    Region region;
    Contracts& contracts;

    template <class T>
    inline void operator()(const char* other, const TensorView<T>& view) const {
        if (overlap(region, region_of(view)))
            contracts.fail(ErrorKind::kRuntime, "{}: expected memory {}, got an overlap with {}", name, expectation,
                           other);
    }
};

// That an output shares no memory with an input, nor with the outputs the sink names before it.
template <class Problem>
inline void check_overlaps(const Problem& problem, Contracts& contracts) {
    if constexpr (requires { problem.sink.each_output([](const char*, const auto&) {}); }) {
        int outputs = 0;
        problem.sink.each_output([&](const char* output_name, const auto& output) {
            const Region region = region_of(output);
            each_input(problem, Unshared{output_name, "apart from every input", region, contracts});
            const Unshared apart{output_name, "apart from every other output", region, contracts};
            int index = 0;
            problem.sink.each_output([&](const char* name, const auto& view) {
                if (index++ < outputs) apart(name, view);
            });
            ++outputs;
        });
    }
}

// That the workspace shares no memory with anything a call reads or writes.
template <class Problem>
inline void check_workspace(const Problem& problem, const Span<std::byte>& workspace, Contracts& contracts) {
    const Region region = region_of(as_view(workspace.data(), static_cast<Index>(workspace.size())));
    const Unshared own{"workspace", "of its own", region, contracts};
    each_input(problem, own);
    if constexpr (requires { problem.sink.each_output(own); }) problem.sink.each_output(own);
}

// The shapes and values of operands and policies, each by itself.
template <class Problem>
inline void check_operands(const Problem& problem, Contracts& contracts) {
    const Geometry& geometry = problem.geometry;
    check_output_shape(geometry, problem.sink.shape(), contracts);
    check_policy(problem.query, geometry, contracts);
    check_policy(problem.kv, geometry, contracts);
    check_policy(problem.codec, geometry, contracts);
    check_policy(problem.sink, geometry, contracts);
    check_policy(problem.groups, geometry, contracts);
    problem.policies.each_policy([&](const auto& policy) { check_policy(policy, geometry, contracts); });
    if (!(problem.scale - problem.scale == 0))
        contracts.fail(ErrorKind::kRuntime, "scale_value: expected a finite number, got {}", problem.scale);
    if (problem.executor.concurrency() < 1)
        contracts.fail(ErrorKind::kRuntime, "executor: expected a concurrency of at least 1, got {}",
                       problem.executor.concurrency());
}

// That windows, blocks and workspace fit, once the operands by themselves are right.
template <class Problem>
inline void check_windows(const Problem& problem, const Options& options, Contracts& contracts) {
    const Geometry& geometry = problem.geometry;
    if (options.plan) {
        check_plan(problem.kv, problem.policies, geometry, *options.plan, contracts);
    } else {
        check_own_windows(problem.kv, problem.policies, geometry.batch, contracts);
        check_chunk_tokens(options.chunk_tokens, contracts);
    }
    if (contracts.failed()) return;
    const auto window = [&](Index b) {
        return options.plan ? options.plan->window(b) : visible_window(problem.kv, problem.policies, b);
    };
    check_storage_windows(problem.kv, geometry.batch, window, contracts);
    if (options.workspace.empty()) return;
    const std::size_t needed = options.plan ? options.plan->workspace_bytes()
                                            : schedule(problem.kv, problem.policies, geometry,
                                                       problem.executor.concurrency(), options.chunk_tokens)
                                                  .workspace_bytes();
    if (options.workspace.size() < needed)
        contracts.fail(ErrorKind::kRuntime, "workspace: expected at least {} bytes, got {}", static_cast<Index>(needed),
                       static_cast<Index>(options.workspace.size()));
}

template <class Problem>
inline void check_problem(const Problem& problem, const Options& options, Contracts& contracts) {
    check_geometry(problem.kv, problem.query.shape(), contracts);
    if (problem.geometry.batch == 0 || problem.kv.batch() != problem.geometry.batch) return;
    check_operands(problem, contracts);
    if (!contracts.failed()) check_windows(problem, options, contracts);
    if (!contracts.failed()) check_overlaps(problem, contracts);
    if (!contracts.failed() && !options.workspace.empty()) check_workspace(problem, options.workspace, contracts);
}

// The contracts of `plan`.
template <class Storage, class Groups, class Policies>
inline void check_planning(const Storage& kv, const Shape& query, const Geometry& geometry, const Groups& groups,
                           const Policies& policies, Index chunk_tokens, int concurrency, Contracts& contracts) {
    check_geometry(kv, query, contracts);
    if (contracts.failed() || geometry.batch == 0) return;
    check_policy(kv, geometry, contracts);
    check_policy(groups, geometry, contracts);
    policies.each_policy([&](const auto& policy) { check_policy(policy, geometry, contracts); });
    check_chunk_tokens(chunk_tokens, contracts);
    if (concurrency < 1)
        contracts.fail(ErrorKind::kRuntime, "executor: expected a concurrency of at least 1, got {}", concurrency);
    if (!contracts.failed()) check_own_windows(kv, policies, geometry.batch, contracts);
}

}  // namespace ifa::inline IFA_ISA
