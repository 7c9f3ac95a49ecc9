// Plans in use: made once, run for many layers and by concurrent calls, and independent of what they were made from.
#include "ifa/kernel/plan.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/caches.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 3, .heads = 4, .kv_heads = 2, .seq = 1000, .key_dim = 24};
const std::vector<int> kLengths{1000, 0, 555};

template <class Cache>
struct Layer {
    explicit Layer(std::uint64_t seed) : decode(kSizes, seed), all(operands<float>(decode)) {}

    auto kv() const { return ifa::ContiguousKv{all.key.view(), all.value.view()}; }
    template <class... Policies>
    std::vector<float> run(const ifa::Options& options, const Policies&... policies) {
        all.out.poison();
        ifa::incre_flash_attention(all.query.view(), kv(), all.out.view(), options, policies...);
        return all.out.dense();
    }
    std::vector<float> unplanned() { return run({.scale = decode.scale}, ifa::RightPadding{.lengths = kLengths}); }

    Decode<float, Cache> decode;
    Operands<float, Cache, float> all;
};

ifa::Plan make_plan() {
    const std::vector<int> lengths = kLengths;
    return ifa::plan(kSizes.query(), Layer<float>(1).kv(), ifa::RightPadding{.lengths = lengths});
}

TEST(Plan, HasOneChunkWhereAChunkHoldsMoreThanAnyWindow) {
    constexpr Index kMost = std::numeric_limits<Index>::max() / ifa::kTileTokens * ifa::kTileTokens;
    Layer<float> layer(1);
    layer.run({.scale = layer.decode.scale, .chunk_tokens = kMost}, ifa::RightPadding{.lengths = kLengths});
    EXPECT_TRUE(within_bound(layer.all.out.dense(), reference::attend(layer.decode.problem(kLengths)), kTau, "chunks"));
    EXPECT_EQ(ifa::Plan::parts_in({3, 1000}, kMost), 1);
}

TEST(Plan, ServesEveryLayerOfAStep) {
    const ifa::Plan plan = make_plan();
    std::vector<std::byte> workspace(plan.workspace_bytes());
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Layer<float> layer(seed);
        EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &plan, .workspace = workspace}), layer.unplanned());
        EXPECT_TRUE(
            within_bound(layer.all.out.dense(), reference::attend(layer.decode.problem(kLengths)), kTau, "planned"));
    }
}

TEST(Plan, ServesOtherTypesOfTheSameGeometry) {
    const ifa::Plan plan = make_plan();
    Layer<ifa::float16> layer(3);
    EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &plan}), layer.unplanned());
}

TEST(Plan, OutlivesTheLengthsItWasMadeFrom) {
    Layer<float> layer(2);
    std::vector<int> lengths = kLengths;
    const ifa::Plan plan = ifa::plan(kSizes.query(), layer.kv(), ifa::RightPadding{.lengths = lengths});
    lengths.assign(3, 1);
    EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &plan}), layer.unplanned());
}

TEST(Plan, IsSharedByConcurrentCalls) {
    const ifa::Plan plan = make_plan();
    std::vector<Layer<float>> layers;
    std::vector<std::vector<float>> expected, got(4);
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        layers.emplace_back(seed);
        expected.push_back(layers.back().unplanned());
    }
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < 4; ++i)
            threads.emplace_back([&, i] {
                for (int step = 0; step < 10; ++step)
                    got[i] = layers[i].run({.scale = layers[i].decode.scale, .plan = &plan});
            });
    }
    EXPECT_EQ(got, expected);
}

TEST(Plan, MovesAndKeepsItsWork) {
    Layer<float> layer(2);
    ifa::Plan plan = make_plan();
    ifa::Plan moved(std::move(plan));
    plan = make_plan();
    plan = std::move(moved);
    EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &plan}), layer.unplanned());
}

struct Many {
    using role = ifa::role::Executor;

    int concurrency() const { return 64; }
    void run(int jobs, const auto& body) const {
        for (int job = 0; job < jobs; ++job) body(job);
    }
};

TEST(Plan, OfManyJobsServesAnExecutorOfFew) {
    Layer<float> layer(2);
    const ifa::Plan wide = ifa::plan(kSizes.query(), layer.kv(), Many{}, ifa::RightPadding{.lengths = kLengths});
    const ifa::Plan narrow = make_plan();
    const std::vector<float> expected = layer.unplanned();
    EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &wide}), expected);
    EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &narrow}, Many{}), expected);
}

TEST(Plan, CarriesItsChunkLength) {
    Layer<float> layer(2);
    const ifa::Plan plan =
        ifa::plan(kSizes.query(), layer.kv(), {.chunk_tokens = 96}, ifa::RightPadding{.lengths = kLengths});
    EXPECT_EQ(plan.chunk_tokens(), 96);
    EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &plan}),
              layer.run({.scale = layer.decode.scale, .chunk_tokens = 96}, ifa::RightPadding{.lengths = kLengths}));
}

TEST(Plan, MasksAndTermsStayWithTheCalls) {
    Layer<float> layer(2);
    const ifa::Plan plan = make_plan();
    const std::vector<std::uint8_t> hidden = Random(4).mask(3000, 1, 3);
    const ifa::AttnMask mask{ifa::mask(hidden, {.batch = 3, .seq = 1000})};
    const auto cap = [](const ifa::ScoreTile& tile) {
        for (float& x : tile.scores) x *= 0.5f;
    };
    EXPECT_EQ(layer.run({.scale = layer.decode.scale, .plan = &plan}, mask, cap),
              layer.run({.scale = layer.decode.scale}, ifa::RightPadding{.lengths = kLengths}, mask, cap));
}

TEST(Plan, OfAnEmptyBatchIsEmpty) {
    const Shape none{.batch = 0, .heads = 4, .head_dim = 8};
    const ifa::Plan plan = ifa::plan(none, ifa::ContiguousKv{ifa::bsh(static_cast<float*>(nullptr), none),
                                                             ifa::bsh(static_cast<float*>(nullptr), none)});
    EXPECT_EQ(plan.items(), 0);
}

TEST(Plan, OfAnEmptyListIsEmpty) {
    const std::vector<TensorView<const float>> none;
    const ifa::TensorListKv kv{none, none};
    EXPECT_EQ(ifa::plan({.batch = 0, .heads = 4, .head_dim = 8}, kv).items(), 0);
}

}  // namespace
