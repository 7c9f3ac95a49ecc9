// expect: role::KvStorage: missing member batch, heads, key_dim, value_dim, columns, length or gather
#include "operands.hpp"

struct Closed {
    using role = ifa::role::KvStorage;
    using key_type = float;
    using value_type = float;
    ifa::Index batch() const { return 1; }
    ifa::Index heads() const { return 1; }
    ifa::Index key_dim() const { return 1; }
    ifa::Index value_dim() const { return 1; }
    ifa::Index columns() const { return 1; }
    ifa::Index length(ifa::Index) const { return 1; }
};

void call() {
    ifa::incre_flash_attention(query, Closed{}, output);
}
