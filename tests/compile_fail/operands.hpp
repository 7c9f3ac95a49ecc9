// Operands of right types; each case combines them, or one of its own, wrongly. Nothing is ever run.
#pragma once

#include <ifa/ifa.hpp>

extern const ifa::TensorView<const float> query;
extern const ifa::TensorView<float> output;
extern const ifa::TensorView<std::int8_t> int8_output;

extern const ifa::ContiguousKv<float, float> cache;
extern const ifa::PagedKv<const float, const float> paged_cache;
extern const ifa::TensorListKv<const float, const float> list_cache;
extern const ifa::ContiguousKv<const std::int8_t, const std::int8_t> int8_cache;

extern const ifa::TensorView<const float> new_rows;
extern const float scale[];
