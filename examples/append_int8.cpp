// An int8 cache from its beginning: calibrated on a prompt, filled with it, and grown by a token.
#include <algorithm>
#include <ifa/ifa.hpp>

#include "support/tour.hpp"

namespace tour {
namespace {

// The largest difference of the first tokens from what was stored of them, in quantisation steps.
template <class Rows, class Stored>
double largest_step(const Rows& rows, const Stored& stored, const float* scales) {
    const auto at = [&](Index b, Index h, Index s, Index d) {
        return std::abs(rows.at(b, h, s, d) - stored.at(b, h, s, d)) / number(scales[h * rows.shape.head_dim + d]);
    };
    return std::ranges::max(dense(Numbers{rows.shape, kFloat32, at}));
}

}  // namespace

Result append_int8() {
    constexpr Index B = 2, N = 8, kvN = 4, S = 1024, T = 700, D = 64;
    const double scale = 1 / std::sqrt(D);
    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const ifa::Shape rows_shape{.batch = B, .heads = kvN, .seq = T + 1, .head_dim = D};
    const ifa::Shape cache_shape{.batch = B, .heads = kvN, .seq = S, .head_dim = D};
    Random random;
    const auto q = random.values<float>(B * N * D);                     // [B, 1, N * D]
    const auto k = random.values<float>(B * (T + 1) * kvN * D);         // [B, T + 1, kvN * D]: a prompt and a token
    const auto v = random.values<float>(B * (T + 1) * kvN * D, -1, 3);  // [B, T + 1, kvN * D]
    std::vector<std::int8_t> k8(B * S * kvN * D), v8(B * S * kvN * D);  // [B, S, kvN * D]
    std::vector<float> antiquant_scale(2 * kvN * D);                    // [2, kvN, D]
    std::vector<float> antiquant_offset(2 * kvN * D);                   // [2, kvN, D]
    std::vector<float> out(B * N * D);                                  // [B, 1, N * D]

    const auto new_rows = [](const std::vector<float>& x, Index first, Index count) {
        return ifa::strided(x.data() + first * kvN * D, {.batch = B, .heads = kvN, .seq = count, .head_dim = D},
                            {.batch = (T + 1) * kvN * D, .head = D, .seq = kvN * D});
    };
    const auto prompt_k = new_rows(k, 0, T), prompt_v = new_rows(v, 0, T);
    const auto token_k = new_rows(k, T, 1), token_v = new_rows(v, T, 1);

    // [readme]
    ifa::Calibrator calibrator(kvN, D, D);
    calibrator.observe(prompt_k, prompt_v);
    calibrator.write(antiquant_scale, antiquant_offset, 0.05f);  // and 5 % of each range more on either side

    const auto cache = ifa::antiquant(ifa::ContiguousKv{ifa::bsh(k8, cache_shape), ifa::bsh(v8, cache_shape)},
                                      ifa::per_channel(antiquant_scale, antiquant_offset));
    ifa::append(cache, prompt_k, prompt_v, 0);  // to columns [0, T)
    ifa::append(cache, token_k, token_v, T);    // to column T
    // [end]
    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(ifa::bsh(q, q_shape), cache, ifa::bsh(out, q_shape), {.scale = scale},
                                   ifa::RightPadding{.lengths = T + 1});
        // [end]
    };

    const auto stored_k = dequantised(from_bsh(k8, cache_shape), antiquant_scale, antiquant_offset, 0);
    const auto stored_v = dequantised(from_bsh(v8, cache_shape), antiquant_scale, antiquant_offset, 1);
    Formula exact(from_bsh(q, q_shape), stored_k, stored_v, scale);
    exact.end = {T + 1, T + 1};
    Result result = check(exact, call, from_bsh(out, q_shape));
    const double steps = std::max(largest_step(from_bsh(k, rows_shape), stored_k, &antiquant_scale[0]),
                                  largest_step(from_bsh(v, rows_shape), stored_v, &antiquant_scale[kvN * D]));
    result.failed = result.failed || !(steps < 0.51);
    result.note = "rows come back within " + std::to_string(steps) + " quantisation steps";
    return result;
}

}  // namespace tour
