// Whole calls on the portable kernels, in one program with those of this target's instruction set.
#ifndef IFA_FORCE_PORTABLE
#define IFA_FORCE_PORTABLE
#endif

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ifa/ifa.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 3, .heads = 6, .kv_heads = 2, .seq = 600, .key_dim = 37, .value_dim = 29};
const std::vector<Index> kLengths{600, 0, 77};

TEST(PortableCalls, IsWhatThisUnitRuns) {
    EXPECT_EQ(std::string(ifa::isa()), "portable");
}

template <class T>
class PortableCallsOf : public ::testing::Test {};
using float16 = ifa::float16;
using bfloat16 = ifa::bfloat16;
using AllTypes = ::testing::Types<float, float16, bfloat16>;
TYPED_TEST_SUITE(PortableCallsOf, AllTypes);

TYPED_TEST(PortableCallsOf, BiasedMaskedPagesAreRight) {
    using T = TypeParam;
    const Decode<T> decode(kSizes);
    const auto pages = paged(decode, kLengths, 16, Layout::kBsh);
    reference::Problem problem = decode.problem(kLengths);
    const Index columns = pages.columns();
    const std::vector<std::uint8_t> hidden = Random(3).mask(size(columns), 1, 3);
    const std::vector<T> bias = Random(4).vector<T>(size(6 * columns));
    for (Index b = 0; b < 3; ++b) problem.hidden.insert(problem.hidden.end(), hidden.begin(), hidden.begin() + 600);
    for (Index row = 0; row < 18; ++row)
        for (Index j = 0; j < 600; ++j) problem.bias.push_back(as_double(bias[size(row % 6 * columns + j)]));
    const Tensor<T> query(decode.query, kSizes.query(), Layout::kBnsd);
    Tensor<float> out(kSizes.output(), Layout::kStrided);
    ifa::incre_flash_attention(query.view(), ifa::PagedKv{pages.key.view(), pages.value.view(), pages.block_table()},
                               out.view(), {.scale = decode.scale}, ifa::RightPadding{.lengths = kLengths},
                               ifa::AttnMask{ifa::mask(hidden, {.seq = columns})},
                               ifa::PseShift{ifa::bias(bias, {.heads = 6, .seq = columns})});
    EXPECT_TRUE(
        within_bound(out.dense(), reference::attend(problem), kTau, std::string(type_name<T>()) + " cache, portable"));
    EXPECT_TRUE(out.surroundings_untouched());
}

TEST(PortableCalls, QuantisedCachesAreRight) {
    const Decode<float, std::int8_t> decode(kSizes);
    const Scales<float16> scales(kSizes.channels(), 3);
    reference::Problem problem = decode.problem();
    dequantise(problem, scales);
    auto all = operands<float>(decode);
    const auto kv = ifa::antiquant(ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   ifa::per_channel(scales.scale, scales.offset));
    const std::vector<reference::Row> exact = reference::attend(problem);
    ifa::incre_flash_attention(all.query.view(), kv, all.out.view(), {.scale = decode.scale}, ifa::HighPrecision{});
    EXPECT_TRUE(within_bound(all.out.dense(), exact, kTau, "int8 cache, HighPrecision, portable"));
    ifa::incre_flash_attention(all.query.view(), kv, all.out.view(), {.scale = decode.scale});
    EXPECT_TRUE(within_bound(all.out.dense(), exact, kTauInt8HighPerformance, "int8 cache, HighPerformance, portable"));
}

TEST(PortableCalls, QuantisedOutputsAreRight) {
    const Decode<float> decode(kSizes);
    auto all = operands<std::int8_t>(decode);
    ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                               ifa::post_quant(all.out.view(), {.scale = 90.f, .offset = -3.f}),
                               {.scale = decode.scale});
    EXPECT_TRUE(within_step(
        all.out.dense(), reference::attend(decode.problem()), kTau, [](std::size_t) { return 90.0; },
        [](std::size_t) { return -3.0; }));
}

TEST(PortableCalls, ErrorsAreTheSameClasses) {
    const Decode<float> decode(kSizes);
    auto all = operands<float>(decode);
    const Refusal refusal = thrown_by([&] {
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {}, ifa::RightPadding{.lengths = 601});
    });
    EXPECT_EQ(refusal.kind, ifa::ErrorKind::kRuntime);
    EXPECT_TRUE(all.out.untouched());
}

TEST(PortableCalls, AppendsAndCalibrates) {
    const Decode<float> decode(kSizes);
    ifa::Calibrator calibrator(2, 37, 29);
    const auto key = ifa::bnsd(decode.key, kSizes.key()), value = ifa::bnsd(decode.value, kSizes.value());
    calibrator.observe(key, value);
    std::vector<float> scale(kSizes.channels()), offset(scale.size());
    calibrator.write(scale, offset);
    Tensor<std::int8_t> key8(kSizes.key(), Layout::kBnsd), value8(kSizes.value(), Layout::kBnsd);
    ifa::append(ifa::antiquant(ifa::ContiguousKv{key8.view(), value8.view()}, ifa::per_channel(scale, offset)), key,
                value, 0);
    const std::vector<std::int8_t> stored = key8.dense();
    for (std::size_t i = 0; i < stored.size(); ++i) {
        const std::size_t channel = i / (37 * 600) % 2 * 37 + i % 37;
        EXPECT_NEAR((static_cast<float>(stored[i]) + offset[channel]) * scale[channel], decode.key[i],
                    0.51f * scale[channel]);
    }
}

}  // namespace
