// One call of the operator whose types, layouts and policies are all chosen at run time, in memory of its own.
#pragma once

#include "executors.hpp"
#include "ifa/lengths.hpp"
#include "ifa/options.hpp"
#include "tensor.hpp"

namespace properties {

struct Call {
    Tensor query, output, log_sum_exp;
    std::vector<Tensor> keys, values;  // one of each, or one of each per sequence
    std::vector<std::int32_t> block_table = {};
    ifa::BlockTableShape table_shape = {};

    Tensor antiquant_scale, antiquant_offset;  // [1, 1, 1, parameters]
    bool has_antiquant_offset = false;

    LengthsKind lengths_kind = LengthsKind::kAbsent;
    std::vector<std::int32_t> lengths32 = {};
    std::vector<std::int64_t> lengths64 = {};
    Index kv_padding = 0;

    MaskByte mask_byte = MaskByte::kNone;
    Tensor mask;  // [1 or B, 1, columns, 1] of bytes
    Tensor bias;  // [1 or B, N, columns, 1]
    float soft_cap = 1;
    double scale = 1;

    std::vector<float> quant_scale = {},
                       quant_offset = {};  // one element, or [N, Dv]; offsets of channels may be absent

    Index chunk_tokens = ifa::kDefaultChunkTokens;
    ifa::WhollyHiddenRows wholly_hidden_rows = ifa::WhollyHiddenRows::kZeros;
    WorkspaceKind workspace = WorkspaceKind::kOwn;
    const TestExecutor* executor = nullptr;

    ifa::Lengths lengths() const {
        switch (lengths_kind) {
            case LengthsKind::kAbsent: return {};
            case LengthsKind::kInteger: return lengths64[0];
            case LengthsKind::kInt32Each: return lengths32;
            default: return lengths64;
        }
    }
};

// Where the row of a token is, by the rules of the document.
inline std::byte* row_of_token(Call& call, std::vector<Tensor>& tensors, Index b, Index kv_head, Index column) {
    if (call.block_table.empty())
        return tensors.size() == 1 ? tensors[0].row(b, kv_head, column)
                                   : tensors[static_cast<std::size_t>(b)].row(0, kv_head, column);
    const Index block_size = tensors[0].shape.seq;
    const Index entry = b * call.table_shape.max_blocks + column / block_size;
    return tensors[0].row(call.block_table[static_cast<std::size_t>(entry)], kv_head, column % block_size);
}

}  // namespace properties
