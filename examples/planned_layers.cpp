// A decode step of a whole model: planned once, run for every layer, without an allocation in any of them.
#include <ifa/incre_flash_attention.hpp>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include "support/tour.hpp"

namespace tour {

Result planned_layers() {
    constexpr int kLayers = 4;
    Random random;
    std::vector<Layer<ifa::float16>> layers;
    for (int i = 0; i < kLayers; ++i) layers.emplace_back(random, Sizes{.B = 4, .N = 8, .kvN = 2, .S = 1024, .D = 64});
    const std::vector<std::int32_t> lengths = {1024, 0, 700, 33};
    const ifa::Shape q_shape = layers[0].q_shape;
    const double scale = layers[0].scale;

    Eigen::ThreadPool pool(1);
    const ifa::EigenPool threads(pool);
    const auto call = [&] {
        // [readme]
        const ifa::Plan plan = ifa::plan(q_shape, layers[0].kv, threads, ifa::RightPadding{.lengths = lengths});
        std::vector<std::byte> workspace(plan.workspace_bytes());
        for (const auto& layer : layers)
            ifa::incre_flash_attention(layer.q, layer.kv, layer.out,
                                       {.scale = scale, .plan = &plan, .workspace = workspace}, threads);
        // [end]
    };

    Result result;
    for (const auto& layer : layers) {
        Formula exact = layer.formula();
        exact.end.assign(lengths.begin(), lengths.end());
        if (result.shape.empty()) result = check(exact, call, layer.output());
        else compare(exact, layer.output(), result);
    }
    return result;
}

}  // namespace tour
