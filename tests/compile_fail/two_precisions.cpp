// expect: at most one precision: inner_precise is 0 or 1
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, ifa::HighPrecision{}, ifa::HighPerformance{});
}
