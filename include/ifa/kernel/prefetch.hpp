// Asks memory for rows before they are read.
#pragma once

#include "../simd/simd.hpp"

namespace ifa::inline IFA_ISA {

// Rows that will be read soon, to be asked for a few at a time between products. A core has buffers for about two dozen
// misses: it waits when it is asked for more at once, and has memory idle when asked for none. Rows are asked for whole
// and in turn, as the hardware's prefetchers follow only lines in the order of memory.
template <class T>
class UpcomingRows {
   public:
    IFA_INLINE UpcomingRows() = default;
    IFA_INLINE UpcomingRows(const T* const* rows, Index count, Index elements)
        : next_(rows), end_(rows + count), bytes_(elements * static_cast<Index>(sizeof(T))) {}

    IFA_INLINE Index count() const { return end_ - next_; }
    // As many as are well asked for at once.
    IFA_INLINE Index few() const { return bytes_ < kBytesAtOnce ? kBytesAtOnce / bytes_ : 1; }
    // Asks for the next `rows`, or for as many as there are.
    IFA_INLINE void ask(Index rows) {
        for (const T* const* const until = rows < count() ? next_ + rows : end_; next_ != until; ++next_)
            simd::prefetch(*next_, bytes_);
    }
    IFA_INLINE void ask_for_rest() { ask(count()); }

   private:
    static constexpr Index kBytesAtOnce = 256;

    const T* const* next_ = nullptr;
    const T* const* end_ = nullptr;
    Index bytes_ = kBytesAtOnce;  // of a row
};

}  // namespace ifa::inline IFA_ISA
