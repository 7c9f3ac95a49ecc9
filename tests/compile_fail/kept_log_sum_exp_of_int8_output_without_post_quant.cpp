// A sink around a sink does not hide what it lacks.
// expect: an int8 output needs quant_scale2: ifa::post_quant(output, {.scale = ...})
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, ifa::keep_log_sum_exp(int8_output, output));
}
