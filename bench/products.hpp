// The two products of a case over one tile that stays in the first-level cache: what register blocks reach when memory,
// softmax and everything else cost nothing.
#pragma once

#include <Eigen/Core>
#include <functional>

#include "decode.hpp"
#include "statistics.hpp"

namespace bench {

template <class T>
class HotTile {
    using Products = std::conditional_t<std::is_same_v<T, std::int8_t>, ifa::IntegerProducts, ifa::FloatProducts>;
    using Query = typename Products::query_type;
    using Weight = typename Products::weight_type;

   public:
    HotTile(const Case& c, const std::byte* rows) : heads_(c.group()), dim_(c.heads.head_dim) {
        tile_.tokens = ifa::kTileTokens;
        tile_.visible = ifa::Slots::first(ifa::kTileTokens);
        for (Index i = 0; i < ifa::kTileTokens; ++i) {
            tile_.keys[i] = reinterpret_cast<const T*>(rows) + i * dim_;
            tile_.values[i] = reinterpret_cast<const T*>(rows) + (ifa::kTileTokens + i) * dim_;
        }
        tile_.pack();
    }

    // Seconds of both products, each over the tile once.
    double seconds_once() {
        constexpr int kTimes = 20;
        return seconds([&] {
                   for (int i = 0; i < kTimes; ++i) {
                       ifa::score_tile<Products>({queries_.data(), padded_}, heads_, tile_, dim_, {scores_.data()});
                       ifa::accumulate_tile<Products, false>({{weights_.data()}, ones_.data(), ones_.data()}, heads_,
                                                             tile_, nullptr, dim_, {sums_.data(), padded_});
                   }
               }) /
               kTimes;
    }

   private:
    // Aligned as the kernels' own memory is: a vector that crosses a line is loaded twice.
    template <class Element>
    using Aligned = std::vector<Element, Eigen::aligned_allocator<Element>>;
    template <class Element>
    static Aligned<Element> all(Index count, Element value = {}) {
        return Aligned<Element>(static_cast<std::size_t>(count), value);
    }

    Index heads_, dim_, padded_ = ifa::padded(dim_);
    ifa::Tile<T, T> tile_;
    Aligned<Query> queries_ = all<Query>(heads_ * padded_);
    Aligned<float> scores_ = all<float>(heads_ * ifa::kScoreStride);
    Aligned<Weight> weights_ = all<Weight>(heads_ * ifa::kScoreStride);
    Aligned<float> sums_ = all<float>(heads_ * padded_);
    Aligned<float> ones_ = all(ifa::padded(heads_), 1.f);
};

// A sample of the seconds that all tiles of a case would take on its threads, if each were such a tile.
using ProductsProbe = std::function<double()>;

template <class T>
ProductsProbe products_probe_of(const Case& c, const std::byte* rows) {
    const double tiles = static_cast<double>(c.heads.kv_heads * c.tokens()) / ifa::kTileTokens / c.threads;
    return [tiles, tile = HotTile<T>(c, rows)]() mutable { return tiles * tile.seconds_once(); };
}

inline ProductsProbe products_probe(const Case& c, const std::byte* rows) {
    switch (c.cache) {
        case Element::kFloat32: return products_probe_of<float>(c, rows);
        case Element::kFloat16: return products_probe_of<ifa::float16>(c, rows);
        case Element::kBfloat16: return products_probe_of<ifa::bfloat16>(c, rows);
        default: return products_probe_of<std::int8_t>(c, rows);
    }
}

}  // namespace bench
