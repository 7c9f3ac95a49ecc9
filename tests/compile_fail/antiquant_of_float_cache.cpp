// expect: when antiquant_scale is present, key and value must be int8
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, ifa::antiquant(cache, ifa::per_channel(&scale[0])), output);
}
