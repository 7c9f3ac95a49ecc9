// Prints the errors of the tests' accuracy study as a table: ours in both precisions, with their bounds, and those of
// PyTorch over the same numbers.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <cstdio>

#include "support/study.hpp"

namespace bench {
namespace {

constexpr std::size_t kHeadDim = 128;

template <class T>
constexpr at::ScalarType kScalarType = at::kFloat;
template <>
constexpr at::ScalarType kScalarType<ifa::float16> = at::kHalf;
template <>
constexpr at::ScalarType kScalarType<ifa::bfloat16> = at::kBFloat16;

template <class T>
constexpr const char* kName = "float32";
template <>
constexpr const char* kName<ifa::float16> = "float16";
template <>
constexpr const char* kName<ifa::bfloat16> = "bfloat16";
template <>
constexpr const char* kName<std::int8_t> = "int8";

// A view of elements, or for int8, of which PyTorch has no attention, float32 copies of what they stand for.
template <class T>
at::Tensor tensor(const study::Step<T>& step, const std::vector<T>& elements, std::size_t first_channel) {
    const std::vector<std::int64_t> shape{1, 1, step.tokens, static_cast<std::int64_t>(step.dim)};
    if constexpr (std::is_same_v<T, std::int8_t>) {
        at::Tensor numbers = at::empty(shape, at::kFloat);
        std::vector<double> row(step.dim);
        for (std::size_t token = 0, i = 0; token < static_cast<std::size_t>(step.tokens); ++token) {
            step.dequantise(elements, token, first_channel, row);
            for (const double x : row) numbers.mutable_data_ptr<float>()[i++] = static_cast<float>(x);
        }
        return numbers;
    } else {
        return at::from_blob(const_cast<T*>(elements.data()), shape, kScalarType<T>);
    }
}

// Query and result in the type of the cache, as PyTorch has it.
template <class T>
std::vector<float> attend_by_torch(const study::Step<T>& step) {
    const c10::InferenceMode inference;
    at::set_num_threads(1);
    const auto dim = static_cast<std::int64_t>(step.dim);
    const at::Tensor query =
        at::from_blob(const_cast<float*>(step.query.data()), {1, study::kHeads, 1, dim}).to(kScalarType<T>);
    const at::Tensor out =
        at::scaled_dot_product_attention(query, tensor(step, step.key, 0), tensor(step, step.value, step.dim), {}, 0,
                                         false, step.scale, true)
            .to(at::kFloat)
            .contiguous();
    const float* const numbers = out.const_data_ptr<float>();
    return {numbers, numbers + out.numel()};
}

template <class T>
void print_errors(const study::Kind& kind, ifa::Index tokens) {
    const study::Step<T> step(kind, tokens, kHeadDim);
    const std::vector<reference::Row> exact = step.exact();
    const auto print = [&](const char* who, const study::Error& error) {
        std::printf("%s;%s;%lld;%s;%.3e;%.3e\n", kName<T>, kind.name, static_cast<long long>(tokens), who, error.error,
                    error.bound);
        std::fflush(stdout);
    };
    study::for_each_precision<T>([&](const auto& precision, double tau, const char* name) {
        print((std::string("ifa, ") + name).c_str(), step.error(step.attend(precision), exact, tau));
    });
    print("PyTorch " TORCH_VERSION, step.error(attend_by_torch(step), exact, support::kTau));
}

template <class T>
void print_errors() {
    for (const study::Kind& kind : study::kKinds)
        for (const ifa::Index tokens : study::kLengths)
            if (study::has<T>(kind)) print_errors<T>(kind, tokens);
}

}  // namespace
}  // namespace bench

int main() {
    std::puts("cache;kind;tokens;library;error;bound");
    bench::print_errors<float>();
    bench::print_errors<ifa::float16>();
    bench::print_errors<ifa::bfloat16>();
    bench::print_errors<std::int8_t>();
}
