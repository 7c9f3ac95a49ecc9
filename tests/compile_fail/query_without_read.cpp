// expect: role::QuerySource: missing member read(Row, float*) or shape()
#include "operands.hpp"

struct Unreadable {
    using role = ifa::role::QuerySource;
    ifa::Shape shape() const { return {}; }
};

void call() {
    ifa::incre_flash_attention(Unreadable{}, cache, output);
}
