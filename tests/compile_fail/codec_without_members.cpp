// expect: role::KvCodec: missing member kQuantised, fold_query, key_constant, value_shift or unfold_output
#include "operands.hpp"

struct Cipher {
    using role = ifa::role::KvCodec;
    static constexpr bool kQuantised = true;
};

void call() {
    ifa::incre_flash_attention(query, ifa::antiquant(int8_cache, Cipher{}), output);
}
