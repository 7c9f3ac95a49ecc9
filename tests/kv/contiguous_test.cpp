// The cache in one tensor each: any layout, any strides, V inside K, dimensions that differ.
#include "ifa/kv/contiguous.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

template <class Cache>
class ContiguousKvOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16>;
TYPED_TEST_SUITE(ContiguousKvOf, Elements);

TYPED_TEST(ContiguousKvOf, EveryLayoutIsRight) {
    const Decode<float, TypeParam> decode(
        {.batch = 2, .heads = 6, .kv_heads = 2, .seq = 101, .key_dim = 31, .value_dim = 17});
    const std::vector<reference::Row> exact = reference::attend(decode.problem());
    for (const Layout layout : kLayouts) {
        auto all = operands<float>(decode, layout);
        ifa::incre_flash_attention(all.query.view(), ifa::ContiguousKv{all.key.view(), all.value.view()},
                                   all.out.view(), {.scale = decode.scale});
        EXPECT_TRUE(within_bound(all.out.dense(), exact, kTau, std::string("contiguous ") + type_name<TypeParam>()))
            << name(layout);
        EXPECT_TRUE(all.out.surroundings_untouched()) << name(layout);
    }
}

std::vector<float> attend(const Decode<float>& decode, const auto& kv) {
    std::vector<float> out(elements(decode.sizes.output()));
    ifa::incre_flash_attention(ifa::bsh(decode.query, decode.sizes.query()), kv, ifa::bsh(out, decode.sizes.output()),
                               {.scale = decode.scale});
    return out;
}

TEST(ContiguousKv, ValueMayLieInsideKey) {
    // As in multi-head latent attention: the value is the head of each key row.
    const Sizes sizes{.batch = 2, .heads = 4, .kv_heads = 1, .seq = 60, .key_dim = 36, .value_dim = 32};
    Decode<float> decode(sizes);
    const auto key = ifa::bnsd(decode.key, sizes.key());
    const auto value = ifa::strided(decode.key, sizes.value(), key.strides);
    reference::Problem problem = decode.problem();
    for (std::size_t row = 0; row < 120; ++row)
        for (std::size_t d = 0; d < 32; ++d) problem.value[row * 32 + d] = problem.key[row * 36 + d];
    EXPECT_TRUE(
        within_bound(attend(decode, ifa::ContiguousKv{key, value}), reference::attend(problem), kTau, "V in K"));
}

TEST(ContiguousKv, KeyAndValueMayShareOneBufferTokenByToken) {
    // [B, S, 2, kvN, D]: the key and the value of a token side by side.
    const Sizes sizes{.batch = 2, .heads = 4, .kv_heads = 2, .seq = 30, .key_dim = 16};
    const Decode<float> decode(sizes);
    std::vector<float> memory(2 * decode.key.size());
    const ifa::Strides strides{.batch = 30 * 64, .head = 16, .seq = 64};
    const auto key = ifa::strided(memory.data(), sizes.key(), strides);
    const auto value = ifa::strided(memory.data() + 32, sizes.value(), strides);
    const auto fill = [](const auto& dense, const auto& to) {
        for (Index row = 0; row < 2 * 2 * 30; ++row)
            std::copy_n(&dense[size(row * 16)], 16, to.row(row / 60, row / 30 % 2, row % 30));
    };
    fill(decode.key, key), fill(decode.value, value);
    EXPECT_TRUE(within_bound(attend(decode, ifa::ContiguousKv{key, value}), reference::attend(decode.problem()), kTau,
                             "interleaved K and V"));
}

