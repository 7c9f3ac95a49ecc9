// Runs a plan: jobs claim items until none is left, and whoever completes the last chunk of a row finishes the row.
#pragma once

#include "../options.hpp"
#include "attend.hpp"
#include "merge.hpp"

namespace ifa::inline IFA_ISA {

// Not inlined, so that nothing of it moves out of the job's floating-point environment.
template <class Problem>
__attribute__((noinline)) void run_item(const Problem& problem, const Plan& plan, const Workspace& workspace,
                                        const PlanItem& item, const Scratch& scratch) noexcept {
    const Work work = problem.work(plan, item, workspace);
    const Index chunks = plan.chunks(item.sequence);
    SoftmaxState* states = scratch.states;
    if (chunks == 1) {
        attend(problem, work, scratch, states, scratch.accumulators);
    } else {
        const Index heads = problem.geometry.heads;
        const Index first = plan.first_state(item.sequence) * heads + work.first_head;
        const Index own = first + item.chunk * heads;
        const Index stride = scratch.accumulators.stride;
        attend(problem, work, scratch, workspace.states + own, {workspace.accumulators + own * stride, stride});
        const Index counter = item.sequence * problem.geometry.kv_heads + item.kv_head;
        if (!workspace.finish(counter, chunks)) return;
        states = workspace.states + first;
        for (Index i = 0; i < work.heads(); ++i) merge_chunks(states + i, chunks, heads);
    }
    for (Index i = 0; i < work.heads(); ++i) {
        const Index r = i / work.group;
        finish_row(problem, work.of(r), i % work.group, scratch.of(r), states[i]);
    }
}

template <class Problem>
inline bool wholly_hidden(const Problem& problem, Index sequence, const Window& window) {
    for (Index column = window.begin; column < window.end; column += 64) {
        const Index left = window.end - column;
        const int count = left < 64 ? static_cast<int>(left) : 64;
        if (~problem.hidden(sequence, column, count) << (64 - count)) return false;
    }
    return true;
}

// Zeroes the counters, and decides which wholly hidden windows give the mean of their values.
template <class Problem>
inline void prepare(const Problem& problem, const Plan& plan, const Workspace& workspace, bool mean_when_hidden) {
    const Geometry& geometry = problem.geometry;
    *workspace.next_item = 0;
    if (plan.states() > 0)
        for (Index i = 0; i < geometry.batch * geometry.kv_heads; ++i) workspace.finished[i] = 0;
    for (Index b = 0; b < geometry.batch; ++b)
        workspace.wholly_hidden[b] = mean_when_hidden && wholly_hidden(problem, b, plan.window(b));
}

template <class Problem>
inline void run(const Problem& problem, const Plan& plan, const Workspace& workspace) {
    const auto job = [&](int index) noexcept {
        const simd::DefaultFloatEnvironment environment;
        Carver carver(workspace.scratch + static_cast<std::size_t>(index) * workspace.scratch_bytes);
        const Scratch scratch(carver, problem.geometry, plan.parts().run);
        scratch.clear(plan.parts().run);
        for (Index i = workspace.claim(); i < plan.items(); i = workspace.claim())
            run_item(problem, plan, workspace, plan.item(i), scratch);
    };
    const int concurrency = problem.executor.concurrency();
    const int jobs = concurrency < plan.jobs() ? concurrency : plan.jobs();
    if (jobs <= 1) job(0);
    else problem.executor.run(jobs, job);
}

// Memory of the call's own where the caller lent none.
class OwnMemory {
   public:
    inline explicit OwnMemory(std::size_t bytes) : memory_(bytes > 0 ? new std::byte[bytes] : nullptr) {}
    inline ~OwnMemory() { delete[] memory_; }
    OwnMemory(const OwnMemory&) = delete;
    OwnMemory& operator=(const OwnMemory&) = delete;

    IFA_INLINE std::byte* data() const { return memory_; }

   private:
    std::byte* memory_;
};

template <class Problem>
inline void run_planned(const Problem& problem, const Plan& plan, const Options& options) {
    const OwnMemory own(options.workspace.empty() ? plan.workspace_bytes() : 0);
    Carver carver(Carver::align(own.data() ? own.data() : options.workspace.data()));
    const Workspace workspace(carver, plan.parts());
    prepare(problem, plan, workspace, options.wholly_hidden_rows == WhollyHiddenRows::kMeanOfValues);
    run(problem, plan, workspace);
}

}  // namespace ifa::inline IFA_ISA
