// The differential test's calls over int8 caches.
#include "properties/support/rows.hpp"

namespace properties {

void execute_int8_cache(std::size_t row, const Call& call) {
    execute_row<ElementType::kInt8>(row, call);
}

}  // namespace properties
