// The document's reading of a call that has been accepted: what it may look at, and what it must give.
#pragma once

#include <string>
#include <utility>

#include "ifa/dynamic/arguments.hpp"
#include "memory.hpp"
#include "staging.hpp"
#include "support/reference.hpp"

namespace fuzz {

class Document {
   public:
    explicit Document(const ifa::Arguments& arguments)
        : a_(arguments),
          layout_(arguments.input_layout),
          heads(arguments.num_heads),
          kv_heads(a_.num_key_value_heads == 0 ? a_.num_heads : a_.num_key_value_heads),
          batch(a_.query.shape[0]),
          head_dim(layout_ == "BSH" ? a_.query.shape[2] / heads : a_.query.shape[3]) {}

    // The tokens [begin, end) of a sequence.
    std::pair<Index, Index> window(Index b) const {
        const Index capacity = tokens(b);
        if (!a_.actual_seq_lengths.given()) return {0, capacity};
        const Index length = integer(a_.actual_seq_lengths, a_.actual_seq_lengths.shape[0] == 1 ? 0 : b);
        if (!a_.kv_padding_size.given() || is_list()) return {0, length};
        const Index end = capacity - std::max<Index>(integer(a_.kv_padding_size, 0), 0), begin = end - length;
        return begin < 0 ? std::pair<Index, Index>(0, 0) : std::pair(begin, end);
    }

    bool is_hidden(Index b, Index column) const {
        return a_.attn_mask.given() && *at(a_.attn_mask, b * stride(a_.attn_mask, 0) + column) != std::byte{0};
    }

    // A mask hides all of a window, which then gives the mean of its values.
    bool gives_mean(Index b) const {
        const auto [begin, end] = window(b);
        bool all_hidden = a_.wholly_hidden_rows == ifa::WhollyHiddenRows::kMeanOfValues;
        for (Index column = begin; all_hidden && column < end; ++column) all_hidden = is_hidden(b, column);
        return all_hidden;
    }

    // Where an element of [batch, heads, 1, head_dim] is.
    const std::byte* row(const ifa::Tensor& tensor, Index b, Index head) const {
        return cache_row(tensor, b, head, 0, layout_);
    }

    // Adds what must have its contents to `read`, and what may hold anything to `passed_over`.
    void visit_inputs(Regions& read, Regions& passed_over) const {
        for (Index b = 0; b < batch; ++b) {
            for (Index h = 0; h < heads; ++h) read.add(row(a_.query, b, h), row_bytes(a_.query));
            visit_cache(b, read, passed_over);
            visit_columns(b, read, passed_over);
        }
        for (const ifa::Tensor* const all :
             {&a_.antiquant_scale, &a_.antiquant_offset, &a_.quant_scale2, &a_.quant_offset2, &a_.actual_seq_lengths})
            if (all->given()) read.add(all->data, bytes(*all));
        if (a_.kv_padding_size.given()) read.add(a_.kv_padding_size.data, 8);
    }
    void visit_output(Regions& written) const {
        for (Index b = 0; b < batch; ++b)
            for (Index h = 0; h < heads; ++h) written.add(row(a_.attention_out, b, h), row_bytes(a_.attention_out));
    }

    // The rows [B * N] of the formula in float64.
    std::vector<reference::Row> rows() const {
        std::vector<reference::Row> all;
        for (Index b = 0; b < batch; ++b)
            for (Index k = 0; k < kv_heads; ++k) {
                const reference::Problem p = problem(b, k);
                for (std::size_t g = 0; g < p.heads; ++g) all.push_back(reference::attend(p, 0, g));
            }
        return all;
    }

    // The factor and summand of an element of an int8 output.
    std::pair<double, double> post_quant(Index head, Index d) const {
        const Index i = elements(a_.quant_scale2) == 1 ? 0 : head * head_dim + d;
        return {number(a_.quant_scale2, i), a_.quant_offset2.given() ? number(a_.quant_offset2, i) : 0};
    }

   private:
    static Index elements(const ifa::Tensor& t) {
        Index count = 1;
        for (int i = 0; i < t.shape.rank(); ++i) count *= t.shape[i];
        return count;
    }
    static std::size_t bytes(const ifa::Tensor& t) { return static_cast<std::size_t>(elements(t) * t.dtype.bytes()); }
    static Index stride(const ifa::Tensor& t, int axis) {
        if (t.strides.rank() > 0) return t.strides[axis];
        Index dense = 1;
        for (int i = axis + 1; i < t.shape.rank(); ++i) dense *= t.shape[i];
        return dense;
    }
    static const std::byte* at(const ifa::Tensor& t, Index element) {
        return static_cast<const std::byte*>(t.data) + element * t.dtype.bytes();
    }
    static double number(const ifa::Tensor& t, Index i) { return properties::load(element_type(t.dtype), at(t, i)); }
    static Index integer(const ifa::Tensor& t, Index i) {
        if (t.dtype == ifa::DType::kInt32) return load<std::int32_t>(at(t, i));
        return load<std::int64_t>(at(t, i));
    }
    template <class T>
    static T load(const std::byte* from) {
        T x;
        std::memcpy(&x, from, sizeof(x));
        return x;
    }
    std::size_t row_bytes(const ifa::Tensor& t) const { return static_cast<std::size_t>(head_dim * t.dtype.bytes()); }

    bool is_paged() const { return a_.block_table.given(); }
    bool is_list() const { return !is_paged() && a_.key.size() > 1; }
    // The cache of a sequence: its own, or a part of the only one.
    const ifa::Tensor& own(const ifa::TensorList& tensors, Index b) const { return tensors[is_list() ? b : 0]; }
    Index tokens(Index b) const {
        if (is_paged()) return a_.block_table.shape[1] * a_.block_size;
        return own(a_.key, b).shape[layout_ == "BNSD" ? 2 : 1];
    }

