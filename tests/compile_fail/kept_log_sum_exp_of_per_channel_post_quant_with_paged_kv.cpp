// A sink around a sink does not hide the forbidden pair.
// expect: per-channel post-quant and page attention (PagedKv) cannot be enabled together
#include "operands.hpp"

void call() {
    const auto quantised = ifa::post_quant(int8_output, {.scale = scale});
    ifa::incre_flash_attention(query, paged_cache, ifa::keep_log_sum_exp(quantised, output));
}
