// The errors of the document's signature, its limits included. Each message names the argument, what was expected and
// what came.
#pragma once

#include "tensor_checks.hpp"

namespace ifa::inline IFA_ISA {

// Calls visit(name, tensor) for each tensor that is there, in the order of the signature.
template <class Visit>
inline void each_tensor(const Arguments& a, const Visit& visit) {
    const auto one = [&](const char* name, const Tensor& tensor) {
        if (tensor.given()) visit(name, tensor);
    };
    const auto each = [&](const char* name, const TensorList& list) {
        for (Index i = 0; i < list.size(); ++i) one(ListedName(name, list, i).text, list[i]);
    };
    one("query", a.query);
    each("key", a.key);
    each("value", a.value);
    one("attn_mask", a.attn_mask);
    one("actual_seq_lengths", a.actual_seq_lengths);
    one("pse_shift", a.pse_shift);
    one("quant_scale2", a.quant_scale2);
    one("quant_offset2", a.quant_offset2);
    one("antiquant_scale", a.antiquant_scale);
    one("antiquant_offset", a.antiquant_offset);
    one("block_table", a.block_table);
    one("kv_padding_size", a.kv_padding_size);
    one("attention_out", a.attention_out);
}

// TypeErrors.

inline void expect_type_of_query(const char* name, const Tensor& tensor, const Arguments& a, Contracts& contracts) {
    if (tensor.given() && a.query.given() && tensor.dtype != a.query.dtype)
        contracts.fail(ErrorKind::kType, "{}: expected {} as query, got {}", name, DTypeText(a.query.dtype).text,
                       DTypeText(tensor.dtype).text);
}

inline void check_cache_types(const Arguments& a, Contracts& contracts) {
    if (a.key.size() == 0 || !a.key[0].given()) return;
    const DType& expected = a.key[0].dtype;
    if (a.query.given() && expected != a.query.dtype && expected != DType::kInt8)
        contracts.fail(ErrorKind::kType, "key: expected {} as query, or int8, got {}", DTypeText(a.query.dtype).text,
                       DTypeText(expected).text);
    const auto expect_the_same = [&](const char* name, const TensorList& list) {
        for (Index i = 0; i < list.size(); ++i)
            if (list[i].given() && list[i].dtype != expected)
                contracts.fail(ErrorKind::kType, "{}: expected {} as {}, got {}", ListedName(name, list, i).text,
                               DTypeText(expected).text, ListedName("key", a.key, 0).text,
                               DTypeText(list[i].dtype).text);
    };
    expect_the_same("key", a.key);
    expect_the_same("value", a.value);
}

inline void check_types(const Arguments& a, Contracts& contracts) {
    if (a.query.given() && a.query.dtype != DType::kFloat16 && a.query.dtype != DType::kBfloat16 &&
        a.query.dtype != DType::kFloat32)
        contracts.fail(ErrorKind::kType, "query: expected float16, bfloat16 or float32, got {}",
                       DTypeText(a.query.dtype).text);
    check_cache_types(a, contracts);
    if (a.attn_mask.given() && a.attn_mask.dtype != DType::kBool)
        if (a.attn_mask.dtype != DType::kInt8 && a.attn_mask.dtype != DType::kUint8)
            contracts.fail(ErrorKind::kType, "attn_mask: expected bool, int8 or uint8, got {}",
                           DTypeText(a.attn_mask.dtype).text);
    expect_dtype("actual_seq_lengths", a.actual_seq_lengths, DType::kInt64, DType::kInt32, contracts);
    expect_type_of_query("pse_shift", a.pse_shift, a, contracts);
    expect_dtype("quant_scale1", a.quant_scale1, DType::kFloat32, DType::kFloat32, contracts);
    expect_dtype("quant_scale2", a.quant_scale2, DType::kFloat32, DType::kFloat32, contracts);
    expect_dtype("quant_offset2", a.quant_offset2, DType::kFloat32, DType::kFloat32, contracts);
    expect_type_of_query("antiquant_scale", a.antiquant_scale, a, contracts);
    expect_type_of_query("antiquant_offset", a.antiquant_offset, a, contracts);
    expect_dtype("block_table", a.block_table, DType::kInt32, DType::kInt32, contracts);
    if (!a.input_layout) contracts.fail(ErrorKind::kType, "input_layout: expected a string, got a null pointer");
    expect_dtype("kv_padding_size", a.kv_padding_size, DType::kInt64, DType::kInt64, contracts);
}

// ValueErrors, as far as the arguments can be understood.

inline void check_values(const ParsedArguments& parsed, Contracts& contracts) {
    const Arguments& a = parsed.arguments;
    const Axes &query = a.query.shape, &lengths = a.actual_seq_lengths.shape;
    if (a.actual_seq_lengths.given() && lengths.rank() == 1 && query.rank() > 0)
        if (lengths[0] != 1 && lengths[0] != query[0])
            contracts.fail(ErrorKind::kValue, "actual_seq_lengths: expected 1 or {} elements (the batch), got {}",
                           query[0], lengths[0]);
    if (parsed.layout == InputLayout::kUnknown)
        contracts.fail(ErrorKind::kValue, "input_layout: expected BSH, BNSD or BSND, got \"{}\"", a.input_layout);
    if (a.num_heads <= 0) return;
    if (parsed.layout == InputLayout::kBsh && query.rank() == 3 && query[2] % a.num_heads != 0)
        contracts.fail(ErrorKind::kValue, "num_heads: expected a divisor of query's H ({}), got {}", query[2],
                       a.num_heads);
    if (a.num_key_value_heads > 0 && a.num_heads % a.num_key_value_heads != 0)
        contracts.fail(ErrorKind::kValue, "num_heads: expected a multiple of num_key_value_heads ({}), got {}",
                       a.num_key_value_heads, a.num_heads);
}

// RuntimeErrors.

// What must be there, and each tensor by itself.
inline void check_tensors(const Arguments& a, Contracts& contracts) {
    constexpr const char* kNotEnabled = "not enabled";
    expect_given("query", a.query, contracts);
    if (a.key.size() == 0) expect_given("key", {}, contracts);
    for (Index i = 0; i < a.key.size(); ++i) expect_given(ListedName("key", a.key, i).text, a.key[i], contracts);
    if (a.value.size() != a.key.size())
        contracts.fail(ErrorKind::kRuntime, "value: expected as many tensors as key, {}, got {}", a.key.size(),
                       a.value.size());
    for (Index i = 0; i < a.value.size(); ++i)
        expect_given(ListedName("value", a.value, i).text, a.value[i], contracts);
    expect_absent("dequant_scale1", a.dequant_scale1, kNotEnabled, contracts);
    expect_absent("quant_scale1", a.quant_scale1, kNotEnabled, contracts);
    expect_absent("dequant_scale2", a.dequant_scale2, kNotEnabled, contracts);
    expect_given("attention_out", a.attention_out, contracts);
    each_tensor(a, [&](const char* name, const Tensor& tensor) { check_tensor(name, tensor, contracts); });
}

// Heads and the query, from which every other shape follows.
inline void check_query(const ParsedArguments& parsed, Contracts& contracts) {
    const Arguments& a = parsed.arguments;
    if (a.num_heads <= 0) contracts.fail(ErrorKind::kRuntime, "num_heads: expected at least 1, got {}", a.num_heads);
    if (a.num_key_value_heads < 0)
        contracts.fail(ErrorKind::kRuntime, "num_key_value_heads: expected at least 1, or 0 for num_heads, got {}",
                       a.num_key_value_heads);
    if (a.inner_precise != 0 && a.inner_precise != 1)
        contracts.fail(ErrorKind::kRuntime, "inner_precise: expected 0 or 1, got {}", a.inner_precise);
    const Axes& query = a.query.shape;
    const int rank = parsed.layout == InputLayout::kBsh ? 3 : 4;
    if (query.rank() != rank)
        return contracts.fail(ErrorKind::kRuntime, "query: expected {} axes in layout {}, got {}", rank, a.input_layout,
                              AxesText(query).text);
    if (contracts.failed()) return;
    const Index dim = parsed.head_dim;
    expect_shape("query", a.query, parsed.spelled(parsed.batch, parsed.heads, 1), contracts);
    if (dim < 1 || dim > 512)
        contracts.fail(ErrorKind::kRuntime, "query: expected a head_dim of 1 to 512, got {}", dim);
}

// A cache of one tensor, or of one for each sequence.
inline void check_cache(const ParsedArguments& parsed, Contracts& contracts) {
    const Arguments& a = parsed.arguments;
    const Index count = a.key.size();
    if (count != 1 && count != parsed.batch)
        return contracts.fail(ErrorKind::kRuntime, "key: expected 1 or {} tensors (the batch), got {}", parsed.batch,
                              count);
    const Index batch = count == 1 ? parsed.batch : 1;
    const int rank = a.query.shape.rank();
    for (Index i = 0; i < count; ++i) {
        const Tensor& key = a.key[i];
        const ListedName name("key", a.key, i);
        if (key.shape.rank() != rank)
            return contracts.fail(ErrorKind::kRuntime, "{}: expected {} axes in layout {}, got {}", name.text, rank,
                                  a.input_layout, AxesText(key.shape).text);
        expect_shape(name.text, key, parsed.spelled(batch, parsed.kv_heads, parsed.tokens(key)), contracts);
        expect_shape(ListedName("value", a.value, i).text, a.value[i], key.shape, contracts);
    }
}

// The document's limits of page attention.
inline void check_pages(const ParsedArguments& parsed, Contracts& contracts) {
    constexpr Index kMostBlocks = 16384, kMostElements = 0x7fffffff;
    const Arguments& a = parsed.arguments;
    const Axes &table = a.block_table.shape, &pool = a.key[0].shape;
    const Index unit = a.key[0].dtype == DType::kInt8 ? 32 : 16, dim = parsed.head_dim;
    if (a.key.size() != 1)
        contracts.fail(ErrorKind::kRuntime, "key: expected one pool of blocks with block_table, got {} tensors",
                       a.key.size());
    if (a.block_size < 1 || a.block_size % unit != 0)
        contracts.fail(ErrorKind::kRuntime, "block_size: expected a positive multiple of {} for {}, got {}", unit,
                       DTypeText(a.key[0].dtype).text, a.block_size);
    if (a.block_size > kMostElements)
        contracts.fail(ErrorKind::kRuntime, "block_size: expected at most {}, got {}", kMostElements, a.block_size);
    if (table.rank() != 2 || table[0] != parsed.batch)
        return contracts.fail(ErrorKind::kRuntime, "block_table: expected shape ({}, max_blocks), got {}", parsed.batch,
                              AxesText(table).text);
    if (table[1] > kMostBlocks)
        contracts.fail(ErrorKind::kRuntime, "block_table: expected at most {} blocks for each sequence, got {}",
                       kMostBlocks, table[1]);
    expect_contiguous("block_table", a.block_table, contracts);
    if (pool.rank() == 4 && parsed.layout == InputLayout::kBnsd)
        expect_shape("key", a.key[0], {pool[0], parsed.kv_heads, a.block_size, dim}, contracts);
    else expect_shape("key", a.key[0], {pool[0], a.block_size, parsed.kv_heads * dim}, contracts);
    expect_shape("value", a.value[0], pool, contracts);
    if (elements_of(a.key[0]) > kMostElements)
        contracts.fail(ErrorKind::kRuntime, "key: expected at most {} elements with block_table, got {}", kMostElements,
                       elements_of(a.key[0]));
    if (!a.actual_seq_lengths.given() && !a.plan)
        contracts.fail(ErrorKind::kRuntime, "actual_seq_lengths: expected with block_table (page attention), got none");
    expect_absent("kv_padding_size", a.kv_padding_size, "page attention has none", contracts);
    if (a.quant_scale2.given() && elements_of(a.quant_scale2) > 1)
        contracts.fail(ErrorKind::kRuntime,
                       "quant_scale2: expected 1 element with block_table (page attention), got {}",
                       elements_of(a.quant_scale2));
}

// Lengths, padding, mask and bias.
inline void check_columns(const ParsedArguments& parsed, Contracts& contracts) {
    const Arguments& a = parsed.arguments;
    const Axes &lengths = a.actual_seq_lengths.shape, &padding = a.kv_padding_size.shape;
    if (a.plan) {
        expect_absent("actual_seq_lengths", a.actual_seq_lengths, "the plan has them", contracts);
        expect_absent("kv_padding_size", a.kv_padding_size, "the plan has it", contracts);
    }
    if (a.actual_seq_lengths.given() && lengths.rank() != 1)
        contracts.fail(ErrorKind::kRuntime, "actual_seq_lengths: expected shape ({},) or (1,), got {}", parsed.batch,
                       AxesText(lengths).text);
    if (a.kv_padding_size.given() && padding.rank() != 0 && padding != Axes{1})
        contracts.fail(ErrorKind::kRuntime, "kv_padding_size: expected shape () or (1,), got {}",
                       AxesText(padding).text);
    const Index batch = parsed.batch, columns = parsed.columns();
    const auto fits = [&](Index of) { return parsed.paged() ? of >= columns : of == columns; };
    const char* const least = parsed.paged() ? "at least " : "";
    const Axes &mask = a.attn_mask.shape, &pse = a.pse_shift.shape;
    if (a.attn_mask.given()) {
        const int rank = mask.rank();
        bool agrees = rank >= 2 && mask[0] == batch && fits(mask[rank - 1]);
        for (int i = 1; agrees && i < rank - 1; ++i) agrees = mask[i] == 1;
        if (!agrees)
            contracts.fail(ErrorKind::kRuntime,
                           "attn_mask: expected shape ({}, S), ({}, 1, S) or ({}, 1, 1, S) with S = {}{}, got {}",
                           batch, batch, batch, least, columns, AxesText(mask).text);
    }
    if (a.pse_shift.given()) {
        if (pse.rank() != 4 || (pse[0] != 1 && pse[0] != batch) || pse[1] != parsed.heads || pse[2] != 1 ||
            !fits(pse[3]))
            contracts.fail(ErrorKind::kRuntime,
                           "pse_shift: expected shape (1, {}, 1, S) or ({}, {}, 1, S) with S = {}{}, got {}",
                           parsed.heads, batch, parsed.heads, least, columns, AxesText(pse).text);
        if (parsed.head_dim % 16 != 0)
            contracts.fail(ErrorKind::kRuntime, "pse_shift: expected a head_dim that is a multiple of 16, got {}",
                           parsed.head_dim);
    }
}

// Antiquant and post-quant.
inline void check_quantisation(const ParsedArguments& parsed, Contracts& contracts) {
    const Arguments& a = parsed.arguments;
    const Index heads = parsed.heads, kv_heads = parsed.kv_heads, dim = parsed.head_dim;
    if (a.key[0].dtype == DType::kInt8) {
        const Axes& scale = a.antiquant_scale.shape;
        const bool spelled = parsed.layout != InputLayout::kBsh, token_major = parsed.layout != InputLayout::kBnsd;
        const Axes with_heads = token_major ? Axes{2, kv_heads, dim} : Axes{2, kv_heads, 1, dim};
        const Axes flat{2, kv_heads * dim};
        if (!a.antiquant_scale.given())
            contracts.fail(ErrorKind::kRuntime, "antiquant_scale: expected with int8 key and value, got none");
        else if (scale != Axes{2} && !(spelled && scale == with_heads) && !(token_major && scale == flat))
            contracts.fail(ErrorKind::kRuntime, "antiquant_scale: expected shape {} or (2,) in layout {}, got {}",
                           AxesText(spelled ? with_heads : flat).text, a.input_layout, AxesText(scale).text);
        expect_shape("antiquant_offset", a.antiquant_offset, scale, contracts);
        expect_contiguous("antiquant_scale", a.antiquant_scale, contracts);
        expect_contiguous("antiquant_offset", a.antiquant_offset, contracts);
    } else {
        expect_absent("antiquant_scale", a.antiquant_scale, "key and value are not int8", contracts);
        expect_absent("antiquant_offset", a.antiquant_offset, "key and value are not int8", contracts);
    }
    if (!a.quant_scale2.given()) expect_absent("quant_offset2", a.quant_offset2, "there is no quant_scale2", contracts);
    if (a.attention_out.dtype == DType::kInt8) {
        const Axes& scale = a.quant_scale2.shape;
        if (!a.quant_scale2.given())
            contracts.fail(ErrorKind::kRuntime, "quant_scale2: expected with an int8 attention_out, got none");
        else if (scale != Axes{1} && scale != Axes{1, heads, 1, dim} && scale != Axes{heads, dim} &&
                 scale != Axes{heads * dim})
            contracts.fail(ErrorKind::kRuntime,
                           "quant_scale2: expected shape (1,), (1, {}, 1, {}), ({}, {}) or ({},), got {}", heads, dim,
                           heads, dim, heads * dim, AxesText(scale).text);
        expect_shape("quant_offset2", a.quant_offset2, scale, contracts);
        expect_contiguous("quant_scale2", a.quant_scale2, contracts);
        expect_contiguous("quant_offset2", a.quant_offset2, contracts);
    } else {
        expect_absent("quant_scale2", a.quant_scale2, "attention_out is not int8", contracts);
        if (a.attention_out.dtype != a.query.dtype)
            contracts.fail(ErrorKind::kRuntime, "attention_out: expected {} as query, or int8, got {}",
                           DTypeText(a.query.dtype).text, DTypeText(a.attention_out.dtype).text);
    }
}

// Everything that is wrong with the arguments but for what their elements hold.
inline void check_document(const ParsedArguments& parsed, Contracts& contracts) {
    const Arguments& a = parsed.arguments;
    check_types(a, contracts);
    check_values(parsed, contracts);
    if (contracts.failed() || parsed.is_empty()) return;
    check_tensors(a, contracts);
    if (!contracts.failed()) check_query(parsed, contracts);
    if (contracts.failed()) return;
    if (parsed.paged()) check_pages(parsed, contracts);
    else check_cache(parsed, contracts);
    expect_shape("attention_out", a.attention_out, a.query.shape, contracts);
    if (contracts.failed()) return;
    check_columns(parsed, contracts);
    check_quantisation(parsed, contracts);
}

}  // namespace ifa::inline IFA_ISA
