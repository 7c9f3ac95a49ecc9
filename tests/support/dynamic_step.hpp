// A small call of the run-time door that is fine until a test spoils it.
#pragma once

#include <cstring>
#include <deque>
#include <vector>

#include "ifa/dynamic/arguments.hpp"

namespace support {

struct DynamicStep {
    static constexpr ifa::Index kBatch = 2, kHeads = 4, kKvHeads = 2, kTokens = 64, kDim = 16, kBlockSize = 32;

    std::deque<std::vector<std::int64_t>> memory = {};
    ifa::Arguments arguments = {};

    DynamicStep() = default;
    DynamicStep(const DynamicStep&) = delete;
    DynamicStep& operator=(const DynamicStep&) = delete;

    // Zeros of any type and shape.
    ifa::Tensor tensor(const ifa::DType& dtype, const ifa::Axes& shape) {
        ifa::Index elements = 1;
        for (int i = 0; i < shape.rank() && i < ifa::Axes::kMostAxes; ++i) elements *= shape[i];
        memory.emplace_back(static_cast<std::size_t>(elements + 8));
        return {memory.back().data(), dtype, shape, {}, ifa::Device::kCpu};
    }
    template <class T>
    ifa::Tensor of(const std::vector<T>& elements, const ifa::Axes& shape) {
        const ifa::Tensor made = tensor(ifa::dtype_of<T>(), shape);
        std::memcpy(made.data, elements.data(), elements.size() * sizeof(T));
        return made;
    }

    void make(const ifa::DType& query, const ifa::DType& cache, const ifa::DType& output, const char* layout = "BSH") {
        const bool heads_first = std::strcmp(layout, "BNSD") == 0;
        const ifa::Axes rows = heads_first ? ifa::Axes{kBatch, kHeads, 1, kDim} : ifa::Axes{kBatch, 1, kHeads * kDim};
        const ifa::Axes tokens =
            heads_first ? ifa::Axes{kBatch, kKvHeads, kTokens, kDim} : ifa::Axes{kBatch, kTokens, kKvHeads * kDim};
        arguments.query = tensor(query, rows);
        arguments.key = tensor(cache, tokens);
        arguments.value = tensor(cache, tokens);
        arguments.attention_out = tensor(output, rows);
        arguments.num_heads = kHeads;
        arguments.num_key_value_heads = kKvHeads;
        arguments.input_layout = layout;
        if (cache == ifa::DType::kInt8)
            arguments.antiquant_scale =
                tensor(query, heads_first ? ifa::Axes{2, kKvHeads, 1, kDim} : ifa::Axes{2, kKvHeads * kDim});
        if (output == ifa::DType::kInt8) arguments.quant_scale2 = tensor(ifa::DType::kFloat32, {1});
    }
    // Turns the cache into four blocks behind a table.
    void page() {
        const ifa::DType cache = arguments.key[0].dtype;
        arguments.key = tensor(cache, {4, kBlockSize, kKvHeads * kDim});
        arguments.value = tensor(cache, {4, kBlockSize, kKvHeads * kDim});
        arguments.block_table = of<std::int32_t>({3, 1, 0, 2}, {kBatch, 2});
        arguments.block_size = kBlockSize;
        arguments.actual_seq_lengths = of<std::int64_t>({40, 64}, {kBatch});
    }
    // Turns the cache into one tensor for each sequence.
    void list() {
        const ifa::DType cache = arguments.key[0].dtype;
        keys = {tensor(cache, {1, 40, kKvHeads * kDim}), tensor(cache, {1, kTokens, kKvHeads * kDim})};
        values = {tensor(cache, {1, 40, kKvHeads * kDim}), tensor(cache, {1, kTokens, kKvHeads * kDim})};
        arguments.key = keys;
        arguments.value = values;
    }

    std::vector<ifa::Tensor> keys = {}, values = {};
};

}  // namespace support
