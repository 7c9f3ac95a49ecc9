// Asks memory for rows before they are read.
#pragma once

#include "../simd/simd.hpp"

namespace ifa::inline IFA_ISA {

// Rows of keys, and as many of values, that will be read soon: to be asked for little by little between products. A
// core has buffers for one or two dozen misses: it waits when it is asked for more at once, and has memory idle when
// asked for none. Lines of the two are asked for in turn, each in the order of memory: the hardware's prefetchers
// follow such lines but begin anew on every page, and meanwhile those of the other go on (a single stream is read a
// quarter slower).
template <class Key, class Value>
class UpcomingRows {
   public:
    IFA_INLINE UpcomingRows() = default;
    IFA_INLINE UpcomingRows(const Key* const* keys, const Value* const* values, Index count, Index key_dim,
                            Index value_dim)
        : keys_(keys), values_(values), count_(count), bytes_(key_dim * static_cast<Index>(sizeof(Key))) {
        const Index value_bytes = value_dim * static_cast<Index>(sizeof(Value));
        if (value_bytes > bytes_) bytes_ = value_bytes;
    }

    IFA_INLINE Index count() const { return count_; }
    // Splits off the first `rows`, or as many as there are.
    IFA_INLINE UpcomingRows take(Index rows) {
        UpcomingRows taken = *this;
        if (rows < count_) taken.count_ = rows;
        keys_ += taken.count_, values_ += taken.count_, count_ -= taken.count_;
        return taken;
    }

    // How often to ask for all of them.
    IFA_INLINE int asks() const { return static_cast<int>(count_ * ((bytes_ + kBytesAtOnce - 1) / kBytesAtOnce)); }
    // Asks so many times, while there are any, for as much as is well asked for at once: a row of each or, where these
    // are longer, a part. Nothing is read: any address will do.
    IFA_INLINE void ask(int times) {
        for (; times > 0 && count_ > 0; --times) {
            const auto* const key = reinterpret_cast<const char*>(*keys_) + asked_;
            const auto* const value = reinterpret_cast<const char*>(*values_) + asked_;
            const Index left = bytes_ - asked_ < kBytesAtOnce ? bytes_ - asked_ : kBytesAtOnce;
            for (Index line = 0; line < left; line += kLine) {
                __builtin_prefetch(key + line, 0, 2);
                __builtin_prefetch(value + line, 0, 2);
            }
            asked_ += kBytesAtOnce;
            if (asked_ < bytes_) continue;
            asked_ = 0;
            ++keys_, ++values_, --count_;
        }
    }
    IFA_INLINE void ask_for_rest() { ask(asks()); }

   private:
    static constexpr Index kLine = 64, kBytesAtOnce = 4 * kLine;

    const Key* const* keys_ = nullptr;
    const Value* const* values_ = nullptr;
    Index count_ = 0;
    Index bytes_ = 0;  // of the longer of the two
    Index asked_ = 0;  // bytes of the next rows that were asked for
};

}  // namespace ifa::inline IFA_ISA
