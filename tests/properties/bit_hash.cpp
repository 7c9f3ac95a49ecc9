// Prints the instruction set and one hash of every result of the same-bits matrix: equal for all compilers and flags.
#include <cstdio>

#include "properties/support/same_bits.hpp"

namespace properties {

void execute_elements_over_float32(std::size_t index, const Variant& variant, const Call& call) {
    execute_elements<ElementType::kFloat32>(index, variant, call);
}
void execute_elements_over_float16(std::size_t index, const Variant& variant, const Call& call) {
    execute_elements<ElementType::kFloat16>(index, variant, call);
}
void execute_elements_over_bfloat16(std::size_t index, const Variant& variant, const Call& call) {
    execute_elements<ElementType::kBfloat16>(index, variant, call);
}
void execute_elements_over_int8(std::size_t index, const Variant& variant, const Call& call) {
    execute_elements<ElementType::kInt8>(index, variant, call);
}

}  // namespace properties

int main() {
    std::printf("%s %016llx\n", ifa::isa(), properties::hash_of_results(properties::every_variant).value());
}
