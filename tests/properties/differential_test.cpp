// Random calls over the whole space of the operator against the float64 reference, with the coverage of pairs counted.
//
//   IFA_CASES  how many cases to run
//   IFA_SEED   their seed
//   IFA_CASE   the only one to run, as printed by a failure
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "properties/support/rows.hpp"
#include "properties/support/space.hpp"
#include "properties/support/trial.hpp"

namespace properties {
namespace {

// Fewer cases than this may leave pairs uncovered.
constexpr std::uint64_t kCasesForFullCoverage = 1000;

std::uint64_t environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Counts {
    std::uint64_t cases = 0, odd_dims = 0, three_chunks = 0, several_workers = 0;

    void add(const Case& c) {
        ++cases;
        odd_dims += c.extents.key_dim % 8 != 0 || c.extents.value_dim % 8 != 0;
        three_chunks += c.longest_window() > 2 * c.extents.chunk_tokens;
        several_workers += c.executor.most_jobs() > 1;
    }
};

void print(const Counts& counts, std::uint64_t seed, const Worst& worst, const PairCoverage& coverage) {
    std::cout << ifa::isa() << ": " << counts.cases << " cases, seed " << seed << "; D % 8 != 0 in " << counts.odd_dims
              << ", three or more chunks in " << counts.three_chunks << ", more than one worker in "
              << counts.several_workers << "\npairs of factor values covered: " << coverage.covered() << " of "
              << coverage.legal() << "\nworst error / bound, by cache and precision:\n";
    for (const auto& [key, ratios] : worst)
        std::cout << "  " << descriptions()[kCache].values[static_cast<std::size_t>(key.first)] << ", "
                  << descriptions()[kPrecision].values[static_cast<std::size_t>(key.second)] << ": standard data "
                  << ratios.standard << " (" << ratios.standard_rows << " rows), other data " << ratios.general << " ("
                  << ratios.general_rows << " rows), log-sum-exp " << ratios.log_sum_exp << "\n";
}

TEST(Differential, TheTableOfCombinationsCoversEveryLegalPairOfTypes) {
    const Space space;
    PairCoverage coverage(space);
    for (std::size_t row = 0; row < kRows; ++row) coverage.mark(point_of_row(row), kTypeFactors);
    EXPECT_EQ(coverage.missing(kTypeFactors), "");
}

TEST(Differential, EveryResultIsWithinItsBoundOfTheReference) {
    const std::uint64_t seed = environment("IFA_SEED", 20240229), cases = environment("IFA_CASES", 3000);
    const bool one = std::getenv("IFA_CASE") != nullptr;
    const std::uint64_t first = environment("IFA_CASE", 0), end = one ? first + 1 : cases;
    PointSequence points(seed);
    Counts counts;
    Worst worst;
    for (std::uint64_t i = 0; i < end; ++i) {
        const Point point = points.next();
        if (i < first) continue;
        Case c(seed, i, point);
        const std::string complaint =
            complaint_about(c, worst, [](const Case& of) { execute_typed(of.point.row, of.call); });
        counts.add(c);
        ASSERT_TRUE(complaint.empty()) << complaint << "IFA_SEED=" << seed << " IFA_CASE=" << i << "\n" << describe(c);
    }
    print(counts, seed, worst, points.coverage());
    if (end >= kCasesForFullCoverage) {
        EXPECT_EQ(points.coverage().missing(), "");
    }
}

}  // namespace
}  // namespace properties
