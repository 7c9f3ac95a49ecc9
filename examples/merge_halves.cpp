// Two halves of a sequence computed apart, by two machines say, and merged by their log-sum-exp.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result merge_halves() {
    constexpr Index B = 2, N = 8, kvN = 2, S = 3000, first_half = 1700, D = 128;
    const double scale = 1 / std::sqrt(D);
    Random random;
    const auto q = random.values<float>(B * N * D);               // [B, N, 1, D]
    const auto k = random.values<ifa::float16>(B * kvN * S * D);  // [B, kvN, S, D]
    const auto v = random.values<ifa::float16>(B * kvN * S * D);  // [B, kvN, S, D]
    struct Half {
        std::vector<float> out = std::vector<float>(B * N * D);      // [B, N, 1, D]
        std::vector<float> log_sum_exp = std::vector<float>(B * N);  // [B, N]
    };
    Half first, second;

    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const ifa::Shape kv_shape{.batch = B, .heads = kvN, .seq = S, .head_dim = D};
    const auto attend = [&](Index begin, Index end, Half& half) {
        const ifa::Shape part{.batch = B, .heads = kvN, .seq = end - begin, .head_dim = D};
        const ifa::Strides strides{.batch = kvN * S * D, .head = S * D, .seq = D};
        const ifa::ContiguousKv kv{ifa::strided(k.data() + begin * D, part, strides),
                                   ifa::strided(v.data() + begin * D, part, strides)};
        // [readme]
        // For each half, kv being its tokens of the cache:
        const auto rows = ifa::bnsd(half.log_sum_exp, {.batch = B, .heads = N});
        ifa::incre_flash_attention(ifa::bnsd(q, q_shape), kv, ifa::keep_log_sum_exp(ifa::bnsd(half.out, q_shape), rows),
                                   {.scale = scale});
        // [end]
    };
    const auto call = [&] {
        attend(0, first_half, first);
        attend(first_half, S, second);
        // [readme]
        for (std::size_t row = 0; row < B * N; ++row) {
            ifa::Span<float> a(first.out.data() + row * D, D), b(second.out.data() + row * D, D);  // [D]
            auto whole = ifa::SoftmaxState::from_output(a, first.log_sum_exp[row]);
            whole.merge(ifa::SoftmaxState::from_output(b, second.log_sum_exp[row]));
            whole.normalise();  // leaves the whole's output in a; whole.log_sum_exp() goes with it
        }
        // [end]
    };

    const Formula exact(from_bnsd(q, q_shape), from_bnsd(k, kv_shape), from_bnsd(v, kv_shape), scale);
    return check(exact, call, from_bnsd(first.out, q_shape));
}

}  // namespace tour
