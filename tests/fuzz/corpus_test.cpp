// The inputs that fuzzers found worth keeping, in every build.
#include "fuzz/corpus.hpp"

#include <gtest/gtest.h>

#include "fuzz/dlpack.hpp"

namespace {

using Target = void (*)(const std::uint8_t* bytes, std::size_t size);

void replay(const char* folder, Target target) {
    const auto files = fuzz::files_of(std::filesystem::path(IFA_FUZZ_CORPUS) / folder);
    EXPECT_GE(files.size(), 10u);
    for (const std::filesystem::path& file : files) {
        const fuzz::Bytes bytes = fuzz::bytes_of(file);
        EXPECT_NO_THROW(target(bytes.data(), bytes.size())) << file;
    }
}

TEST(FuzzCorpus, OfTheRunTimeDoorEndsWell) {
    replay("door", fuzz::fuzz_door);
}

TEST(FuzzCorpus, OfDlpackEndsWell) {
    replay("dlpack", fuzz::fuzz_dlpack);
}

}  // namespace
