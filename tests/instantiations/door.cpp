// One call of the run-time door, which serves every combination of types and policies.
#include <ifa/dynamic.hpp>

void door(const ifa::Arguments& arguments) {
    ifa::incre_flash_attention(arguments);
}
