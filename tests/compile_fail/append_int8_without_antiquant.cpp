// expect: int8 key and value need antiquant_scale: ifa::antiquant(kv, ifa::per_channel(scale))
#include "operands.hpp"

extern const ifa::ContiguousKv<std::int8_t, std::int8_t> mutable_int8_cache;

void call() {
    ifa::append(mutable_int8_cache, new_rows, new_rows, 0);
}
