// The sizes of a case: any within what the values of its factors say.
#pragma once

#include <algorithm>

#include "factors.hpp"
#include "support/random.hpp"

namespace properties {

using ifa::Index;

struct Extents {
    Index batch, kv_heads, group, key_dim, value_dim, chunk_tokens;
    Index longest;  // tokens of the longest sequence, before padding rules

    Index heads() const { return kv_heads * group; }
};

inline Index draw_group(Group group, support::Random& random) {
    constexpr Index kSizes[] = {1, 2, 3, 4, 5, 7};
    if (group == Group::kSeventyOne) return 71;
    return group == Group::kUpToSixteen ? random.integer(6, 16) : kSizes[static_cast<std::size_t>(group)];
}

inline Index draw_key_dim(HeadDim dim, support::Random& random) {
    switch (dim) {
        case HeadDim::kBelowEight: return random.integer(1, 7);
        case HeadDim::kMultipleOfEight: return 8 * random.integer(1, 32);
        case HeadDim::kOther: return 8 * random.integer(1, 31) + random.integer(1, 7);
        case HeadDim::kAbove256: break;
    }
    return random.chance(1, 4) ? 512 : random.integer(257, 512);
}

// May move key_dim by one, so that there is a smaller or larger dimension within 1 to 512.
inline Index draw_value_dim(ValueDim dim, Index& key_dim, support::Random& random) {
    if (dim == ValueDim::kEqual) return key_dim;
    if (dim == ValueDim::kSmaller) {
        key_dim = std::max<Index>(key_dim, 2);
        return random.integer(1, key_dim - 1);
    }
    key_dim = std::min<Index>(key_dim, 511);
    return random.integer(key_dim + 1, std::min<Index>(512, 2 * key_dim + 8));
}

inline Index draw_longest(Longest longest, Index chunk_tokens, support::Random& random) {
    switch (longest) {
        case Longest::kEmpty: return 0;
        case Longest::kOneToken: return 1;
        case Longest::kOneChunk: return random.integer(2, chunk_tokens);
        case Longest::kTwoChunks: return random.integer(chunk_tokens + 1, 2 * chunk_tokens);
        case Longest::kThreeOrFourChunks: break;
    }
    return random.integer(2 * chunk_tokens + 1, 4 * chunk_tokens);
}

inline Extents draw_extents(const Point& point, support::Random& random) {
    constexpr Index kChunks[] = {48, 144, 528};
    constexpr Index kBatches[][2] = {{1, 1}, {2, 3}, {4, 5}};
    Extents e = {};
    const auto& batches = kBatches[point.values[kBatch]];
    e.batch = random.integer(batches[0], batches[1]);
    e.kv_heads = 1 + point.get<Index>(kKvHeads);
    e.group = draw_group(point.get<Group>(kGroup), random);
    e.key_dim = draw_key_dim(point.get<HeadDim>(kHeadDim), random);
    e.value_dim = draw_value_dim(point.get<ValueDim>(kValueDim), e.key_dim, random);
    e.chunk_tokens = kChunks[point.values[kChunkTokens]];
    e.longest = draw_longest(point.get<Longest>(kLongest), e.chunk_tokens, random);
    return e;
}

inline int draw_workers(const Point& point, support::Random& random) {
    constexpr int kWorkerRanges[][2] = {{1, 1}, {2, 2}, {3, 4}, {5, 8}};
    const auto& range = kWorkerRanges[point.values[kWorkers]];
    return static_cast<int>(random.integer(range[0], range[1]));
}

}  // namespace properties
