// expect: key and value must both be int8, or neither
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, ifa::ContiguousKv{int8_cache.key, cache.value}, output);
}
