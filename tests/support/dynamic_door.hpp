// The run-time door as functions, so that its kernels are compiled once for all tests.
#pragma once

#include "ifa/dynamic/arguments.hpp"
#include "ifa/errors.hpp"
#include "properties/support/executors.hpp"

namespace support {

void call_dynamic(const ifa::Arguments& arguments);
void call_dynamic(const ifa::Arguments& arguments, const properties::TestExecutor& executor);
ifa::CheckResult check_dynamic(const ifa::Arguments& arguments);
ifa::CheckResult check_dynamic(const ifa::Arguments& arguments, const properties::TestExecutor& executor);
ifa::Plan plan_dynamic(const ifa::Arguments& arguments, const properties::TestExecutor& executor);

}  // namespace support
