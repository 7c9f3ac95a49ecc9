// The cache as one pair of tensors per sequence, each of its own length.
#include "ifa/kv/tensor_list.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 4, .heads = 6, .kv_heads = 2, .seq = 90, .key_dim = 20, .value_dim = 12};
const std::vector<Index> kLengths{90, 1, 0, 47};

template <class Query, class Cache>
struct Lists {
    Lists(const Decode<Query, Cache>& decode, Layout layout)
        : keys(decode.key, decode.sizes.key(), kLengths, layout),
          values(decode.value, decode.sizes.value(), kLengths, layout) {}

    TensorList<Cache> keys, values;
};

template <class... Policies>
std::vector<float> run(const Decode<float, ifa::float16>& decode, Layout layout, const Policies&... policies) {
    const Lists lists(decode, layout);
    const ifa::TensorListKv kv{lists.keys.views, lists.values.views};
    Tensor<float> out(kSizes.output(), layout);
    ifa::incre_flash_attention(ifa::bsh(decode.query, kSizes.query()), kv, out.view(), {.scale = decode.scale},
                               policies...);
    return out.dense();
}

TEST(TensorListKv, EverySequenceHasItsOwnLength) {
    const Decode<float, ifa::float16> decode(kSizes);
    for (const Layout layout : kLayouts)
        EXPECT_TRUE(within_bound(run(decode, layout), reference::attend(decode.problem(kLengths)), kTau, "list"))
            << name(layout);
}

TEST(TensorListKv, LengthsMayBeShorterThanTheTensors) {
    const Decode<float, ifa::float16> decode(kSizes);
    const std::vector<int> lengths{60, 1, 0, 46};
    EXPECT_TRUE(within_bound(run(decode, Layout::kBsh, ifa::RightPadding{.lengths = lengths}),
                             reference::attend(decode.problem(lengths)), kTau, "list"));
}

TEST(TensorListKv, MasksHaveTheColumnsOfTheLongest) {
    const Decode<float, ifa::float16> decode(kSizes);
    reference::Problem problem = decode.problem(kLengths);
    problem.hidden = Random(3).mask(4 * 90, 1, 3);
    const ifa::AttnMask mask{ifa::mask(problem.hidden, {.batch = 4, .seq = 90})};
    EXPECT_TRUE(within_bound(run(decode, Layout::kBsh, mask), reference::attend(problem), kTau, "list"));
}

TEST(TensorListKv, KnowsItsExtents) {
    const Decode<float, ifa::float16> decode(kSizes);
    const Lists lists(decode, Layout::kBsh);
    const ifa::TensorListKv kv{lists.keys.views, lists.values.views};
    EXPECT_EQ(kv.batch(), 4);
    EXPECT_EQ(kv.heads(), 2);
    EXPECT_EQ(kv.key_dim(), 20);
    EXPECT_EQ(kv.value_dim(), 12);
    EXPECT_EQ(kv.columns(), 90);
    for (Index b = 0; b < 4; ++b) EXPECT_EQ(kv.length(b), kLengths[size(b)]);
}

TEST(TensorListKv, IsTokenMajorAsItsFirstTensorIs) {
    const std::vector<float> memory(64);
    const Shape shape{.heads = 2, .seq = 4, .head_dim = 8};
    const std::vector<TensorView<const float>> tokens{ifa::bsh(memory, shape), ifa::bnsd(memory, shape)};
    const std::vector<TensorView<const float>> heads{tokens[1], tokens[0]}, none;
    EXPECT_TRUE((ifa::TensorListKv{tokens, tokens}.token_major()));
    EXPECT_FALSE((ifa::TensorListKv{heads, heads}.token_major()));
    EXPECT_FALSE((ifa::TensorListKv{none, none}.token_major()));
}

TEST(TensorListKv, TensorsOfOneListMayDifferInLayout) {
    const Decode<float> decode({.batch = 2, .heads = 2, .kv_heads = 2, .seq = 30, .key_dim = 16});
    const Shape one{.batch = 1, .heads = 2, .seq = 30, .head_dim = 16};
    const std::size_t half = decode.key.size() / 2;
    const std::vector<float> second_key(decode.key.begin() + static_cast<std::ptrdiff_t>(half), decode.key.end());
    const Tensor<float> token_major(second_key, one, Layout::kBsh);
    const std::vector<TensorView<const float>> keys{ifa::bnsd(decode.key.data(), one), token_major.view()};
    const std::vector<TensorView<const float>> values{ifa::bnsd(decode.value.data(), one),
                                                      ifa::bnsd(decode.value.data() + half, one)};
    std::vector<float> out(elements(decode.sizes.output()));
    ifa::incre_flash_attention(ifa::bsh(decode.query, decode.sizes.query()), ifa::TensorListKv{keys, values},
                               ifa::bsh(out, decode.sizes.output()), {.scale = decode.scale});
    EXPECT_TRUE(within_bound(out, reference::attend(decode.problem()), kTau, "list"));
}

}  // namespace
