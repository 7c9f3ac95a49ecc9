// The forbidden pairs and unmet roles, one sentence each, in the document's words. They fail to compile.
#pragma once

#include "policy_pack.hpp"

namespace ifa::inline IFA_ISA {

template <class P>
concept NamesPadding = requires { typename P::is_padding; };
template <class P>
concept IsLeftPadding = requires { requires P::kLeft; };
template <class Storage>
concept IsPaged = requires { requires Storage::kPaged; };
template <class Storage>
concept IsTensorList = requires { requires Storage::kTensorList; };
template <class Sink>
concept Quantises = requires { requires Sink::kQuantises; };
template <class Sink>
concept QuantisesPerChannel = requires { requires Sink::kPerChannel; };

// A policy plays exactly one role and has that role's members.
template <class P>
consteval void assert_policy() {
    using Role = typename RoleOf<P>::type;
    static_assert(!std::is_void_v<Role>,
                  "not a policy: it declares no role (using role = ifa::role::...;) and cannot be "
                  "called with a const ifa::ScoreTile&");
    static_assert(!std::is_same_v<Role, role::QuerySource> && !std::is_same_v<Role, role::OutputSink> &&
                      !std::is_same_v<Role, role::KvStorage> && !std::is_same_v<Role, role::KvCodec>,
                  "query, key/value and output are operands, not policies: pass them first, in this order");
    static_assert(!std::is_same_v<Role, role::SoftmaxStart>, "role::SoftmaxStart has no policy in this version");
    if constexpr (std::is_same_v<Role, role::Visibility>)
        static_assert(Visibility<P>,
                      "role::Visibility: missing member window(sequence, kv_length) -> Window, or "
                      "hidden(sequence, first_column, count) -> uint64");
    if constexpr (std::is_same_v<Role, role::ScoreTerm>)
        static_assert(ScoreTerm<P>, "role::ScoreTerm: missing member operator()(const ScoreTile&) const");
    if constexpr (std::is_same_v<Role, role::HeadGroups>)
        static_assert(HeadGroups<P>, "role::HeadGroups: missing member group(geometry) -> Index");
    if constexpr (std::is_same_v<Role, role::Precision>)
        static_assert(Precision<P>,
                      "role::Precision: missing member static constexpr bool kExactOffsets or kIntegerProducts");
    if constexpr (std::is_same_v<Role, role::Executor>)
        static_assert(Executor<P>, "role::Executor: missing member concurrency() -> int or run(jobs, body)");
}

template <class Storage, class Codec>
consteval void assert_cache() {
    static_assert(KvStorage<Storage>,
                  "role::KvStorage: missing member batch, heads, key_dim, value_dim, columns, length "
                  "or gather");
    static_assert(KvCodec<Codec>,
                  "role::KvCodec: missing member kQuantised, fold_query, key_constant, value_shift or unfold_output");
    constexpr bool kInt8Key = std::is_same_v<typename Storage::key_type, std::int8_t>;
    constexpr bool kInt8Value = std::is_same_v<typename Storage::value_type, std::int8_t>;
    static_assert(kInt8Key == kInt8Value, "key and value must both be int8, or neither");
    static_assert(!kInt8Key || Codec::kQuantised,
                  "int8 key and value need antiquant_scale: ifa::antiquant(kv, "
                  "ifa::per_channel(scale))");
    static_assert(kInt8Key || !Codec::kQuantised, "when antiquant_scale is present, key and value must be int8");
}

template <class... Policies>
consteval void assert_policies() {
    (assert_policy<Policies>(), ...);
    using Pack = PolicyPack<Policies...>;
    static_assert((int{NamesPadding<Policies>} + ... + 0) <= 1, "at most one of NoPadding, RightPadding, LeftPadding");
    static_assert(Pack::template kCount<role::Precision> <= 1, "at most one precision: inner_precise is 0 or 1");
    static_assert(Pack::template kCount<role::Executor> <= 1, "at most one executor");
    static_assert(Pack::template kCount<role::HeadGroups> <= 1, "at most one head grouping");
}

template <class Storage, class... Policies>
consteval void assert_windows() {
    constexpr bool kLeft = (IsLeftPadding<Policies> || ... || false);
    static_assert(!(kLeft && IsPaged<Storage>),
                  "kv_padding_size (LeftPadding) does not support page attention (PagedKv)");
    static_assert(!(kLeft && IsTensorList<Storage>),
                  "kv_padding_size (LeftPadding) needs one contiguous cache, not a list "
                  "of tensors (TensorListKv)");
}

template <class Sink, class Storage>
consteval void assert_output() {
    static_assert(OutputSink<Sink>, "role::OutputSink: missing member store(FinishedRow), shape() or kKeepsLogSumExp");
    if constexpr (requires { typename Sink::wrapped; }) assert_output<typename Sink::wrapped, Storage>();
    if constexpr (requires { typename Sink::element; }) {
        static_assert(!std::is_const_v<typename Sink::element>, "attention_out must be a view of mutable elements");
        static_assert(!std::is_same_v<typename Sink::element, std::int8_t> || Quantises<Sink>,
                      "an int8 output needs quant_scale2: ifa::post_quant(output, {.scale = ...})");
    }
    static_assert(!(QuantisesPerChannel<Sink> && IsPaged<Storage>),
                  "per-channel post-quant and page attention (PagedKv) cannot be enabled together");
}

template <class Query>
consteval void assert_query() {
    static_assert(QuerySource<Query>, "role::QuerySource: missing member read(Row, float*) or shape()");
    if constexpr (requires { typename Query::element; })
        static_assert(FloatElement<typename Query::element>, "query must be float16, bfloat16 or float32");
}

}  // namespace ifa::inline IFA_ISA
