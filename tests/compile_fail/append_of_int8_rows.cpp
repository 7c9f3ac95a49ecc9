// Rows come in real units; append quantises them.
// expect: new rows are float32, float16 or bfloat16
#include "operands.hpp"

void call() {
    ifa::append(cache, int8_cache.key, int8_cache.value, 0);
}
