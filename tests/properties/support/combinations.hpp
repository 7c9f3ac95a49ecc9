// The combinations of types and policies the differential test instantiates.
#pragma once

#include <iterator>

#include "factors.hpp"

namespace properties {

namespace table_words {

inline constexpr auto none = ElementType::kNone, f32 = ElementType::kFloat32, f16 = ElementType::kFloat16,
                      bf16 = ElementType::kBfloat16, i8 = ElementType::kInt8;
inline constexpr auto plain = Codec::kIdentity, channel = Codec::kPerChannel, tensor = Codec::kPerTensor;
inline constexpr auto cast = Quant::kPlain, q_tensor = Quant::kPerTensor, q_channel = Quant::kPerChannel;
inline constexpr auto drop = LogSumExp::kDropped, keep = LogSumExp::kKept;
inline constexpr auto whole = Storage::kContiguous, list = Storage::kList, paged = Storage::kPaged;
inline constexpr auto full = Padding::kNone, right = Padding::kRight, left = Padding::kLeft;
inline constexpr auto direct = Planning::kUnplanned, planned = Planning::kPlanned;
inline constexpr auto open = Masking::kUnmasked, masked = Masking::kMasked;
inline constexpr auto linear = Cap::kNone, cap = Cap::kSoft;
inline constexpr auto exact = Precision::kHighPrecision, fast = Precision::kHighPerformance;

// A covering array: every legal pair of values of two columns is in some row, and so is every triple of query, cache
// and output, of query, cache and storage, and of cache, storage and output. The test counts the pairs.
// clang-format off
inline constexpr Combination kCombinations[] = {
//   query cache codec    scale output quant      lse   storage padding plan     mask    pse   lambda  precision
    {f32,  f32,  plain,   none, f32,  cast,      keep, paged, right, direct,  masked, f16,  cap,    fast},
    {f32,  f32,  plain,   none, f16,  cast,      keep, list,  full,  direct,  masked, f32,  cap,    fast},
    {f32,  f32,  plain,   none, bf16, cast,      drop, whole, left,  planned, open,   f32,  cap,    fast},
    {f32,  f32,  plain,   none, i8,   q_tensor,  drop, list,  full,  direct,  masked, none, linear, exact},
    {f16,  f32,  plain,   none, f32,  cast,      keep, list,  full,  direct,  open,   bf16, cap,    fast},
    {f16,  f32,  plain,   none, f16,  cast,      drop, whole, full,  planned, open,   f32,  linear, exact},
    {f16,  f32,  plain,   none, bf16, cast,      keep, paged, right, planned, masked, bf16, linear, exact},
    {f16,  f32,  plain,   none, i8,   q_channel, drop, whole, full,  direct,  masked, none, cap,    exact},
    {bf16, f32,  plain,   none, f32,  cast,      keep, whole, right, planned, masked, bf16, linear, fast},
    {bf16, f32,  plain,   none, f16,  cast,      keep, paged, right, direct,  masked, f32,  cap,    exact},
    {bf16, f32,  plain,   none, bf16, cast,      keep, list,  right, direct,  masked, f16,  linear, fast},
    {bf16, f32,  plain,   none, i8,   q_tensor,  drop, paged, right, planned, open,   f16,  linear, fast},
    {bf16, f32,  plain,   none, i8,   q_channel, drop, list,  right, direct,  masked, none, linear, exact},
    {f32,  f16,  plain,   none, f32,  cast,      drop, list,  right, planned, masked, f32,  cap,    exact},
    {f32,  f16,  plain,   none, f16,  cast,      drop, paged, right, direct,  masked, bf16, cap,    fast},
    {f32,  f16,  plain,   none, bf16, cast,      drop, paged, right, direct,  masked, f32,  cap,    fast},
    {f32,  f16,  plain,   none, i8,   q_tensor,  keep, whole, left,  planned, masked, none, cap,    fast},
    {f16,  f16,  plain,   none, f32,  cast,      keep, whole, full,  planned, masked, f32,  cap,    exact},
    {f16,  f16,  plain,   none, f16,  cast,      drop, whole, full,  direct,  masked, f16,  linear, fast},
    {f16,  f16,  plain,   none, bf16, cast,      keep, list,  right, planned, open,   bf16, linear, fast},
    {f16,  f16,  plain,   none, i8,   q_tensor,  keep, paged, right, planned, open,   bf16, cap,    fast},
    {bf16, f16,  plain,   none, f32,  cast,      drop, paged, right, direct,  masked, f32,  cap,    exact},
    {bf16, f16,  plain,   none, f16,  cast,      drop, list,  right, direct,  masked, bf16, linear, exact},
    {bf16, f16,  plain,   none, bf16, cast,      keep, whole, right, planned, masked, f32,  cap,    exact},
    {bf16, f16,  plain,   none, i8,   q_channel, keep, list,  full,  planned, masked, f16,  linear, fast},
    {f32,  bf16, plain,   none, f32,  cast,      drop, paged, right, planned, open,   none, linear, fast},
    {f32,  bf16, plain,   none, f16,  cast,      drop, whole, left,  direct,  open,   bf16, linear, fast},
    {f32,  bf16, plain,   none, bf16, cast,      drop, whole, right, direct,  open,   bf16, cap,    fast},
    {f32,  bf16, plain,   none, i8,   q_tensor,  keep, list,  full,  planned, open,   none, cap,    exact},
    {f16,  bf16, plain,   none, f32,  cast,      keep, list,  full,  planned, open,   f16,  cap,    fast},
    {f16,  bf16, plain,   none, f16,  cast,      drop, paged, right, planned, masked, f16,  linear, fast},
    {f16,  bf16, plain,   none, bf16, cast,      drop, list,  right, direct,  masked, f32,  linear, exact},
    {f16,  bf16, plain,   none, i8,   q_channel, drop, whole, right, planned, masked, f32,  linear, exact},
    {bf16, bf16, plain,   none, f32,  cast,      keep, list,  right, direct,  open,   none, linear, fast},
    {bf16, bf16, plain,   none, f32,  cast,      keep, whole, full,  planned, masked, bf16, cap,    exact},
    {bf16, bf16, plain,   none, f16,  cast,      drop, list,  right, direct,  masked, f32,  cap,    exact},
    {bf16, bf16, plain,   none, bf16, cast,      drop, paged, right, planned, masked, f16,  cap,    fast},
    {bf16, bf16, plain,   none, i8,   q_tensor,  keep, paged, right, direct,  masked, bf16, cap,    fast},
    {f32,  i8,   tensor,  f32,  f32,  cast,      keep, whole, left,  planned, open,   f16,  linear, exact},
    {f32,  i8,   tensor,  f16,  f16,  cast,      drop, list,  full,  direct,  open,   none, cap,    exact},
    {f32,  i8,   channel, f16,  bf16, cast,      keep, paged, right, planned, masked, f16,  cap,    exact},
    {f32,  i8,   tensor,  bf16, i8,   q_channel, drop, whole, right, direct,  masked, f32,  linear, fast},
    {f16,  i8,   channel, bf16, f32,  cast,      drop, list,  full,  direct,  open,   f16,  linear, fast},
    {f16,  i8,   tensor,  bf16, f16,  cast,      keep, whole, left,  planned, masked, bf16, cap,    exact},
    {f16,  i8,   channel, f16,  bf16, cast,      keep, list,  full,  planned, masked, f32,  linear, exact},
    {f16,  i8,   tensor,  f16,  i8,   q_tensor,  keep, list,  right, planned, open,   bf16, cap,    fast},
    {f16,  i8,   channel, bf16, i8,   q_tensor,  keep, paged, right, direct,  masked, none, cap,    fast},
    {f16,  i8,   tensor,  f32,  i8,   q_channel, keep, list,  right, direct,  masked, bf16, linear, fast},
    {bf16, i8,   tensor,  f16,  f32,  cast,      keep, paged, right, planned, open,   none, linear, exact},
    {bf16, i8,   channel, f32,  f16,  cast,      drop, paged, right, direct,  open,   bf16, cap,    exact},
    {bf16, i8,   tensor,  f32,  bf16, cast,      drop, whole, full,  direct,  masked, none, linear, fast},
    {bf16, i8,   tensor,  bf16, bf16, cast,      drop, whole, full,  planned, open,   none, linear, exact},
    {bf16, i8,   tensor,  f32,  i8,   q_tensor,  keep, list,  right, planned, open,   f32,  linear, fast},
    {bf16, i8,   channel, f16,  i8,   q_channel, keep, whole, left,  direct,  open,   bf16, linear, fast},
//  Those that with two of the above cover what the document's signature takes, for the test of both doors.
    {f32,  f32,  plain,   none, f32,  cast,      drop, whole, left,  direct,  masked, f32,  linear, fast},
    {f32,  f32,  plain,   none, i8,   q_channel, drop, list,  full,  planned, open,   none, linear, exact},
    {f16,  f16,  plain,   none, f16,  cast,      drop, paged, right, planned, masked, f16,  linear, exact},
    {f16,  f16,  plain,   none, i8,   q_tensor,  drop, list,  right, direct,  open,   f16,  linear, fast},
    {bf16, bf16, plain,   none, bf16, cast,      drop, list,  right, planned, masked, bf16, linear, fast},
    {bf16, bf16, plain,   none, i8,   q_channel, drop, whole, left,  direct,  open,   bf16, linear, exact},
    {f32,  i8,   channel, f32,  f32,  cast,      drop, paged, right, direct,  masked, f32,  linear, fast},
    {f32,  i8,   tensor,  f32,  i8,   q_tensor,  drop, whole, left,  planned, masked, none, linear, exact},
    {f16,  i8,   tensor,  f16,  f16,  cast,      drop, whole, left,  direct,  masked, f16,  linear, exact},
    {f16,  i8,   channel, f16,  i8,   q_tensor,  drop, paged, right, planned, open,   none, linear, fast},
    {bf16, i8,   channel, bf16, bf16, cast,      drop, list,  right, planned, masked, bf16, linear, exact},
    {bf16, i8,   channel, bf16, i8,   q_channel, drop, whole, right, direct,  open,   none, linear, fast},
};
// clang-format on

}  // namespace table_words

using table_words::kCombinations;
inline constexpr std::size_t kRows = std::size(kCombinations);

// A point with the types of a row.
inline Point point_of_row(std::size_t index) {
    const Combination& row = kCombinations[index];
    const auto value = [](auto x) { return static_cast<std::uint8_t>(x); };
    return {.row = index,
            .values = {value(row.query), value(row.cache), value(row.codec), value(row.scale), value(row.output),
                       value(row.quant), value(row.log_sum_exp), value(row.storage), value(row.padding),
                       value(row.planning), value(row.masking), value(row.bias), value(row.cap), value(row.precision)}};
}

}  // namespace properties
