// Compiles: every operand of the cases, combined as the operator allows.
#include "operands.hpp"

struct Half {
    using role = ifa::role::Visibility;
    ifa::Window window(ifa::Index, ifa::Index kv_length) const { return {0, kv_length / 2}; }
};

void call() {
    const auto soft_cap = [](const ifa::ScoreTile& tile) {
        for (float& score : tile.scores) score /= 2;
    };
    ifa::incre_flash_attention(query, cache, output, {}, ifa::LeftPadding{}, ifa::HighPrecision{}, ifa::Inline{},
                               soft_cap, Half{}, ifa::GroupedQuery<2>{});
    ifa::incre_flash_attention(query, paged_cache, output, {}, ifa::RightPadding{});
    ifa::incre_flash_attention(query, list_cache, output);
    ifa::incre_flash_attention(query, ifa::antiquant(int8_cache, ifa::per_channel(&scale[0])),
                               ifa::post_quant(int8_output, {.scale = scale}));
    ifa::append(cache, new_rows, new_rows, 0);
}
