// The error of every kind of the accuracy study, from 1,024 to 262,144 tokens, within its bound.
#include <gtest/gtest.h>

#include <string>

#include "support/accuracy.hpp"
#include "support/study.hpp"

namespace {

class Accuracy : public ::testing::TestWithParam<ifa::Index> {};
INSTANTIATE_TEST_SUITE_P(Study, Accuracy, ::testing::ValuesIn(study::kLengths),
                         [](const auto& tokens) { return "Over" + std::to_string(tokens.param) + "Tokens"; });

// Long contexts have short rows, so that the reference does not take minutes.
std::size_t head_dim(ifa::Index tokens) {
    return tokens > 16384 ? 32 : 128;
}

template <class T>
void expect_within_bounds(ifa::Index tokens) {
    for (const study::Kind& kind : study::kKinds) {
        if (!study::has<T>(kind)) continue;
        const study::Step<T> step(kind, tokens, head_dim(tokens));
        const std::vector<reference::Row> exact = step.exact();
        study::for_each_precision<T>([&](const auto& precision, double tau, const char* name) {
            const study::Error error = step.error(step.attend(precision), exact, tau);
            support::worst_ratios.note(std::string(support::type_name<T>()) + " cache, " + name + ", " + kind.name,
                                       error.ratio());
            EXPECT_LE(error.ratio(), 1) << kind.name << ", " << name << ": " << error.error << " against "
                                        << error.bound;
        });
    }
}

TEST_P(Accuracy, OfFloat32Caches) {
    expect_within_bounds<float>(GetParam());
}
TEST_P(Accuracy, OfFloat16Caches) {
    expect_within_bounds<ifa::float16>(GetParam());
}
TEST_P(Accuracy, OfBfloat16Caches) {
    expect_within_bounds<ifa::bfloat16>(GetParam());
}
TEST_P(Accuracy, OfInt8Caches) {
    expect_within_bounds<std::int8_t>(GetParam());
}

}  // namespace
