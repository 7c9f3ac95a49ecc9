// One decode step of the document's types through the typed door and through the run-time door.
#pragma once

#include <optional>
#include <vector>

#include "cache_memory.hpp"

namespace bench {

// float16 query and output over a cache of float16 or int8, planned, each door with a ring of layers of its own. The
// arguments of the run-time door are laid out once, as the plan is: an engine has them for each of its layers.
class Doors {
   public:
    Doors(const Case& c, CacheMemory& memory);

    void run_typed();
    void run_dynamic();

   private:
    struct Layer {
        std::byte *key, *value;
    };
    Layer layer(Index turn) const;
    Index next(Index& turn) const;
    ifa::Shape cache_shape() const;
    template <class T>
    void run_typed_on(const Layer& of);
    template <class Kv>
    void call_typed(const Kv& kv);
    ifa::Arguments arguments(const Layer& of);

    Case case_;
    CacheMemory::Bytes memory_ = {};
    Index tensor_bytes_ = 0, layers_ = 1, typed_turn_ = 0, dynamic_turn_ = 0;
    std::vector<ifa::float16> query_, out_, antiquant_scale_;
    std::vector<std::int32_t> table_;
    std::optional<ifa::Plan> plan_;
    std::vector<ifa::Arguments> steps_;  // one for each layer
    std::vector<std::byte> workspace_;
};

}  // namespace bench
