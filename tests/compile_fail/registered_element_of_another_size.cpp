// expect: a registered element must have the size it stands for
#include <ifa/ifa.hpp>

struct Wide {
    float bits;
};
template <>
struct ifa::registered_element<Wide> {
    using type = ifa::float16;
};

auto call(Wide* data) {
    return ifa::bnsd(data, {});
}
