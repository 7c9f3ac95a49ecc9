// The threads of an Eigen::ThreadPool, the one TensorFlow and ONNX Runtime use.
#include <ifa/incre_flash_attention.hpp>
#include <unsupported/Eigen/CXX11/ThreadPool>

#include "support/tour.hpp"

namespace tour {

Result eigen_pool() {
    Random random;
    const Layer<ifa::bfloat16> layer(random, {.B = 1, .N = 32, .kvN = 8, .S = 4096, .D = 128});

    Eigen::ThreadPool pool(1);
    const auto call = [&] {
        // [readme]
        ifa::incre_flash_attention(layer.q, layer.kv, layer.out, {.scale = layer.scale}, ifa::EigenPool(pool));
        // [end]
    };

    return check(layer.formula(), call, layer.output());
}

}  // namespace tour
