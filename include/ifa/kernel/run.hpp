// Runs a plan: jobs claim items until none is left, and whoever completes the last span of a row finishes the row.
#pragma once

#include "../options.hpp"
#include "attend.hpp"
#include "fold.hpp"
#include "merge.hpp"

namespace ifa::inline IFA_ISA {

// Leaves in `rows` what the rows of an item see in its chunks.
template <class Problem>
inline void attend_chunks(const Problem& problem, const Plan& plan, const Workspace& workspace, const Work& work,
                          const Scratch& scratch, const RowStates& rows) {
    const Index chunks = Plan::parts_in(work.tokens, plan.chunk_tokens());
    const auto after = [&](Index chunk) {
        if (chunk + 1 < chunks) return work.chunk(chunk + 1, plan.chunk_tokens());
        const Index item = workspace.unclaimed();
        return item < plan.items() ? problem.work(plan, plan.item(item), workspace) : Work();
    };
    merge_in_turn(
        chunks, work.heads(),
        [&](Index chunk, const RowStates& to) {
            attend(problem, work.chunk(chunk, plan.chunk_tokens()), [&] { return after(chunk); }, scratch, to);
        },
        [&](Index depth) { return depth == 0 ? rows : scratch.rows_at(depth); });
}

// Not inlined, so that nothing of it moves out of the job's floating-point environment.
template <class Problem>
__attribute__((noinline)) void run_item(const Problem& problem, const Plan& plan, const Workspace& workspace,
                                        const PlanItem& item, const Scratch& scratch) noexcept {
    const Work work = problem.work(plan, item, workspace);
    const Index spans = plan.spans(item.sequence), heads = problem.geometry.heads;
    for (Index r = 0; r < work.kv_heads; ++r) fold_queries(problem, work.of(r), scratch.of(r));
    RowStates rows = scratch.rows_at(0);
    if (spans == 1) {
        attend_chunks(problem, plan, workspace, work, scratch, rows);
    } else {
        rows = workspace.rows.from(plan.first_state(item.sequence) * heads + work.first_head);
        attend_chunks(problem, plan, workspace, work, scratch, rows.from(item.span * heads));
        const Index counter = item.sequence * problem.geometry.kv_heads + item.kv_head;
        if (!workspace.finish(counter, spans)) return;
        for (Index i = 0; i < work.heads(); ++i) merge_all(rows.states + i, spans, heads);
    }
    for (Index r = 0; r < work.kv_heads; ++r)
        for (Index i = 0; i < work.group; ++i)
            finish_row(problem, work.of(r), i, scratch.of(r), rows.states[r * work.group + i]);
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
    const int concurrency = problem.executor.concurrency();
    const int jobs = concurrency < plan.jobs() ? concurrency : plan.jobs();
    const auto job = [&](int index) noexcept {
        const simd::DefaultFloatEnvironment environment;
        Carver carver(workspace.scratch + static_cast<std::size_t>(index) * workspace.scratch_bytes);
        const Scratch scratch(carver, plan.parts());
        scratch.clear(plan.parts().run);
        for (Index i = workspace.claim(jobs <= 1); i < plan.items(); i = workspace.claim(jobs <= 1))
            run_item(problem, plan, workspace, plan.item(i), scratch);
    };
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
