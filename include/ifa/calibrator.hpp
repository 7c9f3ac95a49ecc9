// Finds per-channel scales and offsets for an int8 cache from keys and values that are typical of it.
#pragma once

#include <vector>

#include "simd/row.hpp"
#include "view_checks.hpp"

namespace ifa::inline IFA_ISA {

// Watches rows and remembers the range of each channel of each kv head. A channel seen in [low, high] gets the scale
// (high - low) / 255 and an offset that lets int8 span it, in the operator's convention x = (int8 + offset) * scale:
// what lies inside comes back within half a step and the rounding of the scale. Offsets are whole numbers.
class Calibrator {
   public:
    inline Calibrator(Index kv_heads, Index key_dim, Index value_dim)
        : kv_heads_(kv_heads),
          key_dim_(key_dim),
          value_dim_(value_dim),
          low_(static_cast<std::size_t>(kv_heads * (key_dim + value_dim)), 0.f),
          high_(low_) {}

    // How many scales, and offsets, `write` fills: kvN * (Dk + Dv).
    inline Index channels() const { return static_cast<Index>(low_.size()); }

    // key [B, kvN, T, Dk] and value [B, kvN, T, Dv] of float32, float16 or bfloat16. Throws RuntimeError for other
    // shapes.
    template <class Key, class Value>
    inline void observe(const TensorView<Key>& key, const TensorView<Value>& value) {
        Contracts contracts;
        check("key", key, key_dim_, contracts);
        check("value", value, value_dim_, contracts);
        raise(contracts.result());
        observe_rows(key, 0);
        observe_rows(value, kv_heads_ * key_dim_);
    }

    // Fills scale and offset [2, kvN, D], key first, of float32, float16 or bfloat16: what `per_channel` takes.
    // `headroom` widens each range by that share of itself on both sides. Throws RuntimeError for ranges of another
    // size.
    template <class Scale, class Offset>
    inline void write(Scale& scale, Offset& offset, float headroom = 0.f) const {
        Contracts contracts;
        check_array("scale", as_elements(scale), channels(), contracts);
        check_array("offset", as_elements(offset), channels(), contracts);
        raise(contracts.result());
        auto* const scales = const_cast<element_of<Scale>*>(as_elements(scale).data);
        auto* const offsets = const_cast<element_of<Offset>*>(as_elements(offset).data);
        for (std::size_t i = 0; i < low_.size(); ++i) {
            const float margin = (high_[i] - low_[i]) * headroom;
            write_channel(low_[i] - margin, high_[i] + margin, scales + i, offsets + i);
        }
    }

   private:
    template <class T>
    inline void check(const char* name, const TensorView<T>& rows, Index dim, Contracts& contracts) const {
        check_view(name, rows, contracts);
        if (rows.shape.heads != kv_heads_ || rows.shape.head_dim != dim)
            contracts.fail(ErrorKind::kRuntime, "{}: expected {} heads of dimension {}, got {} of {}", name, kv_heads_,
                           dim, rows.shape.heads, rows.shape.head_dim);
    }

    template <class T>
    inline void observe_rows(const TensorView<T>& rows, Index first_channel) {
        std::vector<float> row(static_cast<std::size_t>(rows.shape.head_dim));
        for (Index b = 0; b < rows.shape.batch; ++b)
            for (Index head = 0; head < rows.shape.heads; ++head)
                for (Index t = 0; t < rows.shape.seq; ++t) {
                    simd::convert_row(rows.row(b, head, t), rows.shape.head_dim, row.data());
                    widen(row, static_cast<std::size_t>(first_channel + head * rows.shape.head_dim));
                }
    }

    inline void widen(const std::vector<float>& row, std::size_t channel) {
        for (const float x : row) {
            if (x < low_[channel]) low_[channel] = x;
            if (x > high_[channel]) high_[channel] = x;
            ++channel;
        }
    }

    // The offset is found for the scale as it is stored. A channel that was always 0 gets the scale 1.
    template <class T>
    static inline void write_channel(float low, float high, T* scale, T* offset) {
        const float step = high > low ? (high - low) / 255.f : 1.f;
        simd::store_partial(scale, simd::set(step), 1);
        const float stored = simd::first(simd::load_partial(scale, 1));
        const float whole = stored > 0 ? __builtin_rintf(low / stored) + 128.f : 0.f;
        simd::store_partial(offset, simd::set(whole), 1);
    }

    Index kv_heads_;
    Index key_dim_;
    Index value_dim_;
    std::vector<float> low_;   // [2, kvN, D], at most 0: the range always holds 0, so that 0 is stored exactly
    std::vector<float> high_;  // likewise at least 0
};

}  // namespace ifa::inline IFA_ISA
