// The operator's own signature: every parameter of mindspore.ops.incre_flash_attention by its name and default.
#pragma once

#include "../options.hpp"
#include "../tensor.hpp"

namespace ifa {

// B batch, N query heads, kvN key/value heads, S tokens, D head dimension. Absent tensors are Tensor{}.
struct Arguments {
    Tensor query = {};      // (B, 1, N*D) or (B, N, 1, D) or (B, 1, N, D) by layout; float16, bfloat16 or float32
    TensorList key = {};    // (B, S, kvN*D), (B, kvN, S, D) or (B, S, kvN, D) of the query's type or int8; or B tensors
    TensorList value = {};  // of batch 1, each with an S of its own; or a pool of blocks. value has key's shapes
    Tensor attention_out = {};       // shaped as query; of its type, or int8 with quant_scale2
    Tensor attn_mask = {};           // (B, S), (B, 1, S) or (B, 1, 1, S) of bool, int8 or uint8; non-zero hides
    Tensor actual_seq_lengths = {};  // (1,) or (B,) of int64 or int32
    Tensor pse_shift = {};           // (1, N, 1, S) or (B, N, 1, S) of the query's type; D a multiple of 16
    Tensor dequant_scale1 = {};      // not enabled
    Tensor quant_scale1 = {};        // not enabled
    Tensor dequant_scale2 = {};      // not enabled
    Tensor quant_scale2 = {};        // (1,), or one for each head and channel: (1, N, 1, D), (N, D) or (N*D,); float32
    Tensor quant_offset2 = {};       // as many as quant_scale2
    Tensor antiquant_scale = {};     // of the query's type: (2, kvN*D) for BSH, (2, kvN, 1, D) for BNSD, (2, kvN*D) or
                                     // (2, kvN, D) for BSND; or (2,) for one per tensor. Key's first
    Tensor antiquant_offset = {};    // shaped as antiquant_scale
    Tensor block_table = {};         // (B, max_blocks) of int32: turns page attention on
    Index num_heads = 1;
    const char* input_layout = "BSH";  // or "BNSD"; or "BSND", beyond the document
    double scale_value = 1.0;
    Index num_key_value_heads = 0;  // 0: num_heads
    Index block_size = 0;
    Index inner_precise = 1;      // 0: HighPrecision, 1: HighPerformance
    Tensor kv_padding_size = {};  // () or (1,) of int64

    // Beyond the document, as in Options. With a plan, actual_seq_lengths and kv_padding_size must be absent.
    const Plan* plan = nullptr;
    Span<std::byte> workspace = {};
    Index chunk_tokens = kDefaultChunkTokens;
    WhollyHiddenRows wholly_hidden_rows = WhollyHiddenRows::kZeros;
};

}  // namespace ifa
