// Included before every unit of the mutation build: which mutant is active in this process.
#pragma once

#include <cstdlib>
#include <type_traits>

namespace mutation {

// None where no number is set.
inline const int active = [] {
    const char* const number = std::getenv("IFA_MUTANT");
    return number ? std::atoi(number) : -1;
}();

// Constant expressions are never mutated: they are evaluated when the program is built.
__attribute__((always_inline)) constexpr bool is(int mutant) {
    return !std::is_constant_evaluated() && active == mutant;
}

}  // namespace mutation
