// Borrowed runs of elements. As std::span, but with members that leave no symbols behind (see config.hpp).
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "dtype.hpp"

namespace ifa {

inline constexpr Index kUnknownExtent = -1;

// What the makers accept: a pointer, or a contiguous range that outlives the call (an lvalue, or a view).
template <class Source>
concept ContiguousRange = requires(Source& source) {
    { *source.data() };
    { source.size() } -> std::convertible_to<std::size_t>;
};
template <class Source>
concept ArraySource = std::is_pointer_v<std::decay_t<Source>> || ContiguousRange<Source>;

template <ArraySource Source>
IFA_INLINE constexpr auto* data_of(Source& source) {
    if constexpr (std::is_pointer_v<std::decay_t<Source>>) {
        return static_cast<std::decay_t<Source>>(source);
    } else {
        return source.data();
    }
}

// In elements; a bare pointer's is unknown.
template <ArraySource Source>
IFA_INLINE constexpr Index extent_of(Source& source) {
    if constexpr (std::is_pointer_v<std::remove_reference_t<Source>>) {
        return kUnknownExtent;
    } else if constexpr (std::is_array_v<std::remove_reference_t<Source>>) {
        return static_cast<Index>(std::extent_v<std::remove_reference_t<Source>>);
    } else {
        return static_cast<Index>(source.size());
    }
}

// A run of known length.
template <class T>
class Span {
   public:
    IFA_INLINE constexpr Span() = default;
    IFA_INLINE constexpr Span(T* data, Index size) : data_(data), size_(size) {}
    template <ContiguousRange Range>
        requires std::is_convertible_v<decltype(std::declval<Range&>().data()), T*>
    IFA_INLINE constexpr Span(Range& range) : data_(range.data()), size_(static_cast<Index>(range.size())) {}

    IFA_INLINE constexpr T* data() const { return data_; }
    IFA_INLINE constexpr std::size_t size() const { return static_cast<std::size_t>(size_); }
    IFA_INLINE constexpr bool empty() const { return size_ == 0; }
    IFA_INLINE constexpr T* begin() const { return data_; }
    IFA_INLINE constexpr T* end() const { return data_ + size_; }
    IFA_INLINE constexpr T& operator[](Index i) const { return data_[i]; }

   private:
    T* data_ = nullptr;
    Index size_ = 0;
};

// A parameter array given as a pointer (its extent is trusted) or as a range (its extent is checked). Null is absent.
template <class T>
struct ArrayView {
    IFA_INLINE constexpr ArrayView() = default;
    IFA_INLINE constexpr ArrayView(std::nullptr_t) {}
    template <class Source>
        requires ArraySource<Source> && std::is_convertible_v<decltype(data_of(std::declval<Source&>())), T*>
    IFA_INLINE constexpr ArrayView(Source&& source) : data(data_of(source)), extent(extent_of(source)), given(true) {}

    IFA_INLINE constexpr ArrayView(T* elements, Index count) : data(elements), extent(count), given(true) {}

    IFA_INLINE constexpr T& operator[](Index i) const { return data[i]; }

    T* data = nullptr;
    Index extent = 0;
    bool given = false;  // distinguishes an absent array from a null pointer passed by mistake
};

}  // namespace ifa
