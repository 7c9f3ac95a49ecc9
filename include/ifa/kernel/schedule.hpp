// Makes plans: cuts windows into chunks and puts the longest first, so that the jobs end together.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// Items per job that let the jobs end together.
inline constexpr Index kItemsPerJob = 4;

// window(sequence) gives the tokens of each sequence. token_major says that the rows of a token's kv heads lie side by
// side: they are read together, as long as there is work for every job.
template <class WindowOf>
class Scheduler {
   public:
    inline Scheduler(const Geometry& geometry, const WindowOf& window, int concurrency, Index chunk_tokens,
                     bool token_major)
        : window_(window) {
        parts_.geometry = geometry;
        parts_.chunk_tokens = chunk_tokens;
        if (token_major) choose_run(concurrency);
        measure(concurrency);
    }

    inline std::size_t workspace_bytes() const { return parts_.workspace_bytes; }

    inline Plan plan() {
        allocate();
        fill_sequences();
        fill_items();
        return Plan(parts_);
    }

   private:
    IFA_INLINE Index batch() const { return parts_.geometry.batch; }
    IFA_INLINE Index chunks(Index b) const { return Plan::chunks_of(window_(b), parts_.chunk_tokens); }
    // In the last chunk of a sequence; only these differ in length.
    IFA_INLINE Index tail_tiles(Index b) const {
        return (window_(b).length() - (chunks(b) - 1) * parts_.chunk_tokens + kTileTokens - 1) / kTileTokens;
    }

    IFA_INLINE Index runs() const { return (parts_.geometry.kv_heads + parts_.run - 1) / parts_.run; }

    inline void choose_run(int concurrency) {
        Index all_chunks = 0;
        for (Index b = 0; b < batch(); ++b) all_chunks += chunks(b);
        const Index wanted = concurrency > 1 ? kItemsPerJob * concurrency : 1;
        const Index group = parts_.geometry.kv_heads > 0 ? parts_.geometry.heads / parts_.geometry.kv_heads : 1;
        parts_.run = parts_.geometry.kv_heads > 1 ? parts_.geometry.kv_heads : 1;
        while (parts_.run > 1 && (parts_.run * group > kMostItemHeads || all_chunks * runs() < wanted))
            parts_.run = (parts_.run + 1) / 2;
    }

    inline void measure(int concurrency) {
        for (Index b = 0; b < batch(); ++b) {
            parts_.items += chunks(b) * runs();
            if (chunks(b) > 1) parts_.states += chunks(b);
            if (tail_tiles(b) > longest_tail_) longest_tail_ = tail_tiles(b);
        }
        parts_.jobs = static_cast<int>(concurrency < parts_.items ? concurrency : parts_.items);
        parts_.workspace_bytes = Workspace::bytes(parts_);
    }

    inline void allocate() {
        const std::size_t per_sequence = sizeof(Window) + sizeof(Index);
        parts_.memory =
            new std::byte[Plan::items_bytes(parts_.items) + static_cast<std::size_t>(batch()) * per_sequence];
    }

    inline void fill_sequences() {
        auto* const windows = reinterpret_cast<Window*>(parts_.memory + Plan::items_bytes(parts_.items));
        auto* const first_states = reinterpret_cast<Index*>(windows + batch());
        for (Index b = 0, state = 0; b < batch(); ++b) {
            windows[b] = window_(b);
            first_states[b] = state;
            if (chunks(b) > 1) state += chunks(b);
        }
    }

    inline void fill_items() {
        auto* item = reinterpret_cast<PlanItem*>(parts_.memory);
        const auto emit = [&](Index b, Index chunk) {
            for (Index head = 0; head < parts_.geometry.kv_heads; head += parts_.run)
                *item++ = {static_cast<std::int32_t>(b), static_cast<std::int32_t>(head),
                           static_cast<std::int32_t>(chunk)};
        };
        for (Index b = 0; b < batch(); ++b)
            for (Index chunk = 0; chunk + 1 < chunks(b); ++chunk) emit(b, chunk);
        for (Index tiles = longest_tail_; tiles >= 0; --tiles)
            for (Index b = 0; b < batch(); ++b)
                if (tail_tiles(b) == tiles) emit(b, chunks(b) - 1);
    }

    WindowOf window_;
    Plan::Parts parts_ = {};
    Index longest_tail_ = 0;
};

// The schedule of a step over a storage. `ifa::plan`, a call without a plan and the check of its workspace agree on it.
template <class Storage, class Policies>
inline auto schedule(const Storage& kv, const Policies& policies, const Geometry& geometry, int concurrency,
                     Index chunk_tokens) {
    const auto window = [&](Index b) { return visible_window(kv, policies, b); };
    return Scheduler(geometry, window, concurrency, chunk_tokens, is_token_major(kv));
}

}  // namespace ifa::inline IFA_ISA
