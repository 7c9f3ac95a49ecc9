// The cache as one pair of tensors per sequence, each with its own length.
#pragma once

#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// keys[b] [1, kvN, S_b, Dk] and values[b] [1, kvN, S_b, Dv]: ranges of views, borrowed for the call. Heads and
// dimensions agree over the batch.
template <class Key, class Value>
struct TensorListKv {
    using role = role::KvStorage;
    using key_type = std::remove_const_t<Key>;
    using value_type = std::remove_const_t<Value>;
    static constexpr bool kTensorList = true;

    Span<const TensorView<Key>> keys = {};
    Span<const TensorView<Value>> values = {};

    IFA_INLINE Index batch() const { return static_cast<Index>(keys.size()); }
    IFA_INLINE Index heads() const { return keys.empty() ? 0 : keys[0].shape.heads; }
    IFA_INLINE Index key_dim() const { return keys.empty() ? 0 : keys[0].shape.head_dim; }
    IFA_INLINE Index value_dim() const { return values.empty() ? 0 : values[0].shape.head_dim; }
    IFA_INLINE Index length(Index sequence) const { return keys[sequence].shape.seq; }
    inline Index columns() const {
        Index longest = 0;
        for (const auto& key : keys) longest = key.shape.seq > longest ? key.shape.seq : longest;
        return longest;
    }

    IFA_INLINE bool token_major() const { return !keys.empty() && keys[0].strides.head < keys[0].strides.seq; }

    IFA_INLINE Key* key_row(Index sequence, Index head, Index column) const {
        return keys[sequence].row(0, head, column);
    }
    IFA_INLINE Value* value_row(Index sequence, Index head, Index column) const {
        return values[sequence].row(0, head, column);
    }

    IFA_INLINE void gather(Index sequence, Index head, Index first_column, int count, const key_type** key_rows,
                           const value_type** value_rows) const {
        keys[sequence].gather_rows(key_row(sequence, head, first_column), count, key_rows);
        values[sequence].gather_rows(value_row(sequence, head, first_column), count, value_rows);
    }

    inline void check(const Geometry&, Contracts& contracts) const {
        if (keys.size() != values.size())
            return contracts.fail(ErrorKind::kRuntime, "value: expected a list of {} tensors as in key, got {}",
                                  batch(), static_cast<Index>(values.size()));
        for (Index i = 0; i < batch(); ++i) {
            char name[32];
            std::snprintf(name, sizeof(name), "key[%lld]", static_cast<long long>(i));
            check_view(name, keys[i], contracts);
            std::snprintf(name, sizeof(name), "value[%lld]", static_cast<long long>(i));
            check_view(name, values[i], contracts);
            check_shape("key", i, keys[i].shape, {1, heads(), length(i), key_dim()}, contracts);
            check_shape("value", i, values[i].shape, {1, heads(), length(i), value_dim()}, contracts);
        }
    }

    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        for (const auto& key : keys) visit("key", key);
        for (const auto& value : values) visit("value", value);
    }

   private:
    static inline void check_shape(const char* name, Index i, const Shape& got, const Shape& expected,
                                   Contracts& contracts) {
        if (got.batch != expected.batch || got.heads != expected.heads || got.seq != expected.seq ||
            got.head_dim != expected.head_dim)
            contracts.fail(ErrorKind::kRuntime, "{}[{}]: expected ({}, {}, {}, {}), got ({}, {}, {}, {})", name, i,
                           expected.batch, expected.heads, expected.seq, expected.head_dim, got.batch, got.heads,
                           got.seq, got.head_dim);
    }
};

namespace detail {
template <class Range>
using listed_element = typename std::remove_cvref_t<decltype(*std::declval<Range&>().data())>::element;
}

template <class Keys, class Values>
TensorListKv(Keys&&, Values&&) -> TensorListKv<detail::listed_element<Keys>, detail::listed_element<Values>>;

}  // namespace ifa::inline IFA_ISA
