// Makes plans: cuts windows into spans of chunks and puts the longest first, so that the jobs end together.
#pragma once

#include "problem.hpp"

namespace ifa::inline IFA_ISA {

// Items per job that let the jobs end together. Where heads are read together memory is faster, which is worth a less
// even end; longer spans only save what comes once an item: the folding of queries, and states that leave the caches.
inline constexpr Index kItemsPerJob = 4, kSpansPerJob = 32;
// Beyond these few there is little left to save, and the heads of a pool's block would be read too far apart: its pages
// are neighbours in the page table.
inline constexpr Index kMostSpanChunks = 4;

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
        choose_span(concurrency);
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
    IFA_INLINE Index span_tokens() const { return Plan::span_tokens_of(parts_); }
    IFA_INLINE Index spans(Index b) const { return Plan::parts_in(window_(b), span_tokens()); }
    // Of the last span of a sequence, in as many steps as a chunk has tiles; only these spans differ in length.
    IFA_INLINE Index tail_length(Index b) const {
        const Index unit = kTileTokens * parts_.span_chunks;
        return (window_(b).length() - (spans(b) - 1) * span_tokens() + unit - 1) / unit;
    }

    IFA_INLINE Index runs() const { return parts_of(parts_.geometry.kv_heads, parts_.run); }
    // Chunks or spans of all sequences.
    IFA_INLINE Index all_parts(Index tokens) const {
        Index all = 0;
        for (Index b = 0; b < batch(); ++b) all += Plan::parts_in(window_(b), tokens);
        return all;
    }
    static IFA_INLINE Index wanted(Index items_per_job, int concurrency) {
        return concurrency > 1 ? items_per_job * concurrency : 1;
    }

    inline void choose_run(int concurrency) {
        const Index all_chunks = all_parts(parts_.chunk_tokens);
        const Index group = parts_.geometry.kv_heads > 0 ? parts_.geometry.heads / parts_.geometry.kv_heads : 1;
        parts_.run = parts_.geometry.kv_heads > 1 ? parts_.geometry.kv_heads : 1;
        while (parts_.run > 1 &&
               (parts_.run * group > kMostItemHeads || all_chunks * runs() < wanted(kItemsPerJob, concurrency)))
            parts_.run = (parts_.run + 1) / 2;
    }

    // Doubles spans while one of them does not hold the longest window, and those twice as long are enough.
    inline void choose_span(int concurrency) {
        Index longest = 0;
        for (Index b = 0; b < batch(); ++b) longest = window_(b).length() > longest ? window_(b).length() : longest;
        while (parts_.span_chunks < kMostSpanChunks && span_tokens() < longest &&
               all_parts(2 * span_tokens()) * runs() >= wanted(kSpansPerJob, concurrency))
            parts_.span_chunks *= 2;
    }

    inline void measure(int concurrency) {
        for (Index b = 0; b < batch(); ++b) {
            parts_.items += spans(b) * runs();
            if (spans(b) > 1) parts_.states += spans(b);
            if (tail_length(b) > longest_tail_) longest_tail_ = tail_length(b);
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
            if (spans(b) > 1) state += spans(b);
        }
    }

    inline void fill_items() {
        auto* item = reinterpret_cast<PlanItem*>(parts_.memory);
        const auto emit = [&](Index b, Index span) {
            for (Index head = 0; head < parts_.geometry.kv_heads; head += parts_.run)
                *item++ = {static_cast<std::int32_t>(b), static_cast<std::int32_t>(head),
                           static_cast<std::int32_t>(span)};
        };
        for (Index b = 0; b < batch(); ++b)
            for (Index span = 0; span + 1 < spans(b); ++span) emit(b, span);
        for (Index length = longest_tail_; length >= 0; --length)
            for (Index b = 0; b < batch(); ++b)
                if (tail_length(b) == length) emit(b, spans(b) - 1);
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
