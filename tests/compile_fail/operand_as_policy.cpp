// expect: query, key/value and output are operands, not policies: pass them first, in this order
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, cache);
}
