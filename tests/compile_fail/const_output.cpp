// expect: attention_out must be a view of mutable elements
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, query);
}
