// The same-bits tests' calls over bfloat16 caches.
#include "properties/support/same_bits.hpp"

namespace properties {

void execute_elements_over_bfloat16(std::size_t index, const Variant& variant, const Call& call) {
    execute_elements<ElementType::kBfloat16>(index, variant, call);
}

}  // namespace properties
