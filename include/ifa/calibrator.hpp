// Finds per-channel scales and offsets for an int8 cache from keys and values that are typical of it.
#pragma once

#include "simd/row.hpp"
#include "view_checks.hpp"

namespace ifa::inline IFA_ISA {

// Watches rows and remembers the range of each channel of each kv head. A channel seen in [low, high] gets the scale
// (high - low) / 255 and an offset that lets int8 span it, in the operator's convention x = (int8 + offset) * scale:
// what lies inside comes back within half a step and the rounding of the scale. Offsets are whole numbers.
// Observe the first tokens of a sequence too: language models keep their outliers there.
class Calibrator {
   public:
    inline Calibrator(Index kv_heads, Index key_dim, Index value_dim)
        : kv_heads_(kv_heads),
          key_dim_(key_dim),
          value_dim_(value_dim),
          ranges_(new Range[static_cast<std::size_t>(channels())]) {}
    inline Calibrator(const Calibrator& other) : Calibrator(other.kv_heads_, other.key_dim_, other.value_dim_) {
        for (Index i = 0; i < channels(); ++i) ranges_[i] = other.ranges_[i];
    }
    Calibrator& operator=(const Calibrator&) = delete;
    inline ~Calibrator() { delete[] ranges_; }

    // How many scales, and offsets, `write` fills: kvN * (Dk + Dv).
    inline Index channels() const { return kv_heads_ * (key_dim_ + value_dim_); }

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
        for (Index i = 0; i < channels(); ++i) {
            const Range& range = ranges_[i];
            const float margin = (range.high - range.low) * headroom;
            write_channel(range.low - margin, range.high + margin, scales + i, offsets + i);
        }
    }

   private:
    // What was seen of one channel. It always holds 0, so that 0 is stored exactly.
    struct Range {
        inline void widen(float x) {
            if (x < low) low = x;
            if (x > high) high = x;
        }

        float low = 0;
        float high = 0;
    };

    template <class T>
    inline void check(const char* name, const TensorView<T>& rows, Index dim, Contracts& contracts) const {
        check_view(name, rows, contracts);
        if (rows.shape.heads != kv_heads_ || rows.shape.head_dim != dim)
            contracts.fail(ErrorKind::kRuntime, "{}: expected {} heads of dimension {}, got {} of {}", name, kv_heads_,
                           dim, rows.shape.heads, rows.shape.head_dim);
    }

    template <class T>
    inline void observe_rows(const TensorView<T>& rows, Index first_channel) {
        const Index dim = rows.shape.head_dim;
        for (Index b = 0; b < rows.shape.batch; ++b)
            for (Index head = 0; head < rows.shape.heads; ++head)
                for (Index t = 0; t < rows.shape.seq; ++t)
                    observe_row(rows.row(b, head, t), dim, ranges_ + first_channel + head * dim);
    }

    template <class T>
    static inline void observe_row(const T* row, Index dim, Range* ranges) {
        simd::for_each_vector(dim, [&](Index i, Index count) {
            float lanes[simd::kLanes];
            simd::store(lanes, simd::load_some(row, i, count));
            for (Index j = 0; j < count; ++j) ranges[i + j].widen(lanes[j]);
        });
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
    Range* ranges_;  // [2, kvN, D], owned
};

}  // namespace ifa::inline IFA_ISA
