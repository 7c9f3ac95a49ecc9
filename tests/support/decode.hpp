// One decode step with random operands: what the library is given, and the reference problem that says what is right.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "accuracy.hpp"
#include "random.hpp"
#include "reference.hpp"
#include "tensor.hpp"

namespace support {

struct Sizes {
    Index batch = 1;
    Index heads = 1;
    Index kv_heads = 1;
    Index seq = 1;
    Index key_dim = 16;
    Index value_dim = 0;  // 0: as key_dim

    Index output_dim() const { return value_dim > 0 ? value_dim : key_dim; }
    Shape query() const { return {.batch = batch, .heads = heads, .head_dim = key_dim}; }
    Shape key() const { return {.batch = batch, .heads = kv_heads, .seq = seq, .head_dim = key_dim}; }
    Shape value() const { return {.batch = batch, .heads = kv_heads, .seq = seq, .head_dim = output_dim()}; }
    Shape output() const { return {.batch = batch, .heads = heads, .head_dim = output_dim()}; }
    // Antiquant scales, or offsets, of one each per channel: [2, kvN, D].
    std::size_t channels() const { return size(kv_heads * (key_dim + output_dim())); }
};

// Dense operands [B, heads, S, D], such that scores are about normal: the accuracy contract's standard data. An int8
// cache is that once `Scales` say what it stands for.
template <class Query, class Cache = Query>
struct Decode {
    explicit Decode(const Sizes& all, std::uint64_t seed = 1, const Bell& values = {}) : sizes(all) {
        Random random(seed);
        query = random.vector<Query>(elements(sizes.query()));
        key = random.vector<Cache>(elements(sizes.key()));
        value = random.vector<Cache>(elements(sizes.value()), values);
        scale = 1 / std::sqrt(static_cast<double>(sizes.key_dim));
    }

    // Every column visible; tests change what their case changes.
    reference::Problem problem() const {
        reference::Problem p;
        p.batch = size(sizes.batch), p.heads = size(sizes.heads), p.kv_heads = size(sizes.kv_heads);
        p.columns = size(sizes.seq), p.key_dim = size(sizes.key_dim), p.value_dim = size(sizes.output_dim());
        p.query = as_doubles(query), p.key = as_doubles(key), p.value = as_doubles(value);
        p.begin.assign(p.batch, 0), p.end.assign(p.batch, sizes.seq);
        p.scale = scale;
        return p;
    }
    // Sees the tokens [0, lengths[b]).
    template <class Lengths>
    reference::Problem problem(const Lengths& lengths) const {
        reference::Problem p = problem();
        p.end.assign(lengths.begin(), lengths.end());
        return p;
    }

    Sizes sizes;
    double scale = 1;
    std::vector<Query> query;
    std::vector<Cache> key, value;
};

// The operands as tensors of one layout, and a poisoned output beside them.
template <class Query, class Cache, class Out>
struct Operands {
    explicit Operands(const Decode<Query, Cache>& decode, Layout layout = Layout::kBsh)
        : query(decode.query, decode.sizes.query(), layout),
          key(decode.key, decode.sizes.key(), layout),
          value(decode.value, decode.sizes.value(), layout),
          out(decode.sizes.output(), layout) {}

    Tensor<Query> query;
    Tensor<Cache> key, value;
    Tensor<Out> out;
};

template <class Out, class Query, class Cache>
Operands<Query, Cache, Out> operands(const Decode<Query, Cache>& decode, Layout layout = Layout::kBsh) {
    return Operands<Query, Cache, Out>(decode, layout);
}

// What the stored int8 stand for: (x + offset) * scale, one of each per channel [2, kvN, D] or per tensor [2].
inline void dequantise(reference::Problem& p, const std::vector<double>& scale, const std::vector<double>& offset) {
    const std::size_t keys = p.kv_heads * p.key_dim;
    const bool per_channel = scale.size() > 2;
    const auto apply = [&](std::vector<double>& elements, std::size_t dim, std::size_t channel_0, std::size_t tensor) {
        for (std::size_t i = 0; i < elements.size(); ++i) {
            const std::size_t head = i / (dim * p.columns) % p.kv_heads;
            const std::size_t at = per_channel ? channel_0 + head * dim + i % dim : tensor;
            elements[i] = (elements[i] + (offset.empty() ? 0 : offset[at])) * scale[at];
        }
    };
    apply(p.key, p.key_dim, 0, 0);
    apply(p.value, p.value_dim, keys, 1);
}

// Antiquant parameters of a typical cache, of any floating-point type: scales around 2^-7, up to 4 of them 20 times
// larger, and offsets within +-`largest_offset`.
template <class T>
struct Scales {
    Scales(std::size_t count, std::uint64_t seed, int largest_offset = 16) {
        Random random(seed);
        for (std::size_t i = 0; i < count; ++i) {
            const float step = static_cast<float>(random.integer(128, 256)) * 0x1p-14f;
            scale.push_back(static_cast<T>(i % 61 == 7 && i < 4 * 61 ? step * 20.f : step));
            offset.push_back(
                static_cast<T>(static_cast<float>(random.integer(-64 * largest_offset, 64 * largest_offset)) / 64));
        }
    }

    std::vector<T> scale, offset;
};

template <class T>
void dequantise(reference::Problem& p, const Scales<T>& scales, bool with_offset = true) {
    dequantise(p, as_doubles(scales.scale), with_offset ? as_doubles(scales.offset) : std::vector<double>{});
}

}  // namespace support
