// expect: an int8 output needs quant_scale2: ifa::post_quant(output, {.scale = ...})
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, int8_output);
}
