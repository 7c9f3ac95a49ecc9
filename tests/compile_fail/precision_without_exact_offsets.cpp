// expect: role::Precision: missing member static constexpr bool kExactOffsets
#include "operands.hpp"

struct Vague {
    using role = ifa::role::Precision;
};

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, Vague{});
}
