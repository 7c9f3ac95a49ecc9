// One binary for every machine: what the rest of an engine sees of its attention.
#pragma once

#include <cstdint>

namespace engine {

// One decode step over a float16 cache in BNSD layout. Plain data: nothing here is compiled differently anywhere.
struct Step {
    std::int64_t batch = 1, heads = 1, kv_heads = 1, tokens = 0, head_dim = 0;
    const float* query = nullptr;          // [batch, heads, head_dim]
    const std::uint16_t* key = nullptr;    // [batch, kv_heads, tokens, head_dim]
    const std::uint16_t* value = nullptr;  // likewise
    float* out = nullptr;                  // as query
    double scale = 1;
};

struct Kernels {
    const char* isa;
    void (*attend)(const Step& step);
};

// The best that this machine runs.
const Kernels& kernels();

}  // namespace engine
