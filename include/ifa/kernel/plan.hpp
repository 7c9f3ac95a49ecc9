// The work of one decode step, laid out once: each sequence's window, cut into chunks, as items in the order of
// claiming.
#pragma once

#include <cstddef>

#include "../concepts.hpp"

namespace ifa {

// A run of kv heads of one chunk of one sequence.
struct PlanItem {
    std::int32_t sequence = 0;
    std::int32_t kv_head = 0;  // the first of the run
    std::int32_t chunk = 0;
};

// Made by `ifa::plan`. Immutable; shared by any number of concurrent calls of the same geometry, whatever their types,
// policies and executors. Owns everything it needs: lengths may change or vanish once it is made.
class Plan {
   public:
    struct Parts {
        Geometry geometry = {};  // columns is not used
        Index chunk_tokens = kDefaultChunkTokens;
        int jobs = 1;   // that the workspace has room for
        Index run = 1;  // kv heads per item
        Index items = 0;
        Index states = 0;  // chunks of all sequences that have more than one
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
    // An empty window has one chunk too: somebody must write its zeros.
    IFA_INLINE Index chunks(Index sequence) const { return chunks_of(window(sequence), parts_.chunk_tokens); }
    // Where the states of a sequence of several chunks begin.
    IFA_INLINE Index first_state(Index sequence) const {
        return reinterpret_cast<const Index*>(windows() + parts_.geometry.batch)[sequence];
    }

    static IFA_INLINE Index chunks_of(const Window& window, Index chunk_tokens) {
        const Index chunks = (window.length() + chunk_tokens - 1) / chunk_tokens;
        return chunks > 1 ? chunks : 1;
    }
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
