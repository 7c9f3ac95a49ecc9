// The differential test's calls over float32 caches.
#include "properties/support/rows.hpp"

namespace properties {

void execute_float32_cache(std::size_t row, const Call& call) {
    execute_row<ElementType::kFloat32>(row, call);
}

}  // namespace properties
