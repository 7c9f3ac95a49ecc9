// Two units of different instruction sets in one program: each computes with its own kernels, and they share errors and
// plans.
#include "unit.hpp"

#include <gtest/gtest.h>

#include "support/random.hpp"
#include "support/reference.hpp"

namespace {

using odr::Caught, odr::kAvx2Unit, odr::kBaselineUnit, odr::kCache, odr::kQuery, odr::Unit;

std::size_t elements(const ifa::Shape& shape) {
    return static_cast<std::size_t>(shape.batch * shape.heads * shape.seq * shape.head_dim);
}

// The operands of both units, and the exact rows.
class Units : public testing::Test {
   protected:
    void SetUp() override {
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
            GTEST_SKIP() << "this machine has no AVX2";
    }

    odr::Operands operands() {
        out_.assign(elements(kQuery), -99.f);  // of the call before
        return {query_.data(), key_.data(), value_.data(), out_.data()};
    }

    std::vector<float> computed_by(const Unit& unit) {
        unit.compute(operands());
        return out_;
    }

    std::vector<float> computed_by(const Unit& unit, const Unit& planner) {
        const ifa::Plan plan = planner.plan(operands());
        std::vector<std::byte> workspace(plan.workspace_bytes());
        unit.compute_planned(operands(), plan, workspace.data());
        return out_;
    }

    reference::Problem exact_problem() const {
        const auto size = [](ifa::Index extent) { return static_cast<std::size_t>(extent); };
        reference::Problem problem;
        problem.batch = size(kQuery.batch);
        problem.heads = size(kQuery.heads);
        problem.kv_heads = size(kCache.heads);
        problem.columns = size(kCache.seq);
        problem.key_dim = problem.value_dim = size(kQuery.head_dim);
        problem.query = support::as_doubles(query_);
        problem.key = support::as_doubles(key_);
        problem.value = support::as_doubles(value_);
        problem.begin.assign(problem.batch, 0);
        problem.end.assign(problem.batch, kCache.seq);
        return problem;
    }

    void expect_exact(const std::vector<float>& out) const {
        const reference::Problem problem = exact_problem();
        for (std::size_t row = 0; row < problem.batch * problem.heads; ++row) {
            const auto exact = reference::attend(problem, row / problem.heads, row % problem.heads);
            const float* const got = &out[row * problem.value_dim];
            EXPECT_LE(reference::distance({got, got + problem.value_dim}, exact.values),
                      2e-6 * reference::norm(exact.values));
        }
    }

    support::Random random_{7};
    std::vector<float> query_ = random_.vector<float>(elements(kQuery));
    std::vector<float> key_ = random_.vector<float>(elements(kCache));
    std::vector<float> value_ = random_.vector<float>(elements(kCache));
    std::vector<float> out_;
};

TEST_F(Units, ReportTheInstructionSetTheyWereBuiltFor) {
    EXPECT_STREQ(kBaselineUnit.isa(), "portable");
    EXPECT_STREQ(kAvx2Unit.isa(), "avx2");
}

TEST_F(Units, ComputeExactRowsEach) {
    expect_exact(computed_by(kBaselineUnit));
    expect_exact(computed_by(kAvx2Unit));
}

TEST_F(Units, ComputeWithKernelsOfTheirOwn) {
    EXPECT_NE(computed_by(kBaselineUnit), computed_by(kAvx2Unit)) << "one unit's kernels were linked into both";
}

TEST_F(Units, RunPlansMadeInTheOther) {
    EXPECT_EQ(computed_by(kAvx2Unit, kBaselineUnit), computed_by(kAvx2Unit));
    EXPECT_EQ(computed_by(kBaselineUnit, kAvx2Unit), computed_by(kBaselineUnit));
}

TEST_F(Units, CatchWhatTheOtherThrows) {
    const Unit* const units[] = {&kBaselineUnit, &kAvx2Unit};
    for (const Unit* thrower : units)
        for (const Unit* catcher : units) {
            SCOPED_TRACE(std::string(thrower->isa()) + " throws, " + catcher->isa() + " catches");
            EXPECT_EQ(catcher->catch_narrowest(thrower->throw_runtime_error), Caught::kRuntimeError);
            EXPECT_EQ(catcher->catch_base(thrower->throw_runtime_error), Caught::kError);
        }
}

TEST_F(Units, UseTheWholeLibraryEach) {
    EXPECT_TRUE(kBaselineUnit.use_everything());
    EXPECT_TRUE(kAvx2Unit.use_everything());
}

}  // namespace
