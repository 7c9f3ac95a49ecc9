// The version and the instruction set a unit was compiled for.
#include "ifa/config.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(Config, VersionIsMadeOfItsParts) {
    EXPECT_EQ(IFA_VERSION, IFA_VERSION_MAJOR * 10000 + IFA_VERSION_MINOR * 100 + IFA_VERSION_PATCH);
}

TEST(Config, IsaNamesTheKernelsOfThisUnit) {
#if defined(IFA_FORCE_PORTABLE)
    EXPECT_EQ(std::string(ifa::isa()), "portable");
#elif defined(IFA_EMULATE_AVX512) || \
    (defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__AVX512VNNI__))
    EXPECT_EQ(std::string(ifa::isa()), "avx512");
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
    EXPECT_EQ(std::string(ifa::isa()), "avx2");
#elif defined(__aarch64__)
    EXPECT_EQ(std::string(ifa::isa()), "neon");
#else
    EXPECT_EQ(std::string(ifa::isa()), "portable");
#endif
}

TEST(Config, ChunksAreWholeTiles) {
    EXPECT_EQ(ifa::kDefaultChunkTokens % ifa::kTileTokens, 0);
}

}  // namespace
