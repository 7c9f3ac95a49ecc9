// expect: per-channel post-quant and page attention (PagedKv) cannot be enabled together
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, paged_cache, ifa::post_quant(int8_output, {.scale = scale}));
}
