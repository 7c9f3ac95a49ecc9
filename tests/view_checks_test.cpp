// What every view is held to, and whether two of them share memory.
#include "ifa/view_checks.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/random.hpp"

namespace {

using ifa::Index;
using ifa::Shape;
using ifa::Strides;
using View = ifa::TensorView<float>;

std::vector<float> memory(4096);

View view(Index offset, const Shape& shape, const Strides& strides) {
    return {memory.data() + offset, shape, strides, ifa::kUnknownExtent};
}

bool overlap(const View& a, const View& b) {
    const bool forth = ifa::overlap(ifa::region_of(a), ifa::region_of(b));
    EXPECT_EQ(forth, ifa::overlap(ifa::region_of(b), ifa::region_of(a)));
    return forth;
}

// Whether two views share an element, by looking at every one.
bool share_an_element(const View& a, const View& b) {
    std::vector<bool> touched(memory.size());
    const auto each = [](const View& v, const auto& visit) {
        for (Index i = 0; i < v.shape.batch; ++i)
            for (Index h = 0; h < v.shape.heads; ++h)
                for (Index s = 0; s < v.shape.seq; ++s)
                    for (Index d = 0; d < v.shape.head_dim; ++d)
                        visit(static_cast<std::size_t>(v.row(i, h, s) + d - memory.data()));
    };
    bool shared = false;
    each(a, [&](std::size_t i) { touched[i] = true; });
    each(b, [&](std::size_t i) { shared = shared || touched[i]; });
    return shared;
}

View random_view(support::Random& random) {
    const Shape shape{random.integer(0, 3), random.integer(1, 3), random.integer(1, 4), random.integer(1, 5)};
    return view(random.integer(0, 60), shape, {random.integer(0, 40), random.integer(0, 12), random.integer(0, 9)});
}

TEST(Overlap, IsExactlyASharedElement) {
    support::Random random(1);
    int overlapping = 0;
    for (int round = 0; round < 20000; ++round) {
        const View a = random_view(random), b = random_view(random);
        const bool expected = share_an_element(a, b);
        overlapping += expected ? 1 : 0;
        ASSERT_EQ(overlap(a, b), expected) << round;
    }
    EXPECT_GT(overlapping, 2000);
    EXPECT_LT(overlapping, 18000);
}

TEST(Overlap, RowsThatInterleaveInOneBufferStayApart) {
    const Shape shape{.batch = 2, .heads = 3, .seq = 4, .head_dim = 8};
    const Strides strides{.batch = 3 * 4 * 16, .head = 4 * 16, .seq = 16};
    EXPECT_FALSE(overlap(view(0, shape, strides), view(8, shape, strides)));
    EXPECT_TRUE(overlap(view(0, shape, strides), view(7, shape, strides)));
}

TEST(Overlap, ViewsOfDifferentElementSizesAreComparedByBytes) {
    const auto* const bytes = reinterpret_cast<const std::int8_t*>(memory.data());
    const ifa::TensorView<const std::int8_t> behind{bytes + 16, {.head_dim = 4}, {}, 4},
        within{bytes + 15, {.head_dim = 1}, {}, 1};
    const View floats = view(0, {.head_dim = 4}, {});
    EXPECT_FALSE(ifa::overlap(ifa::region_of(floats), ifa::region_of(behind)));
    EXPECT_TRUE(ifa::overlap(ifa::region_of(floats), ifa::region_of(within)));
}

template <class Check>
std::string message_of(const Check& check) {
    ifa::Contracts contracts;
    check(contracts);
    return contracts.failed() ? contracts.result()->message : "";
}
std::string checked(const View& v) {
    return message_of([&](ifa::Contracts& contracts) { ifa::check_view("key", v, contracts); });
}
std::string checked_output(const View& v) {
    return message_of([&](ifa::Contracts& contracts) { ifa::check_output("out", v, contracts); });
}

TEST(ViewChecks, AViewHasDataAndSensibleExtents) {
    EXPECT_EQ(checked(view(0, {1, 2, 3, 4}, {0, 12, 4})), "");
    EXPECT_EQ(checked({nullptr, {1, 1, 0, 4}, {}, 0}), "");
    EXPECT_EQ(checked({nullptr, {1, 1, 1, 4}, {}, ifa::kUnknownExtent}), "key: expected data, got a null pointer");
    EXPECT_EQ(checked(view(0, {1, -2, 3, 4}, {})), "key: expected extents of at least 0, got (1, -2, 3, 4)");
    EXPECT_EQ(checked(view(0, {1, 2, 3, 4}, {0, 12, -4})), "key: expected strides of at least 0, got (0, 12, -4)");
}

TEST(ViewChecks, ARangeHoldsAllThatIsAddressed) {
    EXPECT_EQ(checked({memory.data(), {1, 2, 3, 4}, {0, 12, 4}, 24}), "");
    EXPECT_EQ(checked({memory.data(), {1, 2, 3, 4}, {0, 12, 4}, 23}),
              "key: expected a range of at least 24 elements, got 23");
}

TEST(ViewChecks, RowsOfAnOutputDoNotOverlap) {
    EXPECT_EQ(checked_output(view(0, {2, 3, 1, 4}, {12, 4, 0})), "");
    EXPECT_EQ(checked_output(view(0, {2, 3, 1, 4}, {4, 8, 0})), "");
    EXPECT_EQ(checked_output(view(0, {1, 1, 1, 4}, {0, 0, 0})), "");
    for (const Strides& strides : {Strides{0, 4, 0}, Strides{12, 3, 0}, Strides{11, 4, 0}, Strides{4, 4, 0}})
        EXPECT_NE(checked_output(view(0, {2, 3, 1, 4}, strides)), "");
}

TEST(ViewChecks, AnArrayHasExactlyItsElements) {
    const auto checked_array = [](const ifa::ArrayView<const float>& array) {
        return message_of([&](ifa::Contracts& contracts) { ifa::check_array("scale", array, 6, contracts); });
    };
    const std::vector<float> six(6), seven(7);
    const float* const forgotten = nullptr;
    EXPECT_EQ(checked_array(six), "");
    EXPECT_EQ(checked_array(six.data()), "");
    EXPECT_EQ(checked_array({}), "");
    EXPECT_EQ(checked_array(seven), "scale: expected 6 elements, got 7");
    EXPECT_EQ(checked_array(forgotten), "scale: expected data, got a null pointer");
}

}  // namespace
