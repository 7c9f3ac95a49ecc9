// Prints the instruction set and one hash of every result of the same-bits matrix: equal for all compilers and flags.
#include <cstdio>

#include "properties/support/hash.hpp"
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

namespace {

Hash hash_of_matrix() {
    Hash hash;
    for (const Scene& scene : scenes())
        for (std::size_t elements = 0; elements < kElements.size(); ++elements)
            for (const Variant& variant : every_variant(scene))
                for (const auto& [sequence, bytes] : results(scene, elements, variant)) hash.add(bytes);
    return hash;
}

}  // namespace
}  // namespace properties

int main() {
    std::printf("%s %016llx\n", ifa::isa(), properties::hash_of_matrix().value());
}
