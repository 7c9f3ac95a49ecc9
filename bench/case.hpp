// What a row measures: the shape, types and storage of one decode step, and its name.
#pragma once

#include <ifa/dynamic/arguments.hpp>
#include <ifa/ifa.hpp>
#include <string>
#include <vector>

namespace bench {

using ifa::Index;

enum class Element { kFloat32, kFloat16, kBfloat16, kInt8 };
enum class Layout { kBnsd, kBsh };
// What a step has beside its shape.
enum class Extra { kNone, kLengths, kLeftPadding, kPseShift, kMaskRuns, kMaskRandom, kHighPrecision };

struct Heads {
    Index heads, kv_heads, head_dim;
};

// The shape set of published models: multi-head, grouped and multi-query attention, even and odd groups.
inline constexpr Heads kHeads[] = {
    {32, 32, 128}, {32, 8, 128},  // Llama 2 7B; Llama 3 8B
    {64, 8, 128},  {28, 4, 128},  // Llama 3 70B; Qwen2 7B
    {40, 8, 128},  {24, 8, 128},  // Qwen2.5 14B; Llama 3.2 3B
    {12, 2, 128},  {96, 8, 128},  // Qwen2 1.5B; Mistral Large
    {64, 4, 128},  {9, 3, 64},    // Qwen3 235B; SmolLM2 135M
    {8, 4, 256},   {4, 1, 256},   // Gemma 2 2B; Gemma 3 1B
    {32, 32, 80},  {71, 1, 64},   // Phi-2; Falcon 7B
};
inline constexpr Heads kCore = kHeads[1];

struct Case {
    Element cache = Element::kFloat16;
    Layout layout = Layout::kBnsd;
    Index block_size = 0;  // of a paged cache; 0 for one tensor
    Heads heads = kCore;
    Index batch = 1;
    Index seq = 4096;
    bool ragged = false;  // the first sequence has seq tokens, all others 512
    Extra extra = Extra::kNone;
    int threads = 1;
    bool cold = true;

    ifa::Shape query() const { return {.batch = batch, .heads = heads.heads, .head_dim = heads.head_dim}; }
    Index length(Index sequence) const { return ragged && sequence > 0 ? Index{512} : seq; }
    Index tokens() const {
        Index sum = 0;
        for (Index b = 0; b < batch; ++b) sum += length(b);
        return sum;
    }
    // Of a sequence in a paged cache.
    Index blocks() const { return block_size > 0 ? (seq + block_size - 1) / block_size : 0; }
    Index group() const { return heads.heads / heads.kv_heads; }
};

inline Index element_bytes(Element element) {
    constexpr Index kBytes[] = {4, 2, 2, 1};
    return kBytes[static_cast<int>(element)];
}

inline std::string name(const Case& c) {
    constexpr const char* kElements[] = {"f32", "f16", "bf16", "int8"};
    constexpr const char* kExtras[] = {"", "_lengths", "_left", "_pse", "_maskruns", "_maskrandom", "_highprecision"};
    const auto number = [](Index n) { return std::to_string(n); };
    return std::string(kElements[static_cast<int>(c.cache)]) + (c.layout == Layout::kBsh ? "/bsh/" : "/bnsd/") +
           (c.block_size > 0 ? "paged" + number(c.block_size) : std::string("contiguous")) +
           kExtras[static_cast<int>(c.extra)] + "/B" + number(c.batch) + "_N" + number(c.heads.heads) + "_kvN" +
           number(c.heads.kv_heads) + "_S" + number(c.seq) + (c.ragged ? "ragged" : "") + "_D" +
           number(c.heads.head_dim) + "/t" + std::to_string(c.threads) + (c.cold ? "" : "/warm");
}

}  // namespace bench
