// One call of the typed door.
#include <ifa/incre_flash_attention.hpp>

void typed(const ifa::TensorView<const ifa::float16>& query,
           const ifa::ContiguousKv<const ifa::float16, const ifa::float16>& kv,
           const ifa::TensorView<ifa::float16>& output) {
    ifa::incre_flash_attention(query, kv, output);
}
