// A call asked about before it is made: no exception, and the message the call would have thrown.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result check_first() {
    Random random;
    const Layer<ifa::float16> layer(random, {.B = 2, .N = 28, .kvN = 4, .S = 512, .D = 128});
    std::vector<std::int64_t> lengths = {300, 513};
    std::string log;

    const auto call = [&] {
        // [readme]
        if (const auto error = ifa::check(layer.q, layer.kv, layer.out, {.scale = layer.scale},
                                          ifa::RightPadding{.lengths = lengths})) {
            log = error->message;
            return;
        }
        // [end]
        ifa::incre_flash_attention(layer.q, layer.kv, layer.out, {.scale = layer.scale},
                                   ifa::RightPadding{.lengths = lengths});
    };
    call();
    lengths[1] = 512;

    Formula exact = layer.formula();
    exact.end = lengths;
    Result result = check(exact, call, layer.output());
    result.note = log;
    result.failed = result.failed || log.empty();
    return result;
}

}  // namespace tour
