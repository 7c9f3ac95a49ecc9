// Which policy plays which role, whatever their order.
#include "ifa/resolve.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 4, .kv_heads = 2, .seq = 60, .key_dim = 16};

struct Call {
    Decode<float> decode{kSizes};
    Operands<float, float, float> all{operands<float>(decode)};
    ifa::ContiguousKv<float, float> kv{all.key.view(), all.value.view()};

    template <class... Policies>
    auto resolve(const Policies&... policies) {
        return ifa::resolve(all.query.view(), kv, all.out.view(), 0.5, policies...);
    }
    template <class... Policies>
    std::vector<float> run(const Policies&... policies) {
        all.out.poison();
        ifa::incre_flash_attention(all.query.view(), kv, all.out.view(), {.scale = decode.scale}, policies...);
        return all.out.dense();
    }
};

TEST(Resolve, FillsUnclaimedRolesWithDefaults) {
    Call call;
    const auto problem = call.resolve();
    EXPECT_EQ(&problem.kv, &call.kv);
    EXPECT_EQ(problem.scale, 0.5);
    static_assert(std::is_same_v<decltype(problem.executor), const ifa::Inline&>);
    static_assert(std::is_same_v<decltype(problem.codec), const ifa::Identity&>);
    static_assert(std::is_same_v<decltype(problem.groups), const ifa::GroupedQuery<>&>);
    static_assert(!decltype(problem)::kShiftsValues && !decltype(problem)::kNeedsKeyConstant);
}

TEST(Resolve, TakesTheExtentsFromTheOperands) {
    Call call;
    const ifa::Geometry geometry = call.resolve().geometry;
    EXPECT_EQ(geometry.batch, 2);
    EXPECT_EQ(geometry.heads, 4);
    EXPECT_EQ(geometry.kv_heads, 2);
    EXPECT_EQ(geometry.key_dim, 16);
    EXPECT_EQ(geometry.value_dim, 16);
    EXPECT_EQ(geometry.columns, 60);
}

TEST(Resolve, PoliciesMayComeInAnyOrder) {
    Call call;
    const std::vector<std::uint8_t> hidden = Random(1).mask(120, 1, 3);
    const std::vector<float> bias = Random(2).vector<float>(4 * 60);
    const ifa::AttnMask mask{ifa::mask(hidden, {.batch = 2, .seq = 60})};
    const ifa::PseShift shift{ifa::bias(bias, {.batch = 1, .heads = 4, .seq = 60})};
    const ifa::RightPadding padding{.lengths = 44};
    const auto double_it = [](const ifa::ScoreTile& tile) {
        for (float& x : tile.scores) x *= 2;
    };
    const std::vector<float> expected =
        call.run(padding, mask, shift, double_it, ifa::HighPrecision{}, ifa::GroupedQuery<2>{});
    EXPECT_EQ(call.run(ifa::GroupedQuery<2>{}, shift, ifa::HighPrecision{}, double_it, mask, padding), expected);
    EXPECT_EQ(call.run(shift, mask, double_it, ifa::Inline{}, padding), expected);
}

TEST(Resolve, TheKeyConstantIsAddedOnlyWhereItMatters) {
    Call call;
    std::vector<std::int8_t> cache(elements(kSizes.key()));
    const std::vector<float> scale(kSizes.channels(), 1.f);
    const ifa::ContiguousKv kv{ifa::bsh(cache, kSizes.key()), ifa::bsh(cache, kSizes.value())};
    const auto quantised = ifa::antiquant(kv, ifa::per_channel(scale));
    const auto query = call.all.query.view();
    const auto out = call.all.out.view();
    const ifa::PseShift<float> shift;
    const auto term = [](const ifa::ScoreTile&) {};
    static_assert(!decltype(ifa::resolve(query, quantised, out, 1.0))::kNeedsKeyConstant);
    static_assert(!decltype(ifa::resolve(query, quantised, out, 1.0, shift))::kNeedsKeyConstant);
    static_assert(decltype(ifa::resolve(query, quantised, out, 1.0, term))::kNeedsKeyConstant);
    static_assert(decltype(ifa::resolve(query, quantised, ifa::keep_log_sum_exp(out, out), 1.0))::kNeedsKeyConstant);
    static_assert(decltype(ifa::resolve(query, quantised, out, 1.0, ifa::HighPrecision{}))::kShiftsValues);
    EXPECT_EQ(&ifa::storage_of(quantised), &quantised.storage);
}

}  // namespace
