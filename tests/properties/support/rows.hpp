// Runs the calls of the table's rows over one cache type: a unit per type, so that none takes long to compile.
#pragma once

#include <utility>

#include "combinations.hpp"
#include "execute.hpp"

namespace properties {

template <ElementType cache>
void execute_row(std::size_t row, const Call& call) {
    const auto try_row = [&]<std::size_t index>() {
        if constexpr (kCombinations[index].cache == cache)
            if (row == index) execute<kCombinations[index]>(call);
    };
    [&]<std::size_t... indices>(std::index_sequence<indices...>) {
        (try_row.template operator()<indices>(), ...);
    }(std::make_index_sequence<kRows>{});
}

void execute_float32_cache(std::size_t row, const Call& call);
void execute_float16_cache(std::size_t row, const Call& call);
void execute_bfloat16_cache(std::size_t row, const Call& call);
void execute_int8_cache(std::size_t row, const Call& call);

// Passes a call through the typed door, as the types and policies of a row.
inline void execute_typed(std::size_t row, const Call& call) {
    switch (kCombinations[row].cache) {
        case ElementType::kFloat16: return execute_float16_cache(row, call);
        case ElementType::kBfloat16: return execute_bfloat16_cache(row, call);
        case ElementType::kInt8: return execute_int8_cache(row, call);
        default: return execute_float32_cache(row, call);
    }
}

}  // namespace properties
