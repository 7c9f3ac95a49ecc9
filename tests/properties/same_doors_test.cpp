// The same bits through the typed door and the run-time door, over all of the differential test's space that the
// document's signature takes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "properties/support/rows.hpp"
#include "properties/support/run_time_door.hpp"

namespace properties {
namespace {

// The output's bytes, those between and around its rows included.
template <class Execute>
std::vector<std::byte> output_of(Case& c, const Execute& execute) {
    const std::vector<std::byte> poisoned = c.call.output.bytes;
    execute(c);
    return std::exchange(c.call.output.bytes, poisoned);
}

TEST(SameDoors, GiveTheSameBits) {
    constexpr std::uint64_t kSeed = 20261123;
    const char* const limit = std::getenv("IFA_CASES");
    const int cases_of_row = limit ? std::max(std::atoi(limit) / 50, 1) : 60;
    const Space space;
    support::Random random(kSeed);
    std::uint64_t index = 0;
    int rows = 0, compared = 0;
    for (std::size_t row = 0; row < kRows; ++row) {
        if (!is_in_document(kCombinations[row])) continue;
        ++rows;
        for (int done = 0; done < cases_of_row;) {
            Case c(kSeed, ++index, point_in_document(space, row, random));
            if (!is_in_document(c)) continue;
            const auto typed = [](const Case& of) { execute_typed(of.point.row, of.call); };
            ASSERT_TRUE(output_of(c, typed) == output_of(c, execute_dynamic)) << "row " << row << ", case " << index;
            ++done, ++compared;
        }
    }
    std::cout << compared << " calls of " << rows << " combinations of types and policies\n";
    EXPECT_GE(rows, 14);
}

}  // namespace
}  // namespace properties
