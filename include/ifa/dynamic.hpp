// The run-time door: the document's own signature, for callers who learn their types late. It checks what the document
// asks for, then makes the same call as anyone through policies that choose at run time. Only the element type of the
// cache and the precision choose kernels: five of them serve every combination.
#pragma once

#include "dynamic/contracts.hpp"
#include "dynamic/policies.hpp"

namespace ifa::inline IFA_ISA {

// Calls visit(type_identity<T>, precision) for the cache's element type. Only int8 is computed differently for speed.
template <class Visit>
inline auto with_kernel(const Arguments& arguments, const Visit& visit) {
    const DType& type = arguments.key[0].dtype;
    if (type != DType::kInt8)
        return with_float_type(type, [&](auto element) { return visit(element, HighPerformance()); });
    constexpr std::type_identity<std::int8_t> kElement;
    return arguments.inner_precise == 0 ? visit(kElement, HighPrecision()) : visit(kElement, HighPerformance());
}

// Calls visit(query, kv, output, policies...), the operands of the typed door. The arguments have been checked.
template <class Visit>
inline auto with_operands(const ParsedArguments& parsed, const Visit& visit) {
    const DynamicQuery query(parsed);
    const DynamicOutput output(parsed);
    const DynamicPadding padding(parsed);
    const DynamicMask mask(parsed);
    const DynamicBias bias(parsed);
    return with_kernel(parsed.arguments, [&]<class T>(std::type_identity<T>, const auto& precision) {
        const DynamicKv<T> kv(parsed);
        if constexpr (std::is_same_v<T, std::int8_t>)
            return visit(query, antiquant(kv, DynamicAntiquant(parsed)), output, padding, mask, bias, precision);
        else return visit(query, kv, output, padding, mask, bias, precision);
    });
}

inline Options options_of(const Arguments& a) {
    return {.scale = a.scale_value,
            .plan = a.plan,
            .workspace = a.workspace,
            .chunk_tokens = a.chunk_tokens,
            .wholly_hidden_rows = a.wholly_hidden_rows};
}

inline CheckResult check_any(const Arguments& arguments, const DynamicExecutor& executor) {
    const ParsedArguments parsed(arguments);
    Contracts contracts;
    check_document(parsed, contracts);
    if (contracts.failed() || parsed.is_empty()) return contracts.result();
    return with_operands(parsed, [&](const auto& query, const auto& kv, const auto& output, const auto&... policies) {
        return check(query, kv, output, options_of(arguments), policies..., executor);
    });
}

inline Plan plan_any(const Arguments& arguments, const DynamicExecutor& executor) {
    const ParsedArguments parsed(arguments);
    Contracts contracts;
    check_document(parsed, contracts);
    if (arguments.plan) contracts.fail(ErrorKind::kRuntime, "plan: expected none where one is made, got one");
    raise(contracts.result());
    const DynamicKv<std::int8_t> kv(parsed);  // the element type does not matter to a plan
    return plan(parsed.query().shape, kv, options_of(arguments), DynamicPadding(parsed), executor);
}

inline void attend_any(const Arguments& arguments, const DynamicExecutor& executor) {
    const ParsedArguments parsed(arguments);
    Contracts contracts;
    check_document(parsed, contracts);
    raise(contracts.result());
    if (parsed.is_empty()) return;
    with_operands(parsed, [&](const auto& query, const auto& kv, const auto& output, const auto&... policies) {
        incre_flash_attention(query, kv, output, options_of(arguments), policies..., executor);
    });
}

// The error this call would raise, if any. Takes what `incre_flash_attention` takes; does not throw.
template <Executor E = Inline>
inline CheckResult check(const Arguments& arguments, const E& executor = {}) {
    return check_any(arguments, DynamicExecutor(executor));
}

// Lays out a decode step once, to be run for every layer: as the typed `plan`, of the arguments of any of its layers.
// The calls themselves then go without actual_seq_lengths and kv_padding_size.
template <Executor E = Inline>
inline Plan plan(const Arguments& arguments, const E& executor = {}) {
    return plan_any(arguments, DynamicExecutor(executor));
}

// Computes one decode step. Throws TypeError, ValueError or RuntimeError, in this order if there are several, before
// anything is written; see `check`. With a plan and a workspace nothing is allocated.
template <Executor E = Inline>
inline void incre_flash_attention(const Arguments& arguments, const E& executor = {}) {
    attend_any(arguments, DynamicExecutor(executor));
}

}  // namespace ifa::inline IFA_ISA