TEST(ContiguousKv, KeyAndValueTypesMayDiffer) {
    const Sizes sizes{.batch = 1, .heads = 2, .kv_heads = 1, .seq = 70, .key_dim = 24};
    const Decode<float, ifa::float16> halves(sizes);
    const Decode<float, ifa::bfloat16> brains(sizes, 2);
    reference::Problem problem = halves.problem();
    problem.value = as_doubles(brains.value);
    std::vector<float> out(elements(sizes.output()));
    ifa::incre_flash_attention(
        ifa::bsh(halves.query, sizes.query()),
        ifa::ContiguousKv{ifa::bnsd(halves.key, sizes.key()), ifa::bsh(brains.value, sizes.value())},
        ifa::bsh(out, sizes.output()), {.scale = halves.scale});
    problem.value.clear();
    const auto value = ifa::bsh(brains.value, sizes.value());
    for (Index s = 0; s < sizes.seq; ++s)
        for (Index d = 0; d < 24; ++d) problem.value.push_back(as_double(value.row(0, 0, s)[d]));
    EXPECT_TRUE(within_bound(out, reference::attend(problem), kTau, "K and V of two types"));
}

TEST(ContiguousKv, OneSequenceMayBeSharedByTheWholeBatch) {
    // A batch stride of 0.
    const Sizes sizes{.batch = 3, .heads = 2, .kv_heads = 1, .seq = 40, .key_dim = 16};
    const Decode<float> decode(sizes);
    const ifa::Strides shared{.batch = 0, .head = 40 * 16, .seq = 16};
    reference::Problem problem = decode.problem();
    for (const std::size_t copy : {std::size_t{1}, std::size_t{2}}) {
        std::copy_n(problem.key.begin(), 640, problem.key.begin() + static_cast<std::ptrdiff_t>(copy * 640));
        std::copy_n(problem.value.begin(), 640, problem.value.begin() + static_cast<std::ptrdiff_t>(copy * 640));
    }
    const ifa::ContiguousKv kv{ifa::strided(decode.key, sizes.key(), shared),
                               ifa::strided(decode.value, sizes.value(), shared)};
    EXPECT_TRUE(within_bound(attend(decode, kv), reference::attend(problem), kTau, "a shared sequence"));
}

TEST(ContiguousKv, RowsMayLieFurtherApartThan32BitsReach) {
    // Address space alone: only the pages of the rows are ever touched.
    constexpr Index kStride = (Index{1} << 31) + 64;
    constexpr std::size_t kBytes = (2 * kStride + 4096) * sizeof(ifa::float16);
    void* const space =
        mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) GTEST_SKIP() << "no address space of 8 GiB";
    const Sizes sizes{.batch = 1, .heads = 2, .kv_heads = 2, .seq = 3, .key_dim = 16};
    const Decode<float, ifa::float16> decode(sizes);
    auto* const memory = static_cast<ifa::float16*>(space);
    const auto key = ifa::strided(memory, sizes.key(), {.head = 16, .seq = kStride});
    const auto value = ifa::strided(memory + 1000, sizes.key(), {.head = 16, .seq = kStride});
    for (Index row = 0; row < 6; ++row) {
        std::copy_n(&decode.key[size(row * 16)], 16, key.row(0, row / 3, row % 3));
        std::copy_n(&decode.value[size(row * 16)], 16, value.row(0, row / 3, row % 3));
    }
    std::vector<float> out(32);
    ifa::incre_flash_attention(ifa::bsh(decode.query, sizes.query()), ifa::ContiguousKv{key, value},
                               ifa::bsh(out, sizes.output()), {.scale = decode.scale});
    EXPECT_TRUE(within_bound(out, reference::attend(decode.problem()), kTau, "rows 4 GiB apart"));
    munmap(space, kBytes);
}

TEST(ContiguousKv, GathersTheAddressesOfItsRows) {
    std::vector<float> memory(240);
    const Shape shape{.batch = 2, .heads = 3, .seq = 8, .head_dim = 5};
    const ifa::ContiguousKv kv{ifa::bsh(memory, shape), ifa::bnsd(memory, shape)};
    const float *keys[4], *values[4];
    kv.gather(1, 2, 3, 4, keys, values);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(keys[i], memory.data() + ((8 + 3 + i) * 3 + 2) * 5);
        EXPECT_EQ(values[i], memory.data() + ((3 + 2) * 8 + 3 + i) * 5);
    }
}

}  // namespace
