// Which policy plays which role: from the arguments of a call to the one type its kernels are instantiated for.
#pragma once

#include "compatibility.hpp"
#include "executor.hpp"
#include "gqa.hpp"
#include "kernel/problem.hpp"
#include "kv/contiguous.hpp"
#include "kv/paged.hpp"
#include "kv/tensor_list.hpp"
#include "precision.hpp"
#include "quant/antiquant.hpp"
#include "quant/post_quant.hpp"
#include "query.hpp"
#include "score/pse_shift.hpp"
#include "sink.hpp"
#include "visibility/attn_mask.hpp"
#include "visibility/padding.hpp"

namespace ifa::inline IFA_ISA {

// What plays a role that no policy of the call claims.
inline constexpr Identity kDefaultCodec{};
inline constexpr GroupedQuery<> kDefaultGroups{};
inline constexpr HighPerformance kDefaultPrecision{};
inline constexpr Inline kDefaultExecutor{};

template <class Storage>
IFA_INLINE constexpr const Storage& storage_of(const Storage& kv) {
    return kv;
}
template <class Storage, class Codec>
IFA_INLINE constexpr const Storage& storage_of(const QuantisedKv<Storage, Codec>& kv) {
    return kv.storage;
}
template <class Storage>
IFA_INLINE constexpr const Identity& codec_of(const Storage&) {
    return kDefaultCodec;
}
template <class Storage, class Codec>
IFA_INLINE constexpr const Codec& codec_of(const QuantisedKv<Storage, Codec>& kv) {
    return kv.codec;
}

template <class Storage>
IFA_INLINE Geometry geometry_of(const Shape& query, const Storage& kv) {
    return {query.batch, query.heads, kv.heads(), kv.key_dim(), kv.value_dim(), query.batch == 0 ? 0 : kv.columns()};
}

// The arguments of a call as one Problem, after every compile-time contract.
template <class Query, class Kv, class Output, class... Policies>
IFA_INLINE auto resolve(const Query& query, const Kv& kv, const Output& output, double scale,
                        const Policies&... policies) {
    using Source = std::remove_cvref_t<decltype(as_query(query))>;
    using Storage = std::remove_cvref_t<decltype(storage_of(kv))>;
    using Codec = std::remove_cvref_t<decltype(codec_of(kv))>;
    using Sink = std::remove_cvref_t<decltype(as_sink(output))>;
    using Pack = PolicyPack<Policies...>;
    assert_query<Source>();
    assert_cache<Storage, Codec>();
    assert_output<Sink, Storage>();
    assert_policies<Policies...>();
    assert_windows<Storage, Policies...>();
    const Pack pack(policies...);
    const auto& groups = pack.template find<role::HeadGroups>(kDefaultGroups);
    const auto& precision = pack.template find<role::Precision>(kDefaultPrecision);
    const auto& executor = pack.template find<role::Executor>(kDefaultExecutor);
    const auto& storage = storage_of(kv);
    return Problem<Source, Storage, Codec, Sink, std::remove_cvref_t<decltype(groups)>,
                   std::remove_cvref_t<decltype(precision)>, std::remove_cvref_t<decltype(executor)>, Pack>{
        as_query(query),
        storage,
        codec_of(kv),
        as_sink(output),
        groups,
        executor,
        pack,
        geometry_of(as_query(query).shape(), storage),
        scale};
}

}  // namespace ifa::inline IFA_ISA
