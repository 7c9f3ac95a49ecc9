// expect: at most one executor
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, ifa::Inline{}, ifa::Inline{});
}
