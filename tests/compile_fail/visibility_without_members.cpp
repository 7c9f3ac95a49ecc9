// expect: role::Visibility: missing member window(sequence, kv_length) -> Window, or hidden(sequence, first_column, count) -> uint64
#include "operands.hpp"

struct Blind {
    using role = ifa::role::Visibility;
};

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, Blind{});
}
