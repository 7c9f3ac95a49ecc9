// A visibility of one's own: each sequence sees its last `width` tokens. What lies outside is not read.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {
namespace {

// [readme]
struct SlidingWindow {
    using role = ifa::role::Visibility;

    ifa::Lengths lengths;
    ifa::Index width;

    ifa::Window window(ifa::Index sequence, ifa::Index /*kv_length*/) const {
        return {lengths[sequence] - width, lengths[sequence]};  // cut to what the cache holds
    }
};
// [end]

}  // namespace

Result sliding_window() {
    Random random;
    const Layer<ifa::float16> layer(random, {.B = 3, .N = 8, .kvN = 4, .S = 4096, .D = 64});
    const std::vector<std::int64_t> lengths = {4096, 1500, 200};

    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(layer.q, layer.kv, layer.out, {.scale = layer.scale},
                                   SlidingWindow{.lengths = lengths, .width = 1024});
        // [end]
    };

    Formula exact = layer.formula();
    exact.begin = {4096 - 1024, 1500 - 1024, 0};
    exact.end = lengths;
    return check(exact, call, layer.output());
}

}  // namespace tour
