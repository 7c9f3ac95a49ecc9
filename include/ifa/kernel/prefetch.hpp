// Asks memory for rows before they are read.
#pragma once

#include "../simd/simd.hpp"

namespace ifa::inline IFA_ISA {

// Rows of keys, and as many of values, that will be read soon: to be asked for little by little between products. A
// core has buffers for one or two dozen misses: it waits when it is asked for more at once, and has memory idle when
// asked for none, so asking is spread as evenly as it can be. Lines of the two are asked for in turn, each in the order
// of memory: the hardware's prefetchers follow such lines but begin anew on every page, and meanwhile those of the
// other go on (a single stream is read a quarter slower).
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

    // In how many parts they are asked for.
    IFA_INLINE int parts() const { return static_cast<int>(count_ * ((bytes_ + kPart - 1) / kPart)); }
    // Spreads these evenly over so many calls of ask(), one at least, and no more calls than that.
    IFA_INLINE void spread(int calls) {
        parts_ = parts();
        calls_ = calls;
        due_ = 0;
    }
    IFA_INLINE void ask() {
        due_ += parts_;
        while (due_ >= calls_) {
            due_ -= calls_;
            ask_for_part();
        }
    }
    IFA_INLINE void ask_for_rest() {
        while (count_ > 0) ask_for_part();
    }

   private:
    static constexpr Index kLine = 64;
    // Of each row, at once: the less the better, where an instruction does enough work that there are some to spare.
    static constexpr Index kPart = (simd::kLanes < 16 ? 4 : 1) * kLine;
    // Rows so short that two tiles stay in the first-level cache are asked for into it.
    static constexpr Index kShort = (Index{24} << 10) / (4 * kTileTokens);

    // Nothing is read: any address will do.
    IFA_INLINE void ask_for_part() {
        const auto* const key = reinterpret_cast<const char*>(*keys_) + asked_;
        const auto* const value = reinterpret_cast<const char*>(*values_) + asked_;
        Index line = 0;
        do {
            if (bytes_ <= kShort) ask_for_line<3>(key + line, value + line);
            else ask_for_line<2>(key + line, value + line);
        } while (kPart > kLine && (line += kLine) < kPart && line < bytes_ - asked_);
        asked_ += kPart;
        if (asked_ < bytes_) return;
        asked_ = 0;
        ++keys_, ++values_, --count_;
    }
    template <int locality>
    static IFA_INLINE void ask_for_line(const char* key, const char* value) {
        __builtin_prefetch(key, 0, locality);
        __builtin_prefetch(value, 0, locality);
    }

    const Key* const* keys_ = nullptr;
    const Value* const* values_ = nullptr;
    Index count_ = 0;
    Index bytes_ = 0;  // of the longer of the two
    Index asked_ = 0;  // bytes of the next rows that were asked for
    int parts_ = 0;    // to be spread over
    int calls_ = 1;
    int due_ = 0;  // parts that calls have come to, in fractions of 1 / calls_
};

}  // namespace ifa::inline IFA_ISA
