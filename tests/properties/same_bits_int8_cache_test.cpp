// The same-bits tests' calls over int8 caches.
#include "properties/support/same_bits.hpp"

namespace properties {

void execute_elements_over_int8(std::size_t index, const Variant& variant, const Call& call) {
    execute_elements<ElementType::kInt8>(index, variant, call);
}

}  // namespace properties
