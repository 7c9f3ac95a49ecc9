// A score term the library has never heard of: scores squeezed into (-cap, cap) by a tanh.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result soft_cap() {
    Random random;
    const Layer<ifa::float16> layer(random, {.B = 2, .N = 8, .kvN = 4, .S = 2000, .D = 96});
    const float cap = 1.5;

    const auto call = [&] {
        // [readme]
        const auto soft_cap = [cap](const ifa::ScoreTile& tile) {
            for (float& x : tile.scores) x = cap * std::tanh(x / cap);
        };
        ifa::incre_flash_attention(layer.q, layer.kv, layer.out, {.scale = layer.scale}, soft_cap);
        // [end]
    };

    Formula exact = layer.formula();
    exact.term = [cap](double score, auto...) { return cap * std::tanh(score / cap); };
    return check(exact, call, layer.output());
}

}  // namespace tour
