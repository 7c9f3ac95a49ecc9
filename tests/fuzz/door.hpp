// The run-time door in C++, its arguments spoilt.
#pragma once

#include <optional>

#include "harness.hpp"
#include "support/dynamic_door.hpp"

namespace fuzz {

// Runs its jobs one after the other, the last first.
inline properties::TestExecutor reversed_executor(int concurrency) {
    return {concurrency, [](int jobs, const properties::Body& body) {
                for (int job = jobs - 1; job >= 0; --job) body(job);
            }};
}

class RunTimeDoor : public Door {
   public:
    RunTimeDoor(const ifa::Arguments& arguments, int concurrency)
        : arguments_(arguments), executor_(reversed_executor(concurrency)) {}

    Refusal check(const Run& run) override {
        return support::refusal_of(support::check_dynamic(arguments_of(run), executor_));
    }
    Refusal attend(const Run& run) override {
        return support::thrown_by([&] {
            try {
                support::call_dynamic(arguments_of(run), executor_);
            } catch (const ifa::Error& error) {
                show_text(error.what());
                throw;
            }
        });
    }
    std::size_t plan() override {
        plan_.emplace(support::plan_dynamic(arguments_, executor_));
        return plan_->workspace_bytes();
    }

   private:
    ifa::Arguments arguments_of(const Run& run) const {
        ifa::Arguments arguments = arguments_;
        arguments.workspace = {run.workspace.data, static_cast<Index>(run.workspace.bytes)};
        if (!run.is_planned) return arguments;
        arguments.plan = &*plan_;
        arguments.actual_seq_lengths = arguments.kv_padding_size = {};
        return arguments;
    }

    const ifa::Arguments& arguments_;
    properties::TestExecutor executor_;
    std::optional<ifa::Plan> plan_ = {};
};

inline void fuzz_door(const std::uint8_t* bytes, std::size_t size) {
    Input input(bytes, size);
    if (!input.can_be_tried()) return;
    const DoorArguments of(input.call, as_tensor);
    RunTimeDoor door(of.arguments, input.call.concurrency);
    input.run(door, of.arguments);
}

}  // namespace fuzz
