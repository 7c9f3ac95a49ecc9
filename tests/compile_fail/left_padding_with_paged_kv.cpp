// The tokens of a paged cache begin at its first page.
// expect: kv_padding_size (LeftPadding) does not support page attention (PagedKv)
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, paged_cache, output, {}, ifa::LeftPadding{});
}
