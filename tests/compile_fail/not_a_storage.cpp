// A view alone is no cache: key and value come together.
// expect: role::KvStorage: missing member batch, heads, key_dim, value_dim, columns, length or gather
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, query, output);
}
