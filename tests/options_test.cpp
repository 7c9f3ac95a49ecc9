// What an unset option means.
#include "ifa/options.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Options, DefaultToAnUnplannedUnscaledCallOnItsOwnMemory) {
    constexpr ifa::Options options;
    EXPECT_EQ(options.scale, 1.0);
    EXPECT_EQ(options.plan, nullptr);
    EXPECT_TRUE(options.workspace.empty());
    EXPECT_EQ(options.chunk_tokens, ifa::kDefaultChunkTokens);
    EXPECT_EQ(options.wholly_hidden_rows, ifa::WhollyHiddenRows::kZeros);
}

}  // namespace
