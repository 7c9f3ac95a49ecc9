// The inputs that the fuzzer of the C ABI found worth keeping, through the shared library.
#include "fuzz/c_api.hpp"

#include <gtest/gtest.h>

#include "fuzz/corpus.hpp"

namespace {

TEST(FuzzCorpus, OfTheCAbiEndsWell) {
    const auto files = fuzz::files_of(std::filesystem::path(IFA_FUZZ_CORPUS) / "c_api");
    EXPECT_GE(files.size(), 10u);
    for (const std::filesystem::path& file : files) {
        const fuzz::Bytes bytes = fuzz::bytes_of(file);
        EXPECT_NO_THROW(fuzz::fuzz_c_api(bytes.data(), bytes.size())) << file;
    }
}

}  // namespace
