// A view of a temporary would dangle.
// expect: no matching function for call to 'bnsd
#include <ifa/ifa.hpp>
#include <vector>

auto call() {
    return ifa::bnsd(std::vector<float>(8), {});
}
