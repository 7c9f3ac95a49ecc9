// expect: int8 key and value need antiquant_scale: ifa::antiquant(kv, ifa::per_channel(scale))
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, int8_cache, output);
}
