// One call: with two tokens of equal score, the output is the mean of their values.
#include <ifa/ifa.hpp>

int main() {
    const ifa::Shape one{.batch = 1, .heads = 1, .head_dim = 2};
    const ifa::Shape two{.batch = 1, .heads = 1, .seq = 2, .head_dim = 2};
    const float query[] = {1, 0}, key[] = {1, 5, 1, 7}, value[] = {0, 2, 4, 8};
    float out[2] = {};
    ifa::incre_flash_attention(ifa::bnsd(query, one), ifa::ContiguousKv{ifa::bnsd(key, two), ifa::bnsd(value, two)},
                               ifa::bnsd(out, one));
    return out[0] == 2 && out[1] == 5 ? 0 : 1;
}
