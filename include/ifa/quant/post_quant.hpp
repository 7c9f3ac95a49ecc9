// A sink that quantises finished rows to int8: saturate(round_half_even(o * scale + offset)), in float32.
#pragma once

#include "../simd/row.hpp"
#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// One scale and offset: the document's quant_scale2 and quant_offset2 of shape (1,).
struct QuantPerTensor {
    static constexpr bool kPerChannel = false;

    float scale = 1;
    float offset = 0;

    IFA_INLINE simd::Float scale_at(Index, Index, Index) const { return simd::set(scale); }
    IFA_INLINE simd::Float offset_at(Index, Index, Index) const { return simd::set(offset); }
    IFA_INLINE void check(Index, Contracts&) const {}
    template <class Visit>
    IFA_INLINE void each_region(const Geometry&, const Visit&) const {}
};

// One scale, and optionally one offset, per query head and channel: [N, D] of float32.
struct QuantPerChannel {
    static constexpr bool kPerChannel = true;

    ArrayView<const float> scale = {};
    ArrayView<const float> offset = {};

    IFA_INLINE simd::Float scale_at(Index row, Index i, Index count) const {
        return simd::load_some(scale.data + row, i, count);
    }
    IFA_INLINE simd::Float offset_at(Index row, Index i, Index count) const {
        return offset.given ? simd::load_some(offset.data + row, i, count) : simd::set(0.f);
    }
    inline void check(Index channels, Contracts& contracts) const {
        if (!scale.given) contracts.fail(ErrorKind::kRuntime, "quant_scale2: expected {} elements, got none", channels);
        check_array("quant_scale2", scale, channels, contracts);
        check_array("quant_offset2", offset, channels, contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry& geometry, const Visit& visit) const {
        visit("quant_scale2", as_view(scale.data, geometry.heads * geometry.value_dim));
        visit("quant_offset2", as_view(offset.data, geometry.heads * geometry.value_dim));
    }
};

template <class Quant>
struct PostQuant {
    using role = role::OutputSink;
    using element = std::int8_t;
    static constexpr bool kKeepsLogSumExp = false;
    static constexpr bool kQuantises = true;
    static constexpr bool kPerChannel = Quant::kPerChannel;

    TensorView<std::int8_t> output = {};
    Quant quant = {};

    IFA_INLINE Shape shape() const { return output.shape; }

    IFA_INLINE void store(const FinishedRow& row) const {
        std::int8_t* const to = output.row(row.row.sequence, row.row.head, row.row.query);
        const Index first = row.row.head * output.shape.head_dim;
        simd::for_each_vector(output.shape.head_dim, [&](Index i, Index count) {
            const simd::Float value = simd::load_some(row.values.data(), i, count);
            simd::store_some(to, i, count,
                             simd::fma(value, quant.scale_at(first, i, count), quant.offset_at(first, i, count)));
        });
    }

    inline void check(const Geometry& geometry, Contracts& contracts) const {
        check_output("attention_out", output, contracts);
        quant.check(geometry.heads * geometry.value_dim, contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry& geometry, const Visit& visit) const {
        quant.each_region(geometry, visit);
    }
    template <class Visit>
    inline void each_output(const Visit& visit) const {
        visit("attention_out", output);
    }
};

// An int8 output [B, N, 1, D] quantised with one scale and offset, or with one each per query head and channel.
IFA_INLINE PostQuant<QuantPerTensor> post_quant(const TensorView<std::int8_t>& output, const QuantPerTensor& quant) {
    return {output, quant};
}
IFA_INLINE PostQuant<QuantPerChannel> post_quant(const TensorView<std::int8_t>& output, const QuantPerChannel& quant) {
    return {output, quant};
}

}  // namespace ifa::inline IFA_ISA
