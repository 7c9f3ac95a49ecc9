// One case as an engine runs it: planned once, then a call per layer, each layer with a cache of its own.
#pragma once

#include <optional>
#include <vector>

#include "cache_memory.hpp"
#include "team.hpp"

namespace bench {

// Where one layer's keys and values begin.
struct Layer {
    const std::byte *key, *value;
};

class Decode {
   public:
    Decode(const Case& c, CacheMemory& memory);

    // One call, on the next layer.
    void run();

    const Case& which() const { return case_; }
    Index layers() const { return layers_; }
    Layer layer(Index i) const;
    // Of one layer: all of its cache, as the probes read it.
    Index layer_bytes() const { return 2 * tensor_bytes(); }

    // Bytes of visible keys, values, mask, bias and table, each counted once.
    double visible_bytes() const;
    double flops() const;
    // The largest ||out - exact|| / ||exact|| of some rows, where exact is float64.
    double relative_error();
    // The same of what another library computed from layer 0.
    double relative_error_of(const std::vector<float>& out) const;
    const std::vector<float>& query() const { return query_; }
    double scale() const;

   private:
    Index tensor_bytes() const;
    ifa::Shape cache_shape() const;
    template <class T>
    void run_on(const Layer& layer);
    template <class T, class Storage>
    void run_with(const Storage& storage);
    template <class Kv, class... Policies>
    void call(const Kv& kv, const Policies&... policies);
    template <class T>
    const T* row(const std::byte* tensor, Index sequence, Index kv_head, Index column) const;
    template <class T>
    double exact_score(const Layer& layer, Index sequence, Index head, Index column) const;
    template <class T>
    std::vector<double> exact_row(const Layer& layer, Index sequence, Index head) const;
    std::vector<double> exact_row(const Layer& layer, Index sequence, Index head) const;
    double bias_at(Index head, Index column) const;
    void make_extras();
    void make_plan();

    Case case_;
    Team team_;
    CacheMemory::Bytes memory_ = {};
    Index layers_ = 1, next_layer_ = 0;
    std::vector<float> query_, out_, antiquant_scale_;
    std::vector<std::int32_t> table_;
    std::vector<std::int32_t> lengths_;
    std::vector<std::uint8_t> mask_;
    std::vector<ifa::float16> bias_;
    std::optional<ifa::Plan> plan_;
    std::vector<std::byte> workspace_;
};

}  // namespace bench
