// Every policy of the library meets its role, and windows know their length.
#include "ifa/concepts.hpp"

#include <gtest/gtest.h>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include "ifa/ifa.hpp"

namespace {

static_assert(ifa::QuerySource<ifa::QueryRows<ifa::float16>>);
static_assert(ifa::OutputSink<ifa::OutputRows<float>> && ifa::OutputSink<ifa::PostQuant<ifa::QuantPerTensor>>);
static_assert(ifa::OutputSink<ifa::PostQuant<ifa::QuantPerChannel>> &&
              ifa::OutputSink<ifa::LogSumExpSink<ifa::OutputRows<ifa::bfloat16>>>);
static_assert(ifa::KvStorage<ifa::ContiguousKv<const float, const ifa::float16>>);
static_assert(ifa::KvStorage<ifa::TensorListKv<const std::int8_t, const std::int8_t>>);
static_assert(ifa::KvStorage<ifa::PagedKv<ifa::bfloat16, ifa::bfloat16>>);
static_assert(ifa::KvCodec<ifa::Identity> && ifa::KvCodec<ifa::PerChannel<const ifa::float16>>);
static_assert(ifa::KvCodec<ifa::PerTensor<const float>>);
static_assert(ifa::HeadGroups<ifa::GroupedQuery<>> && ifa::HeadGroups<ifa::GroupedQuery<8>>);
static_assert(ifa::WindowVisibility<ifa::NoPadding> && ifa::WindowVisibility<ifa::RightPadding>);
static_assert(ifa::WindowVisibility<ifa::LeftPadding> && !ifa::ColumnVisibility<ifa::LeftPadding>);
static_assert(ifa::ColumnVisibility<ifa::AttnMask> && !ifa::WindowVisibility<ifa::AttnMask>);
static_assert(ifa::ScoreTerm<ifa::PseShift<const float>>);
static_assert(ifa::Precision<ifa::HighPrecision> && ifa::Precision<ifa::HighPerformance>);
static_assert(ifa::Executor<ifa::Inline> && ifa::Executor<ifa::EigenPool<Eigen::ThreadPool>>);

TEST(Window, OfReversedEndsIsEmpty) {
    EXPECT_EQ((ifa::Window{3, 10}.length()), 7);
    EXPECT_EQ((ifa::Window{10, 10}.length()), 0);
    EXPECT_EQ((ifa::Window{10, 3}.length()), 0);
    EXPECT_EQ(ifa::Window{}.length(), 0);
}

}  // namespace
