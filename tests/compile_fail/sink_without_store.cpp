// expect: role::OutputSink: missing member store(FinishedRow), shape() or kKeepsLogSumExp
#include "operands.hpp"

struct Full {
    using role = ifa::role::OutputSink;
    static constexpr bool kKeepsLogSumExp = false;
    ifa::Shape shape() const { return {}; }
};

void call() {
    ifa::incre_flash_attention(query, cache, Full{});
}
