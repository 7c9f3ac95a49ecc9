// Paged key/value caches of all layers: float16, int8 with a scale and offset per channel, and one that finds those.
#pragma once

#include <ifa/append.hpp>
#include <ifa/calibrator.hpp>
#include <ifa/incre_flash_attention.hpp>

#include <cstdint>
#include <utility>
#include <vector>

#include "sequence.hpp"

namespace generate {

struct CacheShape {
    Index num_layers = 0;
    Index num_blocks = 0;
    Index max_blocks = 0;  // of one sequence
    Index num_kv_heads = 0;
    Index block_size = 0;
    Index head_dim = 0;
};

// The new tokens' keys or values as the model computes them: [R, kvN, 1, D]
using NewRows = ifa::TensorView<const float>;

// For each layer a pool of keys and one of values, [num_blocks, kvN, block_size, D].
template <class Element>
class Pools {
   public:
    explicit Pools(const CacheShape& shape)
        : pool_{.batch = shape.num_blocks,
                .heads = shape.num_kv_heads,
                .seq = shape.block_size,
                .head_dim = shape.head_dim},
          keys_(static_cast<std::size_t>(shape.num_layers), Pool(elements(pool_))),
          values_(keys_) {}

    // One layer's blocks as the rows of this batch see them.
    auto pages(std::size_t layer, const Batch& batch) {
        return ifa::PagedKv{
            ifa::bnsd(keys_[layer], pool_), ifa::bnsd(values_[layer], pool_),
            ifa::block_table(batch.block_table, {.batch = batch.size(), .max_blocks = batch.max_blocks})};
    }

   private:
    using Pool = std::vector<Element>;

    static std::size_t elements(const ifa::Shape& shape) {
        return static_cast<std::size_t>(shape.batch * shape.heads * shape.seq * shape.head_dim);
    }

    ifa::Shape pool_;
    std::vector<Pool> keys_;
    std::vector<Pool> values_;
};

class Float16Cache {
   public:
    explicit Float16Cache(const CacheShape& shape) : pools_(shape) {}

    auto storage(std::size_t layer, const Batch& batch) { return pools_.pages(layer, batch); }
    void append(std::size_t layer, const Batch& batch, const NewRows& keys, const NewRows& values) {
        ifa::append(storage(layer, batch), keys, values, batch.positions);
    }

   private:
    Pools<ifa::float16> pools_;
};

// What x ~ (stored + offset) * scale needs, for keys and values: [2, kvN, D] each.
struct ChannelScales {
    std::vector<float> scale;
    std::vector<float> offset;
};

class Int8Cache {
   public:
    Int8Cache(const CacheShape& shape, std::vector<ChannelScales> scales_of_layers)
        : pools_(shape), scales_(std::move(scales_of_layers)) {}

    auto storage(std::size_t layer, const Batch& batch) {
        return ifa::antiquant(pools_.pages(layer, batch),
                              ifa::per_channel(scales_[layer].scale, scales_[layer].offset));
    }
    void append(std::size_t layer, const Batch& batch, const NewRows& keys, const NewRows& values) {
        ifa::append(storage(layer, batch), keys, values, batch.positions);
    }

   private:
    Pools<std::int8_t> pools_;
    std::vector<ChannelScales> scales_;
};

// A float16 cache that watches what is written to it.
class CalibratingCache {
   public:
    explicit CalibratingCache(const CacheShape& shape)
        : cache_(shape),
          calibrators_(static_cast<std::size_t>(shape.num_layers),
                       ifa::Calibrator{shape.num_kv_heads, shape.head_dim, shape.head_dim}) {}

    auto storage(std::size_t layer, const Batch& batch) { return cache_.storage(layer, batch); }
    void append(std::size_t layer, const Batch& batch, const NewRows& keys, const NewRows& values) {
        calibrators_[layer].observe(keys, values);
        cache_.append(layer, batch, keys, values);
    }
    // `headroom` widens the ranges seen by that share of them on both sides: other texts go a little beyond them.
    std::vector<ChannelScales> scales(float headroom) const {
        std::vector<ChannelScales> scales_of_layers;
        for (const ifa::Calibrator& calibrator : calibrators_) {
            const auto channels = static_cast<std::size_t>(calibrator.channels());
            ChannelScales scales{std::vector<float>(channels), std::vector<float>(channels)};
            calibrator.write(scales.scale, scales.offset, headroom);
            scales_of_layers.push_back(std::move(scales));
        }
        return scales_of_layers;
    }

   private:
    Float16Cache cache_;
    std::vector<ifa::Calibrator> calibrators_;
};

}  // namespace generate
