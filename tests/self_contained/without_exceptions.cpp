// Built with -fno-exceptions -fno-rtti: `check` returns what a call would throw, and the call itself prints it and
// aborts.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ifa/ifa.hpp>

namespace {

constexpr ifa::Shape kQuery{.batch = 1, .heads = 2, .head_dim = 4};
constexpr ifa::Shape kCache{.batch = 1, .heads = 1, .seq = 3, .head_dim = 4};
float query[8] = {1, 0, 0, 0, 0, 1, 0, 0};
float cache[12] = {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4};
float out[8] = {};

const ifa::ContiguousKv kv{ifa::bnsd(cache, kCache), ifa::bnsd(cache, kCache)};

// All values are equal, so whatever the scores, each head's output is that value.
bool computes() {
    ifa::incre_flash_attention(ifa::bnsd(query, kQuery), kv, ifa::bnsd(out, kQuery));
    for (int i = 0; i < 8; ++i)
        if (out[i] != static_cast<float>(i % 4 + 1)) return false;
    return true;
}

bool checks(const ifa::TensorView<float>& null_query) {
    const ifa::CheckResult error = ifa::check(null_query, kv, ifa::bnsd(out, kQuery));
    return error && std::strstr(error->message, "null pointer");
}

}  // namespace

int main() {
    const auto null_query = ifa::bnsd(static_cast<float*>(nullptr), kQuery);
    if (!computes() || !checks(null_query)) return EXIT_FAILURE;
    std::signal(SIGABRT, [](int) { std::_Exit(EXIT_SUCCESS); });
    ifa::incre_flash_attention(null_query, kv, ifa::bnsd(out, kQuery));
    return EXIT_FAILURE;
}
