// Cases through the run-time door, and points of the space that it takes.
#pragma once

#include "arguments.hpp"
#include "space.hpp"
#include "support/dynamic_door.hpp"

namespace properties {

inline void execute_dynamic(const Case& c) {
    DynamicCall call(c);
    if (c.types.planning == Planning::kUnplanned) return support::call_dynamic(call.arguments, *c.call.executor);
    const ifa::Plan plan = support::plan_dynamic(call.arguments, *c.call.executor);
    std::vector<std::byte> workspace(plan.workspace_bytes());
    call.drop_windows();
    call.arguments.plan = &plan;
    call.arguments.workspace = workspace;
    support::call_dynamic(call.arguments, *c.call.executor);
}

// A point of the document with the types of a row.
inline Point point_in_document(const Space& space, std::size_t row, support::Random& random) {
    Point point = space.complete(row, random);
    while (!is_in_document(point)) point = space.complete(row, random);
    return point;
}

}  // namespace properties
