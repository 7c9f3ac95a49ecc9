// Holds rows to the accuracy contract and prints, when all tests have run, the largest share of it any row used.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "bounds.hpp"
#include "ifa/dtype.hpp"

namespace support {

// Largest error over bound so far, by what was measured.
class WorstRatios : public ::testing::Environment {
   public:
    void note(const std::string& what, double ratio) {
        double& worst = ratios_[what];
        worst = std::max(worst, ratio);
    }
    void TearDown() override {
        for (const auto& [what, ratio] : ratios_)
            std::printf("[ ACCURACY ] %-48s %.3f of the bound\n", what.c_str(), ratio);
    }

    static WorstRatios& instance() {
        static auto* const all = static_cast<WorstRatios*>(::testing::AddGlobalTestEnvironment(new WorstRatios));
        return *all;
    }

   private:
    std::map<std::string, double> ratios_;
};
// Registered before the tests run.
inline WorstRatios& worst_ratios = WorstRatios::instance();

template <class T>
const char* type_name() {
    if constexpr (std::is_same_v<T, float>) return "float32";
    else if constexpr (std::is_same_v<T, ifa::float16>) return "float16";
    else if constexpr (std::is_same_v<T, ifa::bfloat16>) return "bfloat16";
    else return "int8";
}

// What rounding to nearest in type T may add to the error of a row.
template <class T>
double rounding_error(const std::vector<double>& exact) {
    if constexpr (std::is_same_v<T, float>) return 0;  // part of tau
    else return (std::is_same_v<T, ifa::float16> ? 0x1p-11 : 0x1p-8) * reference::norm(exact) + 0x1p-25;
}

// Whether int8 `got` [rows, Dv] is `exact` quantised: off by one only where the exact number lies within the bound of a
// tie. `scale` and `offset` give the parameters of an element of [rows, Dv].
using Parameter = std::function<double(std::size_t element)>;
inline ::testing::AssertionResult within_step(const std::vector<std::int8_t>& got,
                                              const std::vector<reference::Row>& exact, double tau,
                                              const Parameter& scale, const Parameter& offset) {
    std::size_t i = 0;
    for (const reference::Row& row : exact)
        for (const double x : row.values) {
            const std::size_t at = i++;
            const double unrounded = x * scale(at) + offset(at);
            const double bounded = std::min(std::max(unrounded, -128.0), 127.0);
            const double slack = allowed_error(row, tau) * std::abs(scale(at)) + 1e-6 * (1 + std::abs(unrounded));
            if (std::abs(static_cast<double>(got.at(at)) - bounded) > 0.5 + slack)
                return ::testing::AssertionFailure()
                       << "element " << at << ": " << int{got[at]} << ", exactly " << unrounded;
        }
    if (i != got.size()) return ::testing::AssertionFailure() << got.size() << " elements";
    return ::testing::AssertionSuccess();
}

// Whether `got` [rows, Dv], stored as T, is `exact` within the contract. `what` names the line of the final report.
template <class T>
::testing::AssertionResult within_bound(const std::vector<T>& got, const std::vector<reference::Row>& exact, double tau,
                                        const std::string& what) {
    double worst = 0;
    std::size_t at = 0, first = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const std::size_t dim = exact[i].values.size();
        std::vector<double> row(dim);
        for (std::size_t d = 0; d < dim; ++d) row[d] = static_cast<double>(static_cast<float>(got.at(first + d)));
        first += dim;
        const double allowed = allowed_error(exact[i], tau) + rounding_error<T>(exact[i].values);
        const double ratio = ratio_to(reference::distance(row, exact[i].values), allowed);
        if (ratio > worst) worst = ratio, at = i;
    }
    worst_ratios.note(what, worst);
    if (first == got.size() && worst <= 1) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << what << ": row " << at << " is off by " << worst << " times the bound ("
                                         << got.size() << " elements)";
}

}  // namespace support
