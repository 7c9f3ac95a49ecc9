// What the arguments of the document's signature say: extents by name, and tensors as views.
#pragma once

#include <cstring>

#include "../lengths.hpp"
#include "arguments.hpp"

namespace ifa::inline IFA_ISA {

enum class InputLayout { kBsh, kBnsd, kBsnd, kUnknown };

inline InputLayout layout_named(const char* name) {
    const auto is = [name](const char* other) { return name && std::strcmp(name, other) == 0; };
    return is("BSH")    ? InputLayout::kBsh
           : is("BNSD") ? InputLayout::kBnsd
           : is("BSND") ? InputLayout::kBsnd
                        : InputLayout::kUnknown;
}

// A view whose element type is known at run time only.
struct UntypedView {
    void* data = nullptr;
    DType dtype = {};
    Shape shape = {};
    Strides strides = {};

    template <class T>
    IFA_INLINE TensorView<T> as() const {
        return {static_cast<T*>(data), shape, strides, kUnknownExtent};
    }
    // The same memory in bytes.
    inline TensorView<const unsigned char> bytes() const {
        const Index size = dtype.bytes();
        const Shape in_bytes{shape.batch, shape.heads, shape.seq, shape.head_dim * size};
        return {static_cast<const unsigned char*>(data),
                in_bytes,
                {strides.batch * size, strides.head * size, strides.seq * size},
                kUnknownExtent};
    }
};

// Calls visit(type_identity<T>) for the floating-point type of that name.
template <class Visit>
IFA_INLINE decltype(auto) with_float_type(const DType& dtype, const Visit& visit) {
    if (dtype == DType::kFloat16) return visit(std::type_identity<float16>());
    if (dtype == DType::kBfloat16) return visit(std::type_identity<bfloat16>());
    return visit(std::type_identity<float>());
}

// The stride of an axis, 0 where there is nothing to step over.
inline Index stride_of(const Tensor& tensor, int axis) {
    if (tensor.shape[axis] <= 1) return 0;
    if (tensor.strides.rank() > 0) return tensor.strides[axis];
    Index stride = 1;
    for (int i = axis + 1; i < tensor.shape.rank(); ++i) stride *= tensor.shape[i];
    return stride;
}

inline Index elements_of(const Tensor& tensor) {
    Index count = 1;
    for (int i = 0; i < tensor.shape.rank(); ++i) count *= tensor.shape[i];
    return count;
}

// The extents of a call by name, read once. They hold when check_document has found nothing.
struct ParsedArguments {
    const Arguments& arguments;
    InputLayout layout;
    Index batch = 0;
    Index heads = 0;
    Index kv_heads = 0;
    Index head_dim = 0;

    inline explicit ParsedArguments(const Arguments& all)
        : arguments(all),
          layout(layout_named(all.input_layout)),
          heads(all.num_heads),
          kv_heads(all.num_key_value_heads == 0 ? all.num_heads : all.num_key_value_heads) {
        const Axes& query = all.query.shape;
        if (query.rank() > 0) batch = query[0];
        if (layout != InputLayout::kBsh) head_dim = query[3];
        else if (heads > 0) head_dim = query[2] / heads;
    }

    // A batch of no sequences, of which nothing else is asked.
    inline bool is_empty() const { return arguments.query.given() && arguments.query.shape.rank() > 0 && batch == 0; }
    inline bool paged() const { return arguments.block_table.given(); }
    inline bool listed() const { return !paged() && arguments.key.size() > 1; }
    inline Index max_blocks() const { return arguments.block_table.shape[1]; }
    // The axis of tokens in a tensor of the query's layout. Pools of 3 axes have that of BSH in any.
    inline int token_axis(const Tensor& tensor) const {
        return layout == InputLayout::kBnsd && tensor.shape.rank() == 4 ? 2 : 1;
    }
    inline Index tokens(const Tensor& tensor) const { return tensor.shape[token_axis(tensor)]; }
    // What a query, with one token, or a cache is spelled as in the layout.
    inline Axes spelled(Index sequences, Index num_heads, Index num_tokens) const {
        switch (layout) {
            case InputLayout::kBsh: return {sequences, num_tokens, num_heads * head_dim};
            case InputLayout::kBnsd: return {sequences, num_heads, num_tokens, head_dim};
            default: return {sequences, num_tokens, num_heads, head_dim};
        }
    }
    // S of masks and biases: with pages the least that they may have.
    inline Index columns() const {
        if (paged()) return max_blocks() * arguments.block_size;
        Index longest = 0;
        for (Index i = 0; i < arguments.key.size(); ++i)
            longest = tokens(arguments.key[i]) > longest ? tokens(arguments.key[i]) : longest;
        return longest;
    }

    // [batch, heads, seq, head_dim] of a query, an output, or a cache. Not inlined: where the checks and a kernel do
    // not fit into the first-level cache together, they evict each other's instructions in every call, three hundredths
    // of a short one.
    __attribute__((noinline)) UntypedView view(const Tensor& tensor, Index num_heads) const {
        const int token = token_axis(tensor);
        const int head = tensor.shape.rank() == 3 ? -1 : 3 - token;
        return {tensor.data,
                tensor.dtype,
                {tensor.shape[0], num_heads, tensor.shape[token], head_dim},
                {stride_of(tensor, 0), head < 0 ? head_dim : stride_of(tensor, head), stride_of(tensor, token)}};
    }
    inline UntypedView query() const { return view(arguments.query, heads); }
    inline UntypedView output() const { return view(arguments.attention_out, heads); }
    inline UntypedView key(Index i) const { return view(arguments.key[i], kv_heads); }
    inline UntypedView value(Index i) const { return view(arguments.value[i], kv_heads); }
    // [B, 1, S, 1]; nothing where absent.
    inline UntypedView mask() const {
        const Tensor& mask = arguments.attn_mask;
        if (!mask.given()) return {};
        const int last = mask.shape.rank() - 1;
        return {mask.data, mask.dtype, {mask.shape[0], 1, mask.shape[last], 1}, {stride_of(mask, 0), 0, 1}};
    }
    // [1 or B, N, S, 1]; nothing where absent.
    inline UntypedView bias() const {
        const Tensor& pse = arguments.pse_shift;
        if (!pse.given()) return {};
        return {pse.data,
                pse.dtype,
                {pse.shape[0], pse.shape[1], pse.shape[3], 1},
                {stride_of(pse, 0), stride_of(pse, 1), 1}};
    }
    inline Lengths lengths() const {
        const Tensor& lengths = arguments.actual_seq_lengths;
        if (!lengths.given()) return {};
        const Index count = elements_of(lengths);
        if (lengths.dtype == DType::kInt32) return Span(static_cast<const std::int32_t*>(lengths.data), count);
        return Span(static_cast<const std::int64_t*>(lengths.data), count);
    }
    inline Index kv_padding() const {
        const Tensor& padding = arguments.kv_padding_size;
        return padding.given() ? *static_cast<const std::int64_t*>(padding.data) : 0;
    }
};

}  // namespace ifa::inline IFA_ISA
