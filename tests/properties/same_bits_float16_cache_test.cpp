// The same-bits tests' calls over float16 caches.
#include "properties/support/same_bits.hpp"

namespace properties {

void execute_elements_over_float16(std::size_t index, const Variant& variant, const Call& call) {
    execute_elements<ElementType::kFloat16>(index, variant, call);
}

}  // namespace properties
