// An int8 output for the int8 matrix product that follows: the document's quant_scale2 and quant_offset2.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result int8_output() {
    Random random;
    const Layer<ifa::bfloat16> layer(random, {.B = 4, .N = 16, .kvN = 2, .S = 640, .D = 128});
    std::vector<std::int8_t> out8(layer.out_values.size());  // [B, 1, N * D]

    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(layer.q, layer.kv,
                                   ifa::post_quant(ifa::bsh(out8, layer.q_shape), {.scale = 90.f, .offset = 3.f}),
                                   {.scale = layer.scale});
        // [end]
    };

    const ElementType half_a_step{.bytes = 1, .absolute_rounding = 0.5 / 90};
    const auto dequantised = [&](Index b, Index h, Index s, Index d) {
        return (from_bsh(out8, layer.q_shape).at(b, h, s, d) - 3) / 90;
    };
    return check(layer.formula(), call, Numbers{layer.q_shape, half_a_step, dequantised});
}

}  // namespace tour
