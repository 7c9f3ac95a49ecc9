// Runs, times and compares.
#include "tour.hpp"

#include <algorithm>
#include <chrono>

namespace tour {
namespace {

// || output - exact || of a row.
double distance(const reference::Row& exact, const Output& output, std::size_t b, std::size_t h) {
    std::vector<double> values;
    for (std::size_t d = 0; d < exact.values.size(); ++d) values.push_back(output.at(b, h, d));
    return reference::distance(values, exact.values);
}

// What rounding to the output's type may cost a row.
double rounding(const reference::Row& exact, const ElementType& type) {
    std::vector<double> steps;
    for (const double x : exact.values) steps.push_back(type.relative_rounding * std::abs(x) + type.absolute_rounding);
    return reference::norm(steps);
}

// How much of its bound an error takes up.
double ratio(double error, double bound) {
    if (error == 0) return 0;
    return std::isnan(error) || bound == 0 ? HUGE_VAL : error / bound;
}

std::string shape_of(const Formula& exact) {
    return std::to_string(exact.batch) + "  " + std::to_string(exact.heads) + "/" + std::to_string(exact.kv_heads) +
           "  " + std::to_string(exact.columns) + "  " + std::to_string(exact.key_dim);
}

}  // namespace

double seconds_of(const std::function<void()>& call) {
    using Clock = std::chrono::steady_clock;
    call();
    std::vector<double> seconds;
    for (int i = 0; i < 5; ++i) {
        const auto start = Clock::now();
        call();
        seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds[2];
}

void compare(const Formula& exact, const Output& output, Result& result) {
    for (std::size_t b = 0; b < exact.batch; ++b)
        for (std::size_t h = 0; h < exact.heads; ++h) {
            const reference::Row row = reference::attend(exact, b, h);
            if (h % (exact.heads / exact.kv_heads) == 0)
                result.bytes +=
                    static_cast<double>(row.visible * (exact.key_dim + exact.value_dim)) * exact.cache.bytes;
            const double norm = reference::norm(row.values);
            const double unit = norm > 0 ? norm : 1;  // a row of zeros is absolute, and must be met exactly
            const double error = distance(row, output, b, h) / unit;
            const double bound = (exact.cache.cache_error * norm + rounding(row, output.type)) / unit;
            result.failed = result.failed || !(error <= bound);
            if (ratio(error, bound) < ratio(result.error, result.bound)) continue;
            result.error = error;
            result.bound = bound;
        }
}

Result check(const Formula& exact, const std::function<void()>& call, const Output& output) {
    Result result;
    result.shape = shape_of(exact);
    result.seconds = seconds_of(call);
    compare(exact, output, result);
    return result;
}

}  // namespace tour
