// How the elements of a cache stand for numbers: as they are, or int8 with x = (int8 + offset) * scale.
#pragma once

#include "../simd/row.hpp"
#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// float32, float16 or bfloat16 elements are the numbers.
struct Identity {
    using role = role::KvCodec;
    static constexpr bool kQuantised = false;

    template <class From, class To>
    IFA_INLINE void encode_key(const Geometry& geometry, Index, const From* from, To* to) const {
        simd::convert_row(from, geometry.key_dim, to);
    }
    template <class From, class To>
    IFA_INLINE void encode_value(const Geometry& geometry, Index, const From* from, To* to) const {
        simd::convert_row(from, geometry.value_dim, to);
    }
};

// Scale and offset per channel, key's [kvN, Dk] then value's [kvN, Dv] (the document's (2, kvN, D)); or per tensor,
// key's then value's (2,). Keys are never dequantised: q.((k + o) s) = (q s).k + constant, folded in float64. Values
// are unfolded once per row: s_d (acc_d / sum + o_d).
template <class T, bool PerChannel>
struct Antiquant {
    using role = role::KvCodec;
    static constexpr bool kQuantised = true;

    ArrayView<T> scale = {};
    ArrayView<T> offset = {};

    IFA_INLINE void fold_query(const Geometry& geometry, Index head, double query_scale, const float* query,
                               double* folded) const {
        simd::for_each_vector(geometry.key_dim, [&](Index i, Index count) {
            float factors[simd::kLanes];
            simd::store(factors, key_parameter(scale, geometry, head, i, count));
            for (Index j = 0; j < count; ++j)
                folded[i + j] = query_scale * static_cast<double>(query[i + j]) * static_cast<double>(factors[j]);
        });
    }

    // folded . offset, the part of a score that folding leaves out.
    IFA_INLINE double key_constant(const Geometry& geometry, Index head, const double* folded) const {
        double constant = 0;
        if (!offset.given) return constant;
        simd::for_each_vector(geometry.key_dim, [&](Index i, Index count) {
            float offsets[simd::kLanes];
            simd::store(offsets, key_parameter(offset, geometry, head, i, count));
            for (Index j = 0; j < count; ++j)
                constant = simd::fma(folded[i + j], static_cast<double>(offsets[j]), constant);
        });
        return constant;
    }

    IFA_INLINE void value_shift(const Geometry& geometry, Index head, float* shift) const {
        simd::for_each_vector(geometry.value_dim, [&](Index i, Index count) {
            float whole[simd::kLanes] = {};
            if (offset.given) simd::store(whole, value_parameter(offset, geometry, head, i, count));
            for (Index j = 0; j < count; ++j) shift[i + j] = __builtin_rintf(whole[j]);
        });
    }

    IFA_INLINE void unfold_output(const Geometry& geometry, Index head, const float* shift, float* values) const {
        simd::transform_row(values, geometry.value_dim, [&](simd::Float x, Index i, Index count) {
            if (offset.given) {
                simd::Float remainder = value_parameter(offset, geometry, head, i, count);
                if (shift) remainder = simd::sub(remainder, simd::load_some(shift, i, count));
                x = simd::add(x, remainder);
            }
            return simd::mul(x, value_parameter(scale, geometry, head, i, count));
        });
    }

    // saturate(round(x / scale - offset)), what ifa::append stores.
    template <class From>
    IFA_INLINE void encode_key(const Geometry& geometry, Index head, const From* from, std::int8_t* to) const {
        encode(geometry.key_dim, from, to, [&](const ArrayView<T>& array, Index i, Index count) {
            return key_parameter(array, geometry, head, i, count);
        });
    }
    template <class From>
    IFA_INLINE void encode_value(const Geometry& geometry, Index head, const From* from, std::int8_t* to) const {
        encode(geometry.value_dim, from, to, [&](const ArrayView<T>& array, Index i, Index count) {
            return value_parameter(array, geometry, head, i, count);
        });
    }

    static IFA_INLINE Index parameters(const Geometry& geometry) {
        return PerChannel ? geometry.kv_heads * (geometry.key_dim + geometry.value_dim) : 2;
    }
    inline void check(const Geometry& geometry, Contracts& contracts) const {
        const Index expected = parameters(geometry);
        if (!scale.given)
            contracts.fail(ErrorKind::kRuntime, "antiquant_scale: expected {} elements, got none", expected);
        check_array("antiquant_scale", scale, expected, contracts);
        check_array("antiquant_offset", offset, expected, contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry& geometry, const Visit& visit) const {
        visit("antiquant_scale", as_view(scale.data, parameters(geometry)));
        visit("antiquant_offset", as_view(offset.data, parameters(geometry)));
    }

   private:
    template <class From, class Parameter>
    IFA_INLINE void encode(Index dim, const From* from, std::int8_t* to, const Parameter& parameter) const {
        simd::for_each_vector(dim, [&](Index i, Index count) {
            simd::Float x = simd::div(simd::load_some(from, i, count), parameter(scale, i, count));
            if (offset.given) x = simd::sub(x, parameter(offset, i, count));
            simd::store_some(to, i, count, x);
        });
    }

    IFA_INLINE simd::Float key_parameter(const ArrayView<T>& array, const Geometry& geometry, Index head, Index i,
                                         Index count) const {
        if constexpr (PerChannel) return simd::load_some(array.data + head * geometry.key_dim, i, count);
        else return simd::set(simd::first(simd::load_partial(array.data, 1)));
    }
    IFA_INLINE simd::Float value_parameter(const ArrayView<T>& array, const Geometry& geometry, Index head, Index i,
                                           Index count) const {
        const T* const values = array.data + geometry.kv_heads * geometry.key_dim + head * geometry.value_dim;
        if constexpr (PerChannel) return simd::load_some(values, i, count);
        else return simd::set(simd::first(simd::load_partial(array.data + 1, 1)));
    }
};

template <class T>
using PerChannel = Antiquant<T, true>;
template <class T>
using PerTensor = Antiquant<T, false>;

// An int8 storage together with what its elements mean.
template <class Storage, class Codec>
struct QuantisedKv {
    using storage_type = Storage;
    using codec_type = Codec;

    Storage storage = {};
    Codec codec = {};
};

template <class Storage, class Codec>
IFA_INLINE QuantisedKv<Storage, Codec> antiquant(const Storage& storage, const Codec& codec) {
    return {storage, codec};
}

// Scale, and optionally offset, per channel: [2, kvN, D] of float32, float16 or bfloat16, key first.
template <LastingSource Scale>
IFA_INLINE auto per_channel(Scale&& scale) {
    return PerChannel<const element_of<Scale>>{as_elements(scale), {}};
}
template <LastingSource Scale, LastingSource Offset>
IFA_INLINE auto per_channel(Scale&& scale, Offset&& offset) {
    return PerChannel<const element_of<Scale>>{as_elements(scale), as_elements(offset)};
}

// Scale, and optionally offset, per tensor: [2], key's first.
template <LastingSource Scale>
IFA_INLINE auto per_tensor(Scale&& scale) {
    return PerTensor<const element_of<Scale>>{as_elements(scale), {}};
}
template <LastingSource Scale, LastingSource Offset>
IFA_INLINE auto per_tensor(Scale&& scale, Offset&& offset) {
    return PerTensor<const element_of<Scale>>{as_elements(scale), as_elements(offset)};
}

}  // namespace ifa::inline IFA_ISA
