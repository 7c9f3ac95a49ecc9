// Runs every example and prints what it found.
#include <cstdio>
#include <ifa/config.hpp>

#include "support/tour.hpp"

namespace tour {

// One per file of this folder.
Result float16_bnsd();
Result left_padding();
Result paged_int8();
Result int8_output();
Result planned_layers();
Result soft_cap();
Result check_first();
Result jthread_pool();
Result openmp_pool();
Result eigen_pool();
Result append_int8();
Result merge_halves();
Result tensor_list();
Result own_element_type();
Result alibi();
Result sliding_window();
Result run_time_types();

namespace {

struct Example {
    const char* name;
    Result (*run)();
};

// clang-format off
constexpr Example kExamples[] = {
    {"float16_bnsd", float16_bnsd},
    {"left_padding", left_padding},
    {"paged_int8", paged_int8},
    {"int8_output", int8_output},
    {"planned_layers", planned_layers},
    {"soft_cap", soft_cap},
    {"check_first", check_first},
    {"tensor_list", tensor_list},
    {"append_int8", append_int8},
    {"merge_halves", merge_halves},
    {"own_element_type", own_element_type},
    {"alibi", alibi},
    {"sliding_window", sliding_window},
    {"run_time_types", run_time_types},
    {"eigen_pool", eigen_pool},
    {"jthread_pool", jthread_pool},
#ifdef _OPENMP
    {"openmp_pool", openmp_pool},
#endif
};
// clang-format on

// Prints one row; whether the example is as it should be.
bool report(const Example& example, std::vector<std::string>& notes) {
    const Result result = example.run();
    std::printf("%-18s %-20s %10.1e %10.1e %8.1f%s\n", example.name, result.shape.c_str(), result.error, result.bound,
                result.bytes / result.seconds / 1e9, result.failed ? "  FAILED" : "");
    if (!result.note.empty()) notes.push_back(std::string(example.name) + ": " + result.note);
    return !result.failed;
}

}  // namespace
}  // namespace tour

int main() {
    std::printf("ifa %d.%d.%d, %s kernels\n\n", IFA_VERSION_MAJOR, IFA_VERSION_MINOR, IFA_VERSION_PATCH, ifa::isa());
    std::printf("%-18s %-20s %10s %10s %8s\n", "example", "B  N/kvN  S  D", "error", "bound", "KV GB/s");
    bool good = true;
    std::vector<std::string> notes;
    for (const tour::Example& example : tour::kExamples) good = tour::report(example, notes) && good;
    std::printf("\n");
    for (const std::string& note : notes) std::printf("%s\n", note.c_str());
    return good ? 0 : 1;
}
