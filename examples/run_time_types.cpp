// Types learned at run time: the document's own signature, and its errors.
#include <ifa/dynamic.hpp>

#include "support/tour.hpp"

namespace tour {

Result run_time_types() {
    const Index B = 2, N = 16, kvN = 4, S = 900, D = 64;
    const double scale = 1 / std::sqrt(D);
    Random random;
    const auto q = random.values<ifa::bfloat16>(B * N * D);
    const auto k = random.values<ifa::bfloat16>(B * S * kvN * D), v = random.values<ifa::bfloat16>(B * S * kvN * D);
    const auto hidden = random.flags(B * S, 4);
    const std::vector<std::int64_t> lengths = {900, 417};
    std::vector<ifa::bfloat16> out(q.size());

    // [readme]
    ifa::Arguments args{.query = ifa::tensor(q.data(), {B, 1, N * D}),
                        .key = ifa::tensor(k.data(), {B, S, kvN * D}),
                        .value = ifa::tensor(v.data(), {B, S, kvN * D}),
                        .attention_out = ifa::tensor(out.data(), {B, 1, N * D}),
                        .attn_mask = ifa::tensor(hidden.data(), {B, S}),
                        .actual_seq_lengths = ifa::tensor(lengths.data(), {B}),
                        .num_heads = N,
                        .input_layout = "BSH",
                        .scale_value = scale,
                        .num_key_value_heads = kvN};
    ifa::incre_flash_attention(args);
    // [end]

    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const ifa::Shape kv_shape{.batch = B, .heads = kvN, .seq = S, .head_dim = D};
    Formula exact(from_bsh(q, q_shape), from_bsh(k, kv_shape), from_bsh(v, kv_shape), scale);
    exact.end = lengths;
    exact.hidden = hidden;
    Result result = check(exact, [&] { ifa::incre_flash_attention(args); }, from_bsh(out, q_shape));
    args.attn_mask = ifa::tensor(hidden.data(), {B, 1, S / 2});
    const auto error = ifa::check(args);
    result.failed = result.failed || !error;
    if (error) result.note = error->message;
    return result;
}

}  // namespace tour
