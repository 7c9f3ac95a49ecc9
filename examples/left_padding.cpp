// A token-major cache filled from the right, with an additive bias and a mask: the document's kv_padding_size,
// pse_shift and attn_mask.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result left_padding() {
    constexpr Index B = 3, N = 16, kvN = 4, S = 1024, D = 64;
    const double scale = 1 / std::sqrt(D);
    Random random;
    const auto q = random.values<ifa::float16>(B * N * D);        // [B, 1, N * D]
    const auto k = random.values<ifa::float16>(B * S * kvN * D);  // [B, S, kvN * D]
    const auto v = random.values<ifa::float16>(B * S * kvN * D);  // [B, S, kvN * D]
    const auto pse = random.values<ifa::float16>(N * S);          // [1, N, 1, S]
    const auto hidden = random.flags(B * S, 8);                   // [B, S], one token in eight
    const std::vector<std::int64_t> lengths = {1000, 600, 17};
    const Index kv_padding_size = 24;
    std::vector<ifa::float16> out(B * N * D);  // [B, 1, N * D]

    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const ifa::Shape kv_shape{.batch = B, .heads = kvN, .seq = S, .head_dim = D};
    const ifa::ContiguousKv kv{ifa::bsh(k, kv_shape), ifa::bsh(v, kv_shape)};
    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(ifa::bsh(q, q_shape), kv, ifa::bsh(out, q_shape), {.scale = scale},
                                   ifa::LeftPadding{.lengths = lengths, .padding = kv_padding_size},
                                   ifa::PseShift{ifa::bias(pse, {.batch = 1, .heads = N, .seq = S})},
                                   ifa::AttnMask{ifa::mask(hidden, {.batch = B, .seq = S})});
        // [end]
    };

    Formula exact(from_bsh(q, q_shape), from_bsh(k, kv_shape), from_bsh(v, kv_shape), scale);
    for (std::size_t b = 0; b < B; ++b) {
        exact.end[b] = S - kv_padding_size;
        exact.begin[b] = exact.end[b] - lengths[b];
        for (const ifa::float16 x : pse) exact.bias.push_back(number(x));
    }
    exact.hidden = hidden;
    return check(exact, call, from_bsh(out, q_shape));
}

}  // namespace tour
