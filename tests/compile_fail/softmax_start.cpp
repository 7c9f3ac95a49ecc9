// The role is reserved.
// expect: role::SoftmaxStart has no policy in this version
#include "operands.hpp"

struct Sink {
    using role = ifa::role::SoftmaxStart;
};

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, Sink{});
}
