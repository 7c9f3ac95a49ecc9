// expect: query must be float16, bfloat16 or float32
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(int8_output, cache, output);
}
