// `check` is held to the same rules as the call.
// expect: kv_padding_size (LeftPadding) does not support page attention (PagedKv)
#include "operands.hpp"

bool call() {
    return static_cast<bool>(ifa::check(query, paged_cache, output, {}, ifa::LeftPadding{}));
}
