// Calls over caches that no simulated cache holds: `calls <group> <times>`, for the check beside it.
#include <ifa/incre_flash_attention.hpp>

#include <cstdlib>
#include <vector>

int main(int, char** argv) {
    constexpr ifa::Index kHeads = 2, kTokens = 8192, kDim = 128;
    const ifa::Index group = std::atoi(argv[1]);
    const ifa::Shape query{.batch = 1, .heads = kHeads * group, .head_dim = kDim};
    const ifa::Shape cache{.batch = 1, .heads = kHeads, .seq = kTokens, .head_dim = kDim};
    const std::vector<float> q(static_cast<std::size_t>(query.heads * kDim), .5f);
    const std::vector<ifa::float16> k(static_cast<std::size_t>(kHeads * kTokens * kDim)), v = k;
    std::vector<float> out(q.size());
    for (int times = std::atoi(argv[2]); times > 0; --times)
        ifa::incre_flash_attention(ifa::bsh(q, query), ifa::ContiguousKv{ifa::bsh(k, cache), ifa::bsh(v, cache)},
                                   ifa::bsh(out, query));
}
