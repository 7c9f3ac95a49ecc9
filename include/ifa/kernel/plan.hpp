// The work of one decode step, laid out once: each sequence's window, cut into spans of chunks, as items in the order
// of claiming.
#pragma once

#include <cstddef>

#include "../concepts.hpp"

namespace ifa {

// A run of kv heads of one span of one sequence.
struct PlanItem {
    std::int32_t sequence = 0;
    std::int32_t kv_head = 0;  // the first of the run
    std::int32_t span = 0;
};

// Made by `ifa::plan`. Immutable; shared by any number of concurrent calls of the same geometry, whatever their types,
// policies and executors. Owns everything it needs: lengths may change or vanish once it is made.
class Plan {
   public:
    struct Parts {
        Geometry geometry = {};  // columns is not used
        Index chunk_tokens = kDefaultChunkTokens;
        int jobs = 1;           // that the workspace has room for
        Index run = 1;          // kv heads per item
        Index span_chunks = 1;  // per item, a power of two: a branch of the tree that chunks merge along
        Index items = 0;
        Index states = 0;  // spans of all sequences that have more than one
        std::size_t workspace_bytes = 0;
        std::byte* memory = nullptr;  // owned: items, then windows [B], then first states [B]
    };

    IFA_INLINE explicit Plan(const Parts& parts) : parts_(parts) {}
    IFA_INLINE Plan(Plan&& other) noexcept : parts_(other.parts_) { other.parts_.memory = nullptr; }
    IFA_INLINE Plan& operator=(Plan&& other) noexcept {
        const Parts parts = parts_;
        parts_ = other.parts_;
        other.parts_ = parts;
        return *this;
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    IFA_INLINE ~Plan() { delete[] parts_.memory; }

    IFA_INLINE const Parts& parts() const { return parts_; }
    IFA_INLINE const Geometry& geometry() const { return parts_.geometry; }
    IFA_INLINE std::size_t workspace_bytes() const { return parts_.workspace_bytes; }
    IFA_INLINE Index chunk_tokens() const { return parts_.chunk_tokens; }
    IFA_INLINE int jobs() const { return parts_.jobs; }
    IFA_INLINE Index items() const { return parts_.items; }
    IFA_INLINE Index states() const { return parts_.states; }
    IFA_INLINE const PlanItem& item(Index i) const { return reinterpret_cast<const PlanItem*>(parts_.memory)[i]; }
    IFA_INLINE const Window& window(Index sequence) const { return windows()[sequence]; }
    IFA_INLINE Index span_tokens() const { return span_tokens_of(parts_); }
    // An empty window has one span too: somebody must write its zeros.
    IFA_INLINE Index spans(Index sequence) const { return parts_in(window(sequence), span_tokens()); }
    // Where the states of a sequence of several spans begin.
    IFA_INLINE Index first_state(Index sequence) const {
        return reinterpret_cast<const Index*>(windows() + parts_.geometry.batch)[sequence];
    }

    // Chunks or spans of a window, at least one.
    static IFA_INLINE Index parts_in(const Window& window, Index tokens) {
        return window.length() > 0 ? (window.length() - 1) / tokens + 1 : 1;
    }
    static IFA_INLINE Index span_tokens_of(const Parts& parts) { return parts.chunk_tokens * parts.span_chunks; }
    static IFA_INLINE std::size_t items_bytes(Index items) {
        return (static_cast<std::size_t>(items) * sizeof(PlanItem) + alignof(Window) - 1) / alignof(Window) *
               alignof(Window);
    }

   private:
    IFA_INLINE const Window* windows() const {
        return reinterpret_cast<const Window*>(parts_.memory + items_bytes(parts_.items));
    }

    Parts parts_;
};

}  // namespace ifa
