// A plan is held to the same rules as the call.
// expect: kv_padding_size (LeftPadding) does not support page attention (PagedKv)
#include "operands.hpp"

ifa::Plan call() {
    return ifa::plan({}, paged_cache, ifa::LeftPadding{});
}
