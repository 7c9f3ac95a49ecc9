// Where query rows come from: views of every type and layout, or a caller's own source.
#include "ifa/query.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/incre_flash_attention.hpp"
#include "support/decode.hpp"

namespace {

using namespace support;

const Sizes kSizes{.batch = 2, .heads = 6, .kv_heads = 2, .seq = 100, .key_dim = 25};

template <class Query>
std::vector<float> run(const Decode<float>& decode, const Query& query) {
    auto all = operands<float>(decode);
    ifa::incre_flash_attention(query, ifa::ContiguousKv{all.key.view(), all.value.view()}, all.out.view(),
                               {.scale = decode.scale});
    return all.out.dense();
}

template <class T>
class QueryOf : public ::testing::Test {};
using Elements = ::testing::Types<float, ifa::float16, ifa::bfloat16>;
TYPED_TEST_SUITE(QueryOf, Elements);

TYPED_TEST(QueryOf, IsReadExactlyInEveryLayout) {
    const Decode<float> decode(kSizes);
    const auto query = Random(8).vector<TypeParam>(decode.query.size());
    reference::Problem problem = decode.problem();
    problem.query = as_doubles(query);
    const std::vector<reference::Row> exact = reference::attend(problem);
    for (const Layout layout : kLayouts) {
        const Tensor<TypeParam> tensor(query, kSizes.query(), layout);
        EXPECT_TRUE(within_bound(run(decode, tensor.view()), exact, kTau, "float32 cache")) << name(layout);
    }
}

TEST(Query, OneRowMayServeEverySequence) {
    const Decode<float> decode(kSizes);
    reference::Problem problem = decode.problem();
    std::copy_n(problem.query.begin(), 150, problem.query.begin() + 150);
    const auto shared = ifa::strided(decode.query, kSizes.query(), {.batch = 0, .head = 25});
    EXPECT_TRUE(within_bound(run(decode, shared), reference::attend(problem), kTau, "float32 cache"));
}

// Turns rows on the way in, as a rotary embedding would.
struct Negated {
    using role = ifa::role::QuerySource;

    TensorView<const float> query;

    Shape shape() const { return query.shape; }
    void read(const ifa::Row& row, float* to) const {
        for (Index d = 0; d < query.shape.head_dim; ++d) to[d] = -query.row(row.sequence, row.head, row.query)[d];
    }
};

TEST(Query, MayComeFromACallersOwnSource) {
    const Decode<float> decode(kSizes);
    reference::Problem problem = decode.problem();
    for (double& x : problem.query) x = -x;
    EXPECT_TRUE(within_bound(run(decode, Negated{ifa::bsh(decode.query, kSizes.query())}), reference::attend(problem),
                             kTau, "float32 cache"));
}

}  // namespace
