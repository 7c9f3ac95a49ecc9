// The differential test's calls over bfloat16 caches.
#include "properties/support/rows.hpp"

namespace properties {

void execute_bfloat16_cache(std::size_t row, const Call& call) {
    execute_row<ElementType::kBfloat16>(row, call);
}

}  // namespace properties
