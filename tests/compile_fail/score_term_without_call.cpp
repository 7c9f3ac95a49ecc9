// expect: role::ScoreTerm: missing member operator()(const ScoreTile&) const
#include "operands.hpp"

struct Silent {
    using role = ifa::role::ScoreTerm;
};

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, Silent{});
}
