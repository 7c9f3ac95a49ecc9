// Random calls of five combinations of types and policies, each held against the float64 reference. Prints the
// instruction set and a hash of all outputs: for each instruction set the same from every compiler and flag.
#include <cstdio>
#include <cstdlib>

#include "properties/support/execute.hpp"
#include "properties/support/hash.hpp"
#include "properties/support/judge.hpp"
#include "properties/support/space.hpp"

namespace properties {
namespace {

// Of the table of combinations: each cache type, storage, padding and precision, planned and not, and a soft cap.
constexpr std::size_t kRowsTried[] = {1, 18, 25, 38, 46};
constexpr std::uint64_t kSeed = 20261127, kCasesOfRow = 40;

template <std::size_t row>
bool try_row(const Space& space, Hash& hash) {
    support::Random random(row);
    Worst worst;
    for (std::uint64_t i = 0; i < kCasesOfRow; ++i) {
        Case c(kSeed, row * kCasesOfRow + i, space.complete(row, random));
        execute<kCombinations[row]>(c.call);
        const std::string complaint = Judge(c, worst).judge();
        if (!complaint.empty()) {
            std::printf("row %zu, case %llu: %s", row, static_cast<unsigned long long>(i), complaint.c_str());
            return false;
        }
        hash.add(c.call.output.bytes);
    }
    return true;
}

bool try_rows(Hash& hash) {
    const Space space;
    return [&]<std::size_t... indices>(std::index_sequence<indices...>) {
        return (try_row<kRowsTried[indices]>(space, hash) && ...);
    }(std::make_index_sequence<std::size(kRowsTried)>{});
}

}  // namespace
}  // namespace properties

int main() {
    properties::Hash hash;
    if (!properties::try_rows(hash)) return EXIT_FAILURE;
    std::printf("%s %016llx\n", ifa::isa(), hash.value());
}
