// A cache of one's own 16-bit type: registered once, passed without a copy.
#include <bit>
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

// [readme]
namespace engine {
struct Half {
    std::uint16_t bits;
};
}  // namespace engine

template <>
struct ifa::registered_element<engine::Half> {
    using type = ifa::float16;
};
// [end]

namespace engine {
static double number(Half x) {
    return tour::number(std::bit_cast<ifa::float16>(x));
}
}  // namespace engine

namespace tour {

template <>
inline constexpr ElementType kTypeOf<engine::Half> = kFloat16;

Result own_element_type() {
    constexpr Index B = 2, N = 9, kvN = 3, S = 1500, D = 64;
    const double scale = 1 / std::sqrt(D);
    Random random;
    const auto q = random.values<float>(B * N * D);  // [B, 1, N * D]
    std::vector<engine::Half> k, v;                  // [B, S, kvN * D]
    for (const auto x : random.values<ifa::float16>(B * S * kvN * D)) k.push_back(std::bit_cast<engine::Half>(x));
    for (const auto x : random.values<ifa::float16>(B * S * kvN * D)) v.push_back(std::bit_cast<engine::Half>(x));
    std::vector<float> out(B * N * D);  // [B, 1, N * D]

    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const ifa::Shape kv_shape{.batch = B, .heads = kvN, .seq = S, .head_dim = D};
    const auto call = [&] {
        // [readme]
        const ifa::ContiguousKv kv{ifa::bsh(k, kv_shape), ifa::bsh(v, kv_shape)};  // std::vector<engine::Half> k, v
        ifa::incre_flash_attention(ifa::bsh(q, q_shape), kv, ifa::bsh(out, q_shape), {.scale = scale});
        // [end]
    };

    const Formula exact(from_bsh(q, q_shape), from_bsh(k, kv_shape), from_bsh(v, kv_shape), scale);
    return check(exact, call, from_bsh(out, q_shape));
}

}  // namespace tour
