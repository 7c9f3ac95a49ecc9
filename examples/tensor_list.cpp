// A cache that is a list: one pair of tensors per sequence, each as long as its sequence.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result tensor_list() {
    constexpr Index B = 4, N = 10, kvN = 5, D = 128;
    constexpr Index kLengths[B] = {800, 1, 1600, 47};
    const double scale = 1 / std::sqrt(D);
    Random random;
    const auto q = random.values<ifa::float16>(B * N * D);  // [B, 1, N * D]
    std::vector<std::vector<ifa::float16>> k, v;            // [B] of [S_b, kvN * D]
    for (const Index length : kLengths) {
        k.push_back(random.values<ifa::float16>(length * kvN * D));
        v.push_back(random.values<ifa::float16>(length * kvN * D));
    }
    std::vector<ifa::float16> out(B * N * D);  // [B, 1, N * D]

    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const auto call = [&] {
        // [readme]
        std::vector<ifa::TensorView<const ifa::float16>> keys, values;
        for (std::size_t b = 0; b < B; ++b) {
            const ifa::Shape own{.batch = 1, .heads = kvN, .seq = kLengths[b], .head_dim = D};
            keys.push_back(ifa::bsh(k[b], own));
            values.push_back(ifa::bsh(v[b], own));
        }
        ifa::incre_flash_attention(ifa::bsh(q, q_shape), ifa::TensorListKv{keys, values}, ifa::bsh(out, q_shape),
                                   {.scale = scale});
        // [end]
    };
    const auto padded = [&](const std::vector<std::vector<ifa::float16>>& list) {
        const auto at = [&](Index b, Index h, Index s, Index d) {
            const auto i = static_cast<std::size_t>((s * kvN + h) * D + d);
            return s < kLengths[b] ? number(list[static_cast<std::size_t>(b)][i]) : 0;
        };
        return Numbers{ifa::Shape{.batch = B, .heads = kvN, .seq = 1600, .head_dim = D}, kFloat16, at};
    };

    Formula exact(from_bsh(q, q_shape), padded(k), padded(v), scale);
    exact.end.assign(kLengths, kLengths + B);
    return check(exact, call, from_bsh(out, q_shape));
}

}  // namespace tour