    const std::byte* cache_row(const ifa::Tensor& t, Index b, Index head, Index token,
                               const std::string& layout) const {
        if (layout == "BNSD") return at(t, b * stride(t, 0) + head * stride(t, 1) + token * stride(t, 2));
        if (layout == "BSND") return at(t, b * stride(t, 0) + token * stride(t, 1) + head * stride(t, 2));
        return at(t, b * stride(t, 0) + token * stride(t, 1) + head * head_dim);
    }
    const std::byte* cache_row(const ifa::TensorList& tensors, Index b, Index kv_head, Index column) const {
        const ifa::Tensor& t = own(tensors, b);
        if (!is_paged()) return cache_row(t, is_list() ? 0 : b, kv_head, column, layout_);
        const Index entry = b * a_.block_table.shape[1] + column / a_.block_size;
        return cache_row(t, integer(a_.block_table, entry), kv_head, column % a_.block_size,
                         t.shape.rank() == 3 ? "BSH" : "BNSD");
    }

    void visit_cache(Index b, Regions& read, Regions& passed_over) const {
        const auto [begin, end] = window(b);
        const bool mean = gives_mean(b);
        for (Index column = begin; column < end; ++column)
            for (Index k = 0; k < kv_heads; ++k) {
                if (!mean && is_hidden(b, column)) continue;
                (mean ? passed_over : read).add(cache_row(a_.key, b, k, column), row_bytes(a_.key[0]));
            }
        for (Index column = begin; column < end; ++column)
            for (Index k = 0; k < kv_heads; ++k)
                if (mean || !is_hidden(b, column)) read.add(cache_row(a_.value, b, k, column), row_bytes(a_.value[0]));
    }

    // Of the mask, the bias and the block table.
    void visit_columns(Index b, Regions& read, Regions& passed_over) const {
        const auto [begin, end] = window(b);
        for (Index column = begin; column < end; ++column) {
            if (a_.attn_mask.given()) read.add(at(a_.attn_mask, b * stride(a_.attn_mask, 0) + column), 1);
            if (is_paged() && (column == begin || column % a_.block_size == 0))
                read.add(at(a_.block_table, b * a_.block_table.shape[1] + column / a_.block_size), 4);
        }
        for (Index h = 0; a_.pse_shift.given() && h < heads; ++h)
            for (Index column = begin; column < end; ++column)
                (is_hidden(b, column) ? passed_over : read)
                    .add(bias(b, h, column), static_cast<std::size_t>(a_.pse_shift.dtype.bytes()));
    }
    const std::byte* bias(Index b, Index head, Index column) const {
        const ifa::Tensor& t = a_.pse_shift;
        return at(t, (t.shape[0] == 1 ? 0 : b) * stride(t, 0) + head * stride(t, 1) + column);
    }

    // One kv head of one sequence, its columns those of the window.
    reference::Problem problem(Index b, Index k) const {
        const auto [begin, end] = window(b);
        const auto count = [](Index n) { return static_cast<std::size_t>(n); };
        reference::Problem p;
        p.heads = count(heads / kv_heads), p.columns = count(end - begin);
        p.key_dim = p.value_dim = count(head_dim);
        p.begin = {0}, p.end = {end - begin};
        p.scale = a_.scale_value;
        p.mean_of_wholly_hidden = gives_mean(b);
        p.key = window_numbers(a_.key, b, k, 0), p.value = window_numbers(a_.value, b, k, kv_heads);
        for (Index column = begin; column < end; ++column) p.hidden.push_back(is_hidden(b, column));
        for (std::size_t g = 0; g < p.heads; ++g) {
            const Index head = k * static_cast<Index>(p.heads) + static_cast<Index>(g);
            append_row(element_type(a_.query.dtype), row(a_.query, b, head), p.query);
            for (Index column = begin; a_.pse_shift.given() && column < end; ++column)
                p.bias.push_back(properties::load(element_type(a_.pse_shift.dtype), bias(b, head, column)));
        }
        return p;
    }

    void append_row(ElementType type, const std::byte* from, std::vector<double>& to) const {
        properties::with_element(type, [&](auto x) {
            for (Index d = 0; d < head_dim; ++d, from += sizeof(x))
                to.push_back(properties::load_as<decltype(x)>(from));
        });
    }

    // Keys or values of a window, dequantised: their parameters come behind those of `heads_before` heads.
    std::vector<double> window_numbers(const ifa::TensorList& tensors, Index b, Index k, Index heads_before) const {
        const auto [begin, end] = window(b);
        const ElementType type = element_type(tensors[0].dtype);
        std::vector<double> numbers, scales, offsets;
        for (Index d = 0; a_.antiquant_scale.given() && d < head_dim; ++d) {
            const bool per_tensor = a_.antiquant_scale.shape.rank() == 1;
            const Index i = per_tensor ? heads_before > 0 : (heads_before + k) * head_dim + d;
            scales.push_back(number(a_.antiquant_scale, i));
            offsets.push_back(a_.antiquant_offset.given() ? number(a_.antiquant_offset, i) : 0);
        }
        for (Index column = begin; column < end; ++column) {
            append_row(type, cache_row(tensors, b, k, column), numbers);
            double* const last = numbers.data() + numbers.size() - scales.size();
            for (std::size_t d = 0; d < scales.size(); ++d) last[d] = (last[d] + offsets[d]) * scales[d];
        }
        return numbers;
    }

    const ifa::Arguments& a_;
    std::string layout_;

   public:
    const Index heads, kv_heads, batch, head_dim;
};

}  // namespace fuzz
