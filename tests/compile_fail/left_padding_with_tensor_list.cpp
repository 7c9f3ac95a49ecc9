// expect: kv_padding_size (LeftPadding) needs one contiguous cache, not a list of tensors (TensorListKv)
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, list_cache, output, {}, ifa::LeftPadding{});
}
