// A call of the tests as the document's signature has it, and which calls that signature takes.
#pragma once

#include "case.hpp"
#include "ifa/dynamic/arguments.hpp"

namespace properties {

// Whether the types of a row are among those of the document.
inline bool is_in_document(const Combination& c) {
    const bool cache = c.cache == c.query || c.cache == ElementType::kInt8;
    const bool output = c.output == c.query || c.output == ElementType::kInt8;
    const bool parameters = c.codec == Codec::kIdentity || c.scale == c.query;
    const bool terms = (c.bias == ElementType::kNone || c.bias == c.query) && c.cap == Cap::kNone;
    const bool pages = c.storage != Storage::kPaged || c.quant != Quant::kPerChannel;
    return cache && output && parameters && terms && pages && c.log_sum_exp == LogSumExp::kDropped;
}

// Whether the document allows the rest of a point.
inline bool is_in_document(const Point& point) {
    const bool paged = point.get<Storage>(kStorage) == Storage::kPaged;
    const bool int8 = point.get<ElementType>(kCache) == ElementType::kInt8;
    const auto block_size = point.get<BlockSize>(kBlockSize);
    const bool blocks =
        !paged || block_size == BlockSize::kOneHundredTwentyEight || (block_size == BlockSize::kSixteen && !int8);
    const bool masks = point.get<Masking>(kMasking) == Masking::kUnmasked || point.get<Rows>(kMaskRows) == Rows::kEach;
    const bool columns = paged || point.get<Columns>(kColumns) == Columns::kExact;
    return point.get<ValueDim>(kValueDim) == ValueDim::kEqual && blocks && masks && columns;
}

inline bool is_in_document(const Case& c) {
    return c.types.bias == ElementType::kNone || c.extents.key_dim % 16 == 0;
}

inline ifa::DType dtype_of(ElementType type) {
    return with_element(type, [](auto x) { return ifa::dtype_of<decltype(x)>(); });
}

// The arguments of a case in the layout of its tensors if they share one, else in BNSD with strides.
class DynamicCall {
   public:
    explicit DynamicCall(const Case& c) : case_(c), layout_(common_layout(c)) {
        const Call& call = c.call;
        for (const Tensor& key : call.keys) keys_.push_back(tensor(key));
        for (const Tensor& value : call.values) values_.push_back(tensor(value));
        arguments.query = tensor(call.query);
        arguments.key = keys_;
        arguments.value = values_;
        arguments.attention_out = tensor(call.output);
        arguments.num_heads = c.extents.heads();
        arguments.num_key_value_heads = c.extents.kv_heads;
        arguments.input_layout = name(layout_);
        arguments.scale_value = call.scale;
        arguments.inner_precise = c.types.precision == Precision::kHighPrecision ? 0 : 1;
        arguments.chunk_tokens = call.chunk_tokens;
        arguments.wholly_hidden_rows = call.wholly_hidden_rows;
        set_windows(call);
        set_terms(call);
        set_quantisation(call);
    }
    DynamicCall(const DynamicCall&) = delete;
    DynamicCall& operator=(const DynamicCall&) = delete;

    // As a planned call has them.
    void drop_windows() { arguments.actual_seq_lengths = arguments.kv_padding_size = {}; }

    ifa::Arguments arguments = {};

   private:
    static Layout common_layout(const Case& c) {
        const Layout layout = c.call.query.layout;
        const bool common = c.call.output.layout == layout && c.call.keys[0].layout == layout;
        return common && layout != Layout::kStrided ? layout : Layout::kBnsd;
    }
    static const char* name(Layout layout) {
        return layout == Layout::kBsh ? "BSH" : layout == Layout::kBnsd ? "BNSD" : "BSND";
    }

