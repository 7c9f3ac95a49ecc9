// A callable is a score term only if it takes a tile of scores.
// expect: not a policy: it declares no role (using role = ifa::role::...;) and cannot be called with a const ifa::ScoreTile&
#include "operands.hpp"

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, [](float score) { return score; });
}
