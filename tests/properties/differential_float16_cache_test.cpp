// The differential test's calls over float16 caches.
#include "properties/support/rows.hpp"

namespace properties {

void execute_float16_cache(std::size_t row, const Call& call) {
    execute_row<ElementType::kFloat16>(row, call);
}

}  // namespace properties
