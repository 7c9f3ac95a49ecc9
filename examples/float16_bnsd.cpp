// The plain call: a float16 cache in the layout (batch, heads, seq, head_dim), four query heads to each kv head.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result float16_bnsd() {
    constexpr Index B = 2, N = 32, kvN = 8, S = 2048, D = 128;
    const double scale = 1 / std::sqrt(D);
    Random random;
    const auto q = random.values<ifa::float16>(B * N * D);        // [B, N, 1, D]
    const auto k = random.values<ifa::float16>(B * kvN * S * D);  // [B, kvN, S, D]
    const auto v = random.values<ifa::float16>(B * kvN * S * D);  // [B, kvN, S, D]
    std::vector<ifa::float16> out(B * N * D);                     // [B, N, 1, D]

    // [readme]
    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const ifa::Shape kv_shape{.batch = B, .heads = kvN, .seq = S, .head_dim = D};
    // [end]
    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(ifa::bnsd(q, q_shape),
                                   ifa::ContiguousKv{ifa::bnsd(k, kv_shape), ifa::bnsd(v, kv_shape)},
                                   ifa::bnsd(out, q_shape), {.scale = scale});
        // [end]
    };

    const Formula exact(from_bnsd(q, q_shape), from_bnsd(k, kv_shape), from_bnsd(v, kv_shape), scale);
    return check(exact, call, from_bnsd(out, q_shape));
}

}  // namespace tour
