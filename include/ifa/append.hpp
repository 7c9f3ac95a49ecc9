// Puts new key and value rows into a cache, through the codec it is read with.
#pragma once

#include "kernel/problem.hpp"
#include "lengths.hpp"
#include "resolve.hpp"

namespace ifa::inline IFA_ISA {

namespace detail {

// That T new rows at each position fit the cache. A negative position leaves its sequence alone.
template <class Storage>
inline void check_positions(const Storage& kv, const Lengths& positions, Index batch, Index tokens,
                            Contracts& contracts) {
    if (!positions.given())
        return contracts.fail(ErrorKind::kValue, "positions: expected 1 or {} elements (the batch), got none", batch);
    if (positions.count() != 1 && positions.count() != batch)
        return contracts.fail(ErrorKind::kValue, "positions: expected 1 or {} elements (the batch), got {}", batch,
                              positions.count());
    if (positions.null()) return contracts.fail(ErrorKind::kRuntime, "positions: expected data, got a null pointer");
    for (Index b = 0; b < batch; ++b) {
        if (positions[b] > kv.length(b) - tokens && positions[b] >= 0)
            return contracts.fail(ErrorKind::kRuntime,
                                  "positions[{}]: expected at most {} (the cache's tokens less the new "
                                  "ones), got {}",
                                  b, kv.length(b) - tokens, positions[b]);
        if constexpr (requires { kv.check_window(b, Window{}, contracts); })
            if (positions[b] >= 0) kv.check_window(b, {positions[b], positions[b] + tokens}, contracts);
    }
}

inline void check_new_rows(const char* name, const Shape& got, const Shape& expected, Contracts& contracts) {
    if (got.batch != expected.batch || got.heads != expected.heads || got.seq != expected.seq ||
        got.head_dim != expected.head_dim)
        contracts.fail(ErrorKind::kRuntime, "{}: expected ({}, {}, {}, {}), got ({}, {}, {}, {})", name, expected.batch,
                       expected.heads, expected.seq, expected.head_dim, got.batch, got.heads, got.seq, got.head_dim);
}

template <class Storage, class Codec, class NewKey, class NewValue>
inline CheckResult check_append(const Storage& kv, const Codec& codec, const TensorView<NewKey>& key,
                                const TensorView<NewValue>& value, const Lengths& positions, const Geometry& geometry) {
    Contracts contracts;
    const Index tokens = key.shape.seq;
    check_view("new_key", key, contracts);
    check_view("new_value", value, contracts);
    check_new_rows("new_key", key.shape, {geometry.batch, geometry.kv_heads, tokens, geometry.key_dim}, contracts);
    check_new_rows("new_value", value.shape, {geometry.batch, geometry.kv_heads, tokens, geometry.value_dim},
                   contracts);
    kv.check(geometry, contracts);
    if constexpr (requires { codec.check(geometry, contracts); }) codec.check(geometry, contracts);
    if (!contracts.failed()) check_positions(kv, positions, geometry.batch, tokens, contracts);
    return contracts.result();
}

}  // namespace detail

// Writes row t of sequence b to column positions[b] + t of the cache: cast to its element type, or quantised by its
// codec to saturate(round(x / scale - offset)).
//
//   kv         a storage made from mutable views, or `antiquant` of one
//   key        new rows [B, kvN, T, Dk] of float32, float16 or bfloat16; value likewise [B, kvN, T, Dv]
//   positions  one column for all sequences or one each; a negative one leaves its sequence as it is
//
// Throws ValueError or RuntimeError before anything is written. Sequences may share blocks as long as no
// two of them write the same column of one.
template <class Kv, class NewKey, class NewValue>
inline void append(const Kv& kv, const TensorView<NewKey>& key, const TensorView<NewValue>& value,
                   const Lengths& positions) {
    const auto& storage = storage_of(kv);
    const auto& codec = codec_of(kv);
    using Storage = std::remove_cvref_t<decltype(storage)>;
    static_assert(FloatElement<NewKey> && FloatElement<NewValue>, "new rows are float32, float16 or bfloat16");
    static_assert(!std::is_const_v<std::remove_pointer_t<decltype(storage.key_row(0, 0, 0))>>,
                  "append needs a cache made from mutable views");
    assert_cache<Storage, std::remove_cvref_t<decltype(codec)>>();
    const Geometry geometry{storage.batch(),   storage.heads(),     storage.heads(),
                            storage.key_dim(), storage.value_dim(), 0};
    raise(detail::check_append(storage, codec, key, value, positions, geometry));
    const simd::DefaultFloatEnvironment environment;
    for (Index b = 0; b < geometry.batch; ++b)
        for (Index head = 0; positions[b] >= 0 && head < geometry.kv_heads; ++head)
            for (Index t = 0; t < key.shape.seq; ++t) {
                const Index column = positions[b] + t;
                codec.encode_key(geometry, head, key.row(b, head, t), storage.key_row(b, head, column));
                codec.encode_value(geometry, head, value.row(b, head, t), storage.value_row(b, head, column));
            }
}

}  // namespace ifa::inline IFA_ISA
