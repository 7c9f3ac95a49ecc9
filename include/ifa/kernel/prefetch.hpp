// Asks memory for rows before they are read.
#pragma once

#include "../simd/simd.hpp"

namespace ifa::inline IFA_ISA {

// Whether memory is better asked for into the first-level cache than into the second. AMD's cores are 5 to 15 % faster
// so, Intel's 2 to 11 % slower: there what is asked for waits in the buffers that loads need too.
IFA_INLINE bool asks_first_level() {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_is("amd");
#else
    return false;
#endif
}

// Rows that will be read soon, to be asked for little by little between products. A core has buffers for one or two
// dozen misses: it waits when it is asked for more at once, and has memory idle when asked for none. Rows are asked for
// whole and in turn, as the hardware's prefetchers follow only lines in the order of memory.
template <class T>
class UpcomingRows {
   public:
    IFA_INLINE UpcomingRows() = default;
    IFA_INLINE UpcomingRows(const T* const* rows, Index count, Index elements)
        : next_(rows), end_(rows + count), bytes_(elements * static_cast<Index>(sizeof(T))) {}

    IFA_INLINE Index count() const { return end_ - next_; }
    // Splits off the first `rows`, or as many as there are.
    IFA_INLINE UpcomingRows take(Index rows) {
        UpcomingRows taken = *this;
        taken.end_ = next_ = rows < count() ? next_ + rows : end_;
        return taken;
    }

    // How often to ask for all of them.
    IFA_INLINE int asks() const { return static_cast<int>(count() * ((bytes_ + kBytesAtOnce - 1) / kBytesAtOnce)); }
    // Asks so many times, while there are any, for as much as is well asked for at once: a row or, where it is longer,
    // a part of it. Nothing is read: any address will do.
    IFA_INLINE void ask(int times) {
        if (asks_first_level()) ask<3>(times);
        else ask<2>(times);
    }
    IFA_INLINE void ask_for_rest() { ask(asks()); }

   private:
    static constexpr Index kLine = 64, kBytesAtOnce = 4 * kLine;

    template <int Locality>
    IFA_INLINE void ask(int times) {
        for (; times > 0 && next_ != end_; --times) {
            const auto* const line = reinterpret_cast<const char*>(*next_) + asked_;
            const Index left = bytes_ - asked_;
            __builtin_prefetch(line, 0, Locality);
            if (left > kLine) __builtin_prefetch(line + kLine, 0, Locality);
            if (left > 2 * kLine) __builtin_prefetch(line + 2 * kLine, 0, Locality);
            if (left > 3 * kLine) __builtin_prefetch(line + 3 * kLine, 0, Locality);
            asked_ += kBytesAtOnce;
            if (asked_ < bytes_) continue;
            asked_ = 0;
            ++next_;
        }
    }

    const T* const* next_ = nullptr;
    const T* const* end_ = nullptr;
    Index bytes_ = 0;
    Index asked_ = 0;  // bytes of the next row that were asked for
};

}  // namespace ifa::inline IFA_ISA
