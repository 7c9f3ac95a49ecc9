// A score term of one's own as a type: ALiBi, a penalty that grows with a token's distance, computed instead of read.
// Press, Smith and Lewis, "Train Short, Test Long" (2021).
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {
namespace {

// [readme]
struct Alibi {
    using role = ifa::role::ScoreTerm;
    static constexpr bool kShiftInvariant = true;  // a constant added to all scores of a row makes no difference to it

    ifa::Span<const float> slopes;  // [N]
    ifa::Lengths lengths;

    void operator()(const ifa::ScoreTile& tile) const {
        ifa::Index distance = lengths[tile.sequence] - tile.first_column;
        for (float& score : tile.scores) score -= slopes[tile.head] * static_cast<float>(--distance);
    }
};
// [end]

}  // namespace

Result alibi() {
    Random random;
    const Layer<float> layer(random, {.B = 2, .N = 12, .kvN = 12, .S = 700, .D = 80});
    const std::vector<std::int64_t> lengths = {700, 345};
    const auto slopes = random.values<float>(12, 0, 1 / 16.f);

    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(layer.q, layer.kv, layer.out, {.scale = layer.scale},
                                   ifa::RightPadding{.lengths = lengths}, Alibi{slopes, lengths});
        // [end]
    };

    Formula exact = layer.formula();
    exact.end = lengths;
    exact.term = [&](double score, std::size_t b, std::size_t h, std::size_t column) {
        return score - number(slopes[h]) * static_cast<double>(lengths[b] - 1 - static_cast<Index>(column));
    };
    return check(exact, call, layer.output());
}

}  // namespace tour
