// expect: role::Executor: missing member concurrency() -> int or run(jobs, body)
#include "operands.hpp"

struct Unmeasured {
    using role = ifa::role::Executor;
    template <class Body>
    void run(int, const Body& body) const {
        body(0);
    }
};

ifa::Plan call() {
    return ifa::plan({}, cache, Unmeasured{});
}
