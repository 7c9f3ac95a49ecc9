// The element types: float32, float16, bfloat16 (Eigen's, as storage) and int8, and how a caller's own 16-bit type
// joins.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <type_traits>

#include "config.hpp"

namespace ifa {

using float16 = Eigen::half;
using bfloat16 = Eigen::bfloat16;

// Says that `T` has the bits of one of the element types. Specialise it to pass your own type without a copy:
//   template <> struct ifa::registered_element<my::half> { using type = ifa::float16; };
template <class T>
struct registered_element {
    using type = T;
};

// The element type `T` stands for, keeping const.
template <class T>
using element_t =
    std::conditional_t<std::is_const_v<T>, const typename registered_element<std::remove_const_t<T>>::type,
                       typename registered_element<std::remove_const_t<T>>::type>;

template <class T>
concept FloatElement =
    std::is_same_v<std::remove_const_t<T>, float> || std::is_same_v<std::remove_const_t<T>, float16> ||
    std::is_same_v<std::remove_const_t<T>, bfloat16>;

template <class T>
concept Element = FloatElement<T> || std::is_same_v<std::remove_const_t<T>, std::int8_t>;

}  // namespace ifa
