// expect: at most one head grouping
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, ifa::GroupedQuery<>{}, ifa::GroupedQuery<4>{});
}
