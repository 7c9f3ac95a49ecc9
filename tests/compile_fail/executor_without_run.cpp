// expect: role::Executor: missing member concurrency() -> int or run(jobs, body)
#include "operands.hpp"

struct Idle {
    using role = ifa::role::Executor;
    int concurrency() const { return 1; }
};

void call() {
    ifa::incre_flash_attention(query, cache, output, {}, Idle{});
}
