// The one unit that compiles the run-time door's kernels for tests of other units.
#include "dynamic_door.hpp"

#include "ifa/dynamic.hpp"

namespace support {

void call_dynamic(const ifa::Arguments& arguments) {
    ifa::incre_flash_attention(arguments);
}
void call_dynamic(const ifa::Arguments& arguments, const properties::TestExecutor& executor) {
    ifa::incre_flash_attention(arguments, executor);
}
ifa::CheckResult check_dynamic(const ifa::Arguments& arguments) {
    return ifa::check(arguments);
}
ifa::CheckResult check_dynamic(const ifa::Arguments& arguments, const properties::TestExecutor& executor) {
    return ifa::check(arguments, executor);
}
ifa::Plan plan_dynamic(const ifa::Arguments& arguments, const properties::TestExecutor& executor) {
    return ifa::plan(arguments, executor);
}

}  // namespace support
