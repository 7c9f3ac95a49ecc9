// One decode step of the document's types through the typed door and through the run-time door.
#pragma once

#include <optional>
#include <vector>

#include "cache_memory.hpp"

namespace bench {

// float16 query and output over a cache of float16 or int8, planned, each door with a ring of layers of its own.
class Doors {
   public:
    Doors(const Case& c, CacheMemory& memory);

    void run_typed();
    void run_dynamic();

   private:
    struct Layer {
        std::byte *key, *value;
    };
    Layer next(Index& turn);
    ifa::Shape cache_shape() const;
    template <class T>
    void run_typed_on(const Layer& layer);
    template <class Kv>
    void call_typed(const Kv& kv);
    ifa::Arguments arguments(const Layer& layer);

    Case case_;
    CacheMemory::Bytes memory_ = {};
    Index tensor_bytes_ = 0, layers_ = 1, typed_turn_ = 0, dynamic_turn_ = 0;
    std::vector<ifa::float16> query_, out_, antiquant_scale_;
    std::vector<std::int32_t> table_;
    std::optional<ifa::Plan> plan_;
    std::vector<std::byte> workspace_;
};

}  // namespace bench
