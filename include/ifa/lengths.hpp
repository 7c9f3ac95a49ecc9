// Per-sequence token counts: absent, one for the whole batch, or one each, as int32 or int64.
#pragma once

#include "span.hpp"

namespace ifa {

class Lengths {
   public:
    IFA_INLINE constexpr Lengths() = default;
    template <std::integral Integer>
    IFA_INLINE constexpr Lengths(Integer length) : value_(static_cast<Index>(length)), count_(1) {}
    template <ContiguousRange Range>
        requires std::is_convertible_v<decltype(std::declval<Range&>().data()), const std::int32_t*>
    IFA_INLINE constexpr Lengths(const Range& range)
        : narrow_(range.data()), count_(static_cast<Index>(range.size())), array_(true) {}
    template <ContiguousRange Range>
        requires std::is_convertible_v<decltype(std::declval<Range&>().data()), const std::int64_t*>
    IFA_INLINE constexpr Lengths(const Range& range)
        : wide_(range.data()), count_(static_cast<Index>(range.size())), array_(true) {}

    IFA_INLINE constexpr bool given() const { return count_ >= 0; }
    IFA_INLINE constexpr Index count() const { return count_; }
    // An array of lengths was passed, but its pointer is null.
    IFA_INLINE constexpr bool null() const { return array_ && count_ > 0 && !data(); }
    // The array the lengths are borrowed from and its bytes; null for an integer.
    IFA_INLINE constexpr const void* data() const {
        return narrow_ ? static_cast<const void*>(narrow_) : static_cast<const void*>(wide_);
    }
    IFA_INLINE constexpr Index bytes() const { return data() ? count_ * (narrow_ ? 4 : 8) : 0; }
    IFA_INLINE constexpr Index operator[](Index sequence) const {
        const Index i = count_ == 1 ? 0 : sequence;
        return narrow_ ? narrow_[i] : wide_ ? wide_[i] : value_;
    }

   private:
    const std::int32_t* narrow_ = nullptr;
    const std::int64_t* wide_ = nullptr;
    Index value_ = 0;
    Index count_ = -1;
    bool array_ = false;
};

}  // namespace ifa
