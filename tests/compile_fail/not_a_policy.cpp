// expect: not a policy: it declares no role (using role = ifa::role::...;) and cannot be called with a const ifa::ScoreTile&
#include "operands.hpp"

struct Nothing {};

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, Nothing{});
}
