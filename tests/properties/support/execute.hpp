// Passes a call through the door of the library, as the types and policies of a combination.
#pragma once

#include <stdexcept>
#include <tuple>

#include "call.hpp"
#include "ifa/incre_flash_attention.hpp"

namespace properties {

// The views of one tensor, or of one per sequence.
template <class T>
struct CacheViews {
    explicit CacheViews(const Call& call) {
        for (const Tensor& key : call.keys) keys.push_back(key.view<const T>());
        for (const Tensor& value : call.values) values.push_back(value.view<const T>());
    }
    std::vector<ifa::TensorView<const T>> keys, values;
};

template <Combination C, class T>
auto storage_of(const Call& call, const CacheViews<T>& views) {
    if constexpr (C.storage == Storage::kContiguous) return ifa::ContiguousKv{views.keys.at(0), views.values.at(0)};
    else if constexpr (C.storage == Storage::kList) return ifa::TensorListKv{views.keys, views.values};
    else
        return ifa::PagedKv{views.keys.at(0), views.values.at(0), ifa::block_table(call.block_table, call.table_shape)};
}

template <Combination C, class Kv>
auto with_codec(const Call& call, const Kv& kv) {
    if constexpr (C.codec == Codec::kIdentity) {
        return kv;
    } else {
        const auto scale = call.antiquant_scale.span<element<C.scale>>();
        const auto offset = call.antiquant_offset.span<element<C.scale>>();
        if constexpr (C.codec == Codec::kPerChannel)
            return ifa::antiquant(
                kv, call.has_antiquant_offset ? ifa::per_channel(scale, offset) : ifa::per_channel(scale));
        else
            return ifa::antiquant(kv,
                                  call.has_antiquant_offset ? ifa::per_tensor(scale, offset) : ifa::per_tensor(scale));
    }
}

template <Combination C>
auto quantised_or_cast(const Call& call) {
    if constexpr (C.quant == Quant::kPlain) {
        return call.output.view<element<C.output>>();
    } else if constexpr (C.quant == Quant::kPerTensor) {
        return ifa::post_quant(call.output.view<std::int8_t>(),
                               {.scale = call.quant_scale.at(0), .offset = call.quant_offset.at(0)});
    } else {
        ifa::QuantPerChannel quant{.scale = call.quant_scale};
        if (!call.quant_offset.empty()) quant.offset = call.quant_offset;
        return ifa::post_quant(call.output.view<std::int8_t>(), quant);
    }
}

template <Combination C>
auto sink_of(const Call& call) {
    if constexpr (C.log_sum_exp == LogSumExp::kDropped) return quantised_or_cast<C>(call);
    else return ifa::keep_log_sum_exp(quantised_or_cast<C>(call), call.log_sum_exp.view<float>());
}

template <Combination C>
auto padding_of(const Call& call) {
    if constexpr (C.padding == Padding::kNone) return ifa::NoPadding{};
    else if constexpr (C.padding == Padding::kRight) return ifa::RightPadding{.lengths = call.lengths()};
    else return ifa::LeftPadding{.lengths = call.lengths(), .padding = call.kv_padding};
}

inline ifa::AttnMask mask_of(const Call& call) {
    const auto* const bytes = call.mask.row(0, 0, 0);
    const ifa::Shape shape{.batch = call.mask.shape.batch, .seq = call.mask.shape.seq};
    switch (call.mask_byte) {
        case MaskByte::kBool: return {ifa::mask(reinterpret_cast<const bool*>(bytes), shape)};
        case MaskByte::kInt8: return {ifa::mask(reinterpret_cast<const std::int8_t*>(bytes), shape)};
        default: return {ifa::mask(reinterpret_cast<const std::uint8_t*>(bytes), shape)};
    }
}

// Everything but the padding, in the order of the call.
template <Combination C>
auto other_policies(const Call& call) {
    const auto mask = [&] {
        if constexpr (C.masking == Masking::kMasked) return std::tuple(mask_of(call));
        else return std::tuple();
    };
    const auto bias = [&] {
        if constexpr (C.bias == ElementType::kNone) return std::tuple();
        else return std::tuple(ifa::PseShift{ifa::bias(call.bias.view<const element<C.bias>>().data, call.bias.shape)});
    };
    const auto term = [cap = call.soft_cap](const ifa::ScoreTile& tile) {
        for (float& score : tile.scores) score = cap * std::tanh(score / cap);
    };
    const auto terms = [&] {
        if constexpr (C.cap == Cap::kNone) return std::tuple();
        else return std::tuple(term);
    };
    using InnerPrecise =
        std::conditional_t<C.precision == Precision::kHighPrecision, ifa::HighPrecision, ifa::HighPerformance>;
    return std::tuple_cat(mask(), bias(), terms(), std::tuple(InnerPrecise{}));
}

// Memory at a chosen distance from a boundary of 64 bytes, between guard zones, all of whose floats are NaN.
class GuardedBytes {
   public:
    GuardedBytes(std::size_t size, std::size_t misalignment) : bytes_(size + 3 * kZone, kGuard), size_(size) {
        const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data() + kZone);
        first_ = kZone + (kZone - address % kZone) % kZone + misalignment;
    }
    ifa::Span<std::byte> span() { return {bytes_.data() + first_, static_cast<Index>(size_)}; }
    bool guards_intact() const {
        const auto is_guard = [](std::byte b) { return b == kGuard; };
        const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(first_);
        return std::all_of(bytes_.begin(), first, is_guard) &&
               std::all_of(first + static_cast<std::ptrdiff_t>(size_), bytes_.end(), is_guard);
    }

   private:
    static constexpr std::size_t kZone = 64;
    static constexpr std::byte kGuard{0xff};

    std::vector<std::byte> bytes_;
    std::size_t size_;
    std::size_t first_;
};

// Computes the call. Throws what the library throws, and logic_error when bytes outside a lent workspace were written.
template <Combination C>
void execute(const Call& call) {
    const CacheViews<element<C.cache>> views(call);
    const auto kv = with_codec<C>(call, storage_of<C>(call, views));
    const auto padding = padding_of<C>(call);
    ifa::Options options{
        .scale = call.scale, .chunk_tokens = call.chunk_tokens, .wholly_hidden_rows = call.wholly_hidden_rows};
    const ifa::Plan plan = ifa::plan(call.query.shape, kv, options, padding, *call.executor);
    GuardedBytes workspace(plan.workspace_bytes(), call.workspace == WorkspaceKind::kOdd ? 1 : 0);
    if (call.workspace != WorkspaceKind::kOwn) options.workspace = workspace.span();
    const auto attend = [&](const auto&... policies) {
        ifa::incre_flash_attention(call.query.view<const element<C.query>>(), kv, sink_of<C>(call), options,
                                   policies..., *call.executor);
    };
    if constexpr (C.planning == Planning::kPlanned) {
        options.plan = &plan;
        std::apply(attend, other_policies<C>(call));
    } else {
        std::apply(attend, std::tuple_cat(std::tuple(padding), other_policies<C>(call)));
    }
    if (!workspace.guards_intact()) throw std::logic_error("bytes around the workspace were written");
}

}  // namespace properties