    // Pools have no heads axis but in BNSD.
    ifa::Tensor tensor(const Tensor& t) const {
        const ifa::Shape& s = t.shape;
        const bool is_pool = case_.types.storage == Storage::kPaged && is_cache(t);
        void* const data = const_cast<std::byte*>(t.row(0, 0, 0));
        if (layout_ == Layout::kBnsd)
            return {data,
                    dtype_of(t.type),
                    {s.batch, s.heads, s.seq, s.head_dim},
                    {t.strides.batch, t.strides.head, t.strides.seq, 1}};
        if (layout_ == Layout::kBsnd && !is_pool)
            return {data, dtype_of(t.type), {s.batch, s.seq, s.heads, s.head_dim}};
        return {data, dtype_of(t.type), {s.batch, s.seq, s.heads * s.head_dim}};
    }
    bool is_cache(const Tensor& t) const { return &t == case_.call.keys.data() || &t == case_.call.values.data(); }

    void set_windows(const Call& call) {
        if (call.lengths_kind == LengthsKind::kInt32Each)
            arguments.actual_seq_lengths = ifa::tensor(call.lengths32.data(), {as_index(call.lengths32.size())});
        else if (call.lengths_kind != LengthsKind::kAbsent)
            arguments.actual_seq_lengths = ifa::tensor(call.lengths64.data(), {as_index(call.lengths64.size())});
        if (case_.types.padding == Padding::kLeft) arguments.kv_padding_size = ifa::tensor(&call.kv_padding, {});
        if (case_.types.storage != Storage::kPaged) return;
        const ifa::BlockTableShape& table = call.table_shape;
        arguments.block_table = ifa::tensor(call.block_table.data(), {table.batch, table.max_blocks});
        arguments.block_size = call.keys[0].shape.seq;
    }

    void set_terms(const Call& call) {
        if (case_.types.masking == Masking::kMasked) {
            const ifa::Shape& mask = call.mask.shape;
            constexpr ifa::DType kTypes[] = {{}, ifa::DType::kBool, ifa::DType::kInt8, ifa::DType::kUint8};
            const ifa::Axes shapes[] = {
                {mask.batch, mask.seq}, {mask.batch, 1, mask.seq}, {mask.batch, 1, 1, mask.seq}};
            arguments.attn_mask = {const_cast<std::byte*>(call.mask.row(0, 0, 0)),
                                   kTypes[static_cast<std::size_t>(call.mask_byte)], shapes[mask.seq % 3]};
        }
        if (case_.types.bias == ElementType::kNone) return;
        const ifa::Shape& bias = call.bias.shape;
        arguments.pse_shift = {const_cast<std::byte*>(call.bias.row(0, 0, 0)),
                               dtype_of(call.bias.type),
                               {bias.batch, bias.heads, 1, bias.seq}};
    }

    void set_quantisation(const Call& call) {
        const Extents& e = case_.extents;
        if (case_.types.codec != Codec::kIdentity) {
            const auto of = [&](const Tensor& parameters) -> ifa::Tensor {
                const ifa::Axes per_channel = layout_ == Layout::kBnsd ? ifa::Axes{2, e.kv_heads, 1, e.key_dim}
                                                                       : ifa::Axes{2, e.kv_heads * e.key_dim};
                return {const_cast<std::byte*>(parameters.row(0, 0, 0)), dtype_of(parameters.type),
                        case_.types.codec == Codec::kPerTensor ? ifa::Axes{2} : per_channel};
            };
            arguments.antiquant_scale = of(call.antiquant_scale);
            if (call.has_antiquant_offset) arguments.antiquant_offset = of(call.antiquant_offset);
        }
        if (case_.types.quant == Quant::kPlain) return;
        const ifa::Axes shape =
            case_.types.quant == Quant::kPerTensor ? ifa::Axes{1} : ifa::Axes{e.heads(), e.value_dim};
        arguments.quant_scale2 = ifa::tensor(call.quant_scale.data(), shape);
        if (!call.quant_offset.empty()) arguments.quant_offset2 = ifa::tensor(call.quant_offset.data(), shape);
    }

    const Case& case_;
    Layout layout_;
    std::vector<ifa::Tensor> keys_ = {}, values_ = {};
};

}  // namespace properties
