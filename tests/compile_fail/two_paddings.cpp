// expect: at most one of NoPadding, RightPadding, LeftPadding
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, ifa::RightPadding{}, ifa::LeftPadding{});
}
