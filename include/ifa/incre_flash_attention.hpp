// The entry point: one decode step of attention over a key/value cache. For each sequence b, query head h and kv head
// k = h / (N / kvN), over the visible tokens j:
//
//     s_j = scale * q[b,h] . key[b,k,j] + pse[b,h,j]        out[b,h] = sum_j exp(s_j) value[b,k,j] / sum_j exp(s_j)
//
// the operator mindspore.ops.incre_flash_attention, after Dao et al., "FlashAttention" (2022) and "Flash-Decoding"
// (2023). A row without a visible token gives zeros.
#pragma once

#include "check.hpp"
#include "kernel/run.hpp"
#include "resolve.hpp"

namespace ifa::inline IFA_ISA {

// The violation this call would throw, if any. Takes what `incre_flash_attention` takes; does not throw.
template <class Query, class Kv, class Output, class... Policies>
inline CheckResult check(const Query& query, const Kv& kv, const Output& output, const Options& options,
                         const Policies&... policies) {
    Contracts contracts;
    check_problem(resolve(query, kv, output, options.scale, policies...), options, contracts);
    return contracts.result();
}

template <class Query, class Kv, class Output, class... Policies>
inline CheckResult check(const Query& query, const Kv& kv, const Output& output, const Policies&... policies) {
    return check(query, kv, output, Options{}, policies...);
}

// Lays out the work of a decode step once, to be run for every layer.
//
//   query     shape of the query: {.batch = B, .heads = N, .head_dim = Dk}
//   kv        a storage of the step (any layer's)
//   policies  at most one padding, any other windows, and the executor whose concurrency the workspace shall serve: a
//             call with the plan uses no more jobs than that, and one unless an executor is named
//
// Throws ValueError or RuntimeError as the call itself would for lengths and heads.
template <class Kv, class... Policies>
inline Plan plan(const Shape& query, const Kv& kv, const Options& options, const Policies&... policies) {
    const auto& storage = storage_of(kv);
    const PolicyPack<Policies...> pack(policies...);
    assert_policies<Policies...>();
    assert_windows<std::remove_cvref_t<decltype(storage)>, Policies...>();
    const auto& groups = pack.template find<role::HeadGroups>(kDefaultGroups);
    const auto& executor = pack.template find<role::Executor>(kDefaultExecutor);
    const Geometry geometry = geometry_of(query, storage);
    Contracts contracts;
    check_planning(storage, query, geometry, groups, pack, options.chunk_tokens, executor.concurrency(), contracts);
    raise(contracts.result());
    return schedule(storage, pack, geometry, executor.concurrency(), options.chunk_tokens).plan();
}

template <class Kv, class... Policies>
inline Plan plan(const Shape& query, const Kv& kv, const Policies&... policies) {
    return plan(query, kv, Options{}, policies...);
}

// Computes one decode step.
//
//   query     view [B, N, 1, Dk] of float32, float16 or bfloat16
//   kv        ContiguousKv, TensorListKv or PagedKv; of int8 elements wrapped by `antiquant`
//   output    view [B, N, 1, Dv] of float32, float16 or bfloat16; or a sink: post_quant, keep_log_sum_exp
//   options   scale, plan, workspace (see options.hpp)
//   policies  in any order: NoPadding, RightPadding or LeftPadding; AttnMask; PseShift and callables as score terms, in
//             their order; GroupedQuery; HighPrecision or HighPerformance; an executor
//
// Throws ValueError or RuntimeError before anything is written; see `check`. All memory is borrowed for the duration of
// the call. Inputs may alias each other; the output overlaps none of them. With a plan and a workspace nothing is
// allocated.
template <class Query, class Kv, class Output, class... Policies>
inline void incre_flash_attention(const Query& query, const Kv& kv, const Output& output, const Options& options,
                                  const Policies&... policies) {
    const auto problem = resolve(query, kv, output, options.scale, policies...);
    Contracts contracts;
    check_problem(problem, options, contracts);
    raise(contracts.result());
    if (problem.geometry.batch == 0) return;
    if (options.plan) return run_planned(problem, *options.plan, options);
    const Plan own =
        schedule(problem.kv, problem.policies, problem.geometry, problem.executor.concurrency(), options.chunk_tokens)
            .plan();
    run_planned(problem, own, options);
}

template <class Query, class Kv, class Output, class... Policies>
inline void incre_flash_attention(const Query& query, const Kv& kv, const Output& output, const Policies&... policies) {
    incre_flash_attention(query, kv, output, Options{}, policies...);
}

}  // namespace ifa::inline IFA_ISA
