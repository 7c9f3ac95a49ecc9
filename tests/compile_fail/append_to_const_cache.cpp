// expect: append needs a cache made from mutable views
#include "operands.hpp"

void call() {
    ifa::append(paged_cache, new_rows, new_rows, 0);
}
