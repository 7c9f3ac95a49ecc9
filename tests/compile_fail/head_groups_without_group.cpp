// expect: role::HeadGroups: missing member group(geometry) -> Index
#include "operands.hpp"

struct Ungrouped {
    using role = ifa::role::HeadGroups;
};

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, Ungrouped{});
}
