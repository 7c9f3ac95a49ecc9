// The cache in one tensor for key and one for value: [B, kvN, S, D] in any layout.
#pragma once

#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// key [B, kvN, S, Dk] and value [B, kvN, S, Dv]; value may lie inside key. Made from mutable views it also takes
// `append`.
template <class Key, class Value>
struct ContiguousKv {
    using role = role::KvStorage;
    using key_type = std::remove_const_t<Key>;
    using value_type = std::remove_const_t<Value>;

    TensorView<Key> key = {};
    TensorView<Value> value = {};

    IFA_INLINE Index batch() const { return key.shape.batch; }
    IFA_INLINE Index heads() const { return key.shape.heads; }
    IFA_INLINE Index key_dim() const { return key.shape.head_dim; }
    IFA_INLINE Index value_dim() const { return value.shape.head_dim; }
    IFA_INLINE Index columns() const { return key.shape.seq; }
    IFA_INLINE Index length(Index) const { return key.shape.seq; }

    IFA_INLINE bool token_major() const { return key.strides.head < key.strides.seq; }

    IFA_INLINE Key* key_row(Index sequence, Index head, Index column) const { return key.row(sequence, head, column); }
    IFA_INLINE Value* value_row(Index sequence, Index head, Index column) const {
        return value.row(sequence, head, column);
    }

    IFA_INLINE void gather(Index sequence, Index head, Index first_column, int count, const key_type** keys,
                           const value_type** values) const {
        key.gather_rows(key_row(sequence, head, first_column), count, keys);
        value.gather_rows(value_row(sequence, head, first_column), count, values);
    }

    inline void check(const Geometry&, Contracts& contracts) const {
        check_view("key", key, contracts);
        check_view("value", value, contracts);
        const Shape &k = key.shape, &v = value.shape;
        if (k.batch != v.batch || k.heads != v.heads || k.seq != v.seq)
            contracts.fail(ErrorKind::kRuntime, "value: expected ({}, {}, {}, D) as in key, got ({}, {}, {}, {})",
                           k.batch, k.heads, k.seq, v.batch, v.heads, v.seq, v.head_dim);
    }

    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("key", key);
        visit("value", value);
    }
};

template <class Key, class Value>
ContiguousKv(TensorView<Key>, TensorView<Value>) -> ContiguousKv<Key, Value>;

}  // namespace ifa::inline IFA_ISA
