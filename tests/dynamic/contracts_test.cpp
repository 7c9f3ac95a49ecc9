// The error table of the document's signature: a test for each row and argument, which prints the message it saw.
#include "ifa/dynamic/contracts.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <limits>

#include "support/dynamic_door.hpp"
#include "support/dynamic_step.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;
using enum ifa::ErrorKind;
using ifa::Arguments;
using ifa::Axes;
using ifa::DType;
using ifa::Index;
using ifa::Tensor;
using Step = DynamicStep;

// One line: how a good call is made bad, and what it then says.
struct Row {
    const char* name;
    ifa::ErrorKind kind;
    const char* argument;
    const char* expected;
    const char* came;
    void (*spoil)(Step& step, Arguments& a);
};

void PrintTo(const Row& row, std::ostream* out) {
    *out << row.name;
}

constexpr DType kFloat64{DType::kFloat, 64, 1};
constexpr ifa::Index kB = Step::kBatch, kN = Step::kHeads, kKvN = Step::kKvHeads, kS = Step::kTokens, kD = Step::kDim;

void make_int8_cache(Step& step, const char* layout = "BSH") {
    step.make(DType::kFloat16, DType::kInt8, DType::kFloat16, layout);
}
void make_int8_output(Step& step) {
    step.make(DType::kFloat16, DType::kFloat16, DType::kInt8);
}

const Row kTypeErrors[] = {
    {"QueryOfAnotherType", kType, "query", "float16, bfloat16 or float32", "float64",
     [](Step& s, Arguments& a) { a.query = s.tensor(kFloat64, a.query.shape); }},
    {"QueryOfInt8", kType, "query", "float16, bfloat16 or float32", "int8",
     [](Step& s, Arguments& a) { a.query = s.tensor(DType::kInt8, a.query.shape); }},
    {"QueryOfLanes", kType, "query", "float16, bfloat16 or float32", "float16x2",
     [](Step& s, Arguments& a) { a.query = s.tensor({DType::kFloat, 16, 2}, a.query.shape); }},
    {"KeyNeitherOfQuerysTypeNorInt8", kType, "key", "float16 as query, or int8", "bfloat16",
     [](Step& s, Arguments& a) {
         a.key = s.tensor(DType::kBfloat16, a.key[0].shape);
         a.value = s.tensor(DType::kBfloat16, a.key[0].shape);
     }},
    {"ValueOfAnotherTypeThanKey", kType, "value", "float16 as key", "int8",
     [](Step& s, Arguments& a) { a.value = s.tensor(DType::kInt8, a.key[0].shape); }},
    {"OneKeyOfAListOfAnotherType", kType, "key[1]", "float16 as key[0]", "float32",
     [](Step& s, Arguments& a) {
         s.list();
         s.keys[1] = s.tensor(DType::kFloat32, a.key[1].shape);
     }},
    {"MaskOfAnotherType", kType, "attn_mask", "bool, int8 or uint8", "float16",
     [](Step& s, Arguments& a) { a.attn_mask = s.tensor(DType::kFloat16, {kB, kS}); }},
    {"LengthsOfAnotherType", kType, "actual_seq_lengths", "int64 or int32", "float32",
     [](Step& s, Arguments& a) { a.actual_seq_lengths = s.tensor(DType::kFloat32, {kB}); }},
    {"BiasOfAnotherTypeThanQuery", kType, "pse_shift", "float16 as query", "float32",
     [](Step& s, Arguments& a) { a.pse_shift = s.tensor(DType::kFloat32, {1, kN, 1, kS}); }},
    {"QuantScale1OfAnotherType", kType, "quant_scale1", "float32", "float16",
     [](Step& s, Arguments& a) { a.quant_scale1 = s.tensor(DType::kFloat16, {1}); }},
    {"QuantScale2OfAnotherType", kType, "quant_scale2", "float32", "float16",
     [](Step& s, Arguments& a) {
         make_int8_output(s);
         a.quant_scale2 = s.tensor(DType::kFloat16, {1});
     }},
    {"QuantOffset2OfAnotherType", kType, "quant_offset2", "float32", "int32",
     [](Step& s, Arguments& a) {
         make_int8_output(s);
         a.quant_offset2 = s.tensor(DType::kInt32, {1});
     }},
    {"AntiquantScaleOfAnotherTypeThanQuery", kType, "antiquant_scale", "float16 as query", "float32",
     [](Step& s, Arguments& a) {
         make_int8_cache(s);
         a.antiquant_scale = s.tensor(DType::kFloat32, {2, kKvN * kD});
     }},
    {"AntiquantOffsetOfAnotherTypeThanQuery", kType, "antiquant_offset", "float16 as query", "bfloat16",
     [](Step& s, Arguments& a) {
         make_int8_cache(s);
         a.antiquant_offset = s.tensor(DType::kBfloat16, {2, kKvN * kD});
     }},
    {"TableOfAnotherType", kType, "block_table", "int32", "int64",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_table = s.tensor(DType::kInt64, {kB, 2});
     }},
    {"LayoutThatIsNoString", kType, "input_layout", "a string", "a null pointer",
     [](Step&, Arguments& a) { a.input_layout = nullptr; }},
    {"PaddingOfAnotherType", kType, "kv_padding_size", "int64", "int32",
     [](Step& s, Arguments& a) { a.kv_padding_size = s.tensor(DType::kInt32, {1}); }},
};

const Row kValueErrors[] = {
    {"LengthsNeither1NorB", kValue, "actual_seq_lengths", "1 or 2 elements", "3",
     [](Step& s, Arguments& a) { a.actual_seq_lengths = s.tensor(DType::kInt64, {3}); }},
    {"LayoutOfAnotherName", kValue, "input_layout", "BSH, BNSD or BSND", "\"SBH\"",
     [](Step&, Arguments& a) { a.input_layout = "SBH"; }},
    {"QueryNotDivisibleByHeads", kValue, "num_heads", "a divisor of query's H (64)", "3",
     [](Step&, Arguments& a) { a.num_heads = 3; }},
    {"HeadsNotDivisibleByKvHeads", kValue, "num_heads", "a multiple of num_key_value_heads (3)", "4",
     [](Step&, Arguments& a) { a.num_key_value_heads = 3; }},
};

const Row kRuntimeErrors[] = {
    {"NoQuery", kRuntime, "query", "a tensor", "none", [](Step&, Arguments& a) { a.query = {}; }},
    {"NoKey", kRuntime, "key", "a tensor", "none",
     [](Step&, Arguments& a) { a.key = a.value = ifa::TensorList(); }},
    {"NoValue", kRuntime, "value", "as many tensors as key, 1", "0", [](Step&, Arguments& a) { a.value = ifa::TensorList(); }},
    {"AHoleInAList", kRuntime, "value[1]", "a tensor", "none",
     [](Step& s, Arguments&) {
         s.list();
         s.values[1] = {};
     }},
    {"NoOutput", kRuntime, "attention_out", "a tensor", "none", [](Step&, Arguments& a) { a.attention_out = {}; }},
    {"NoHeads", kRuntime, "num_heads", "at least 1", "0", [](Step&, Arguments& a) { a.num_heads = 0; }},
    {"NegativeHeads", kRuntime, "num_heads", "at least 1", "-4", [](Step&, Arguments& a) { a.num_heads = -4; }},
    {"NegativeKvHeads", kRuntime, "num_key_value_heads", "at least 1, or 0", "-2",
     [](Step&, Arguments& a) { a.num_key_value_heads = -2; }},
    {"PrecisionOfAnotherNumber", kRuntime, "inner_precise", "0 or 1", "2",
     [](Step&, Arguments& a) { a.inner_precise = 2; }},
    {"InfiniteScale", kRuntime, "scale_value", "a finite number", "inf",
     [](Step&, Arguments& a) { a.scale_value = std::numeric_limits<double>::infinity(); }},
    {"DequantScale1", kRuntime, "dequant_scale1", "none (not enabled)", "a tensor",
     [](Step& s, Arguments& a) { a.dequant_scale1 = s.tensor(DType::kFloat32, {1}); }},
    {"QuantScale1", kRuntime, "quant_scale1", "none (not enabled)", "a tensor",
     [](Step& s, Arguments& a) { a.quant_scale1 = s.tensor(DType::kFloat32, {1}); }},
    {"DequantScale2", kRuntime, "dequant_scale2", "none (not enabled)", "a tensor",
     [](Step& s, Arguments& a) { a.dequant_scale2 = s.tensor({DType::kUInt, 64, 1}, {1}); }},

    // Tensors by themselves.
    {"QueryOnAnotherDevice", kRuntime, "query", "on the CPU", "device type 2",
     [](Step&, Arguments& a) { a.query.device = static_cast<ifa::Device>(2); }},
    {"ValueOnAnotherDevice", kRuntime, "value", "on the CPU", "device type 12",
     [](Step&, Arguments& a) {
         Tensor value = a.value[0];
         value.device = static_cast<ifa::Device>(12);
         a.value = value;
     }},
    {"NullData", kRuntime, "query", "data", "a null pointer", [](Step&, Arguments& a) { a.query.data = nullptr; }},
    {"NullMask", kRuntime, "attn_mask", "data", "a null pointer",
     [](Step& s, Arguments& a) {
         a.attn_mask = s.tensor(DType::kBool, {kB, kS});
         a.attn_mask.data = nullptr;
     }},
    {"NullOutput", kRuntime, "attention_out", "data", "a null pointer",
     [](Step&, Arguments& a) { a.attention_out.data = nullptr; }},
    {"NegativeExtent", kRuntime, "query", "extents of at least 0", "(2, 1, -64)",
     [](Step&, Arguments& a) { a.query.shape[2] = -kN * kD; }},
    {"NegativeStride", kRuntime, "query", "strides of at least 0", "(-64, 64, 1)",
     [](Step&, Arguments& a) { a.query.strides = {-kN * kD, kN * kD, 1}; }},
    {"StridesOfAnotherRank", kRuntime, "query", "a stride for each of 3 axes", "2",
     [](Step&, Arguments& a) { a.query.strides = {kN * kD, 1}; }},
    {"LastAxisWithGaps", kRuntime, "query", "a last axis of stride 1", "2",
     [](Step&, Arguments& a) { a.query.strides = {2 * kN * kD, 2 * kN * kD, 2}; }},
    {"TooManyAxes", kRuntime, "query", "at most 4 axes", "9",
     [](Step&, Arguments& a) { a.query.shape = {kB, 1, 1, 1, 1, 1, 1, 1, kN * kD}; }},
    {"ExtentsBeyondCounting", kRuntime, "query", "within 2^59 elements", "(2305843009213693952, 1, 64)",
     [](Step&, Arguments& a) { a.query.shape[0] = ifa::Index{1} << 61; }},
    {"StridesBeyondCounting", kRuntime, "query", "within 2^59 elements", "strides (4611686018427387904, 64, 1)",
     [](Step&, Arguments& a) { a.query.strides = {ifa::Index{1} << 62, 64, 1}; }},
    {"OddAddress", kRuntime, "query", "aligned to 2 bytes", "an odd address",
     [](Step&, Arguments& a) { a.query.data = static_cast<char*>(a.query.data) + 1; }},

    // Shapes.
    {"QueryOfAnotherRank", kRuntime, "query", "3 axes in layout BSH", "(2, 64)",
     [](Step& s, Arguments& a) { a.query = s.tensor(DType::kFloat16, {kB, kN * kD}); }},
    {"QueryOfTwoPositions", kRuntime, "query", "shape (2, 1, 64)", "(2, 2, 64)",
     [](Step& s, Arguments& a) { a.query = s.tensor(DType::kFloat16, {kB, 2, kN * kD}); }},
    {"QueryOfOtherHeads", kRuntime, "query", "shape (2, 4, 1, 16)", "(2, 2, 1, 16)",
     [](Step& s, Arguments& a) {
         s.make(DType::kFloat16, DType::kFloat16, DType::kFloat16, "BNSD");
         a.query = s.tensor(DType::kFloat16, {kB, 2, 1, kD});
     }},
    {"QueryWithoutChannels", kRuntime, "query", "a head_dim of 1 to 512", "0",
     [](Step& s, Arguments& a) { a.query = s.tensor(DType::kFloat16, {kB, 1, 0}); }},
    {"QueryOfTooManyChannels", kRuntime, "query", "a head_dim of 1 to 512", "516",
     [](Step& s, Arguments& a) { a.query = s.tensor(DType::kFloat16, {kB, 1, kN * 516}); }},
    {"KeyOfAnotherRank", kRuntime, "key", "3 axes in layout BSH", "(2, 2, 64, 16)",
     [](Step& s, Arguments& a) { a.key = s.tensor(DType::kFloat16, {kB, kKvN, kS, kD}); }},
    {"KeyOfAnotherBatch", kRuntime, "key", "shape (2, 64, 32)", "(3, 64, 32)",
     [](Step& s, Arguments& a) { a.key = s.tensor(DType::kFloat16, {3, kS, kKvN * kD}); }},
    {"KeyOfOtherHeads", kRuntime, "key", "shape (2, 64, 64)", "(2, 64, 32)",
     [](Step&, Arguments& a) { a.num_key_value_heads = 0; }},
    {"KeyOfAnotherLayout", kRuntime, "key", "shape (2, 2, 2, 16)", "(2, 64, 2, 16)",
     [](Step& s, Arguments& a) {
         s.make(DType::kFloat16, DType::kFloat16, DType::kFloat16, "BNSD");
         a.key = s.tensor(DType::kFloat16, {kB, kS, kKvN, kD});
     }},
    {"ValueOfAnotherShapeThanKey", kRuntime, "value", "shape (2, 64, 32)", "(2, 63, 32)",
     [](Step& s, Arguments& a) { a.value = s.tensor(DType::kFloat16, {kB, kS - 1, kKvN * kD}); }},
    {"ListOfAnotherLength", kRuntime, "key", "1 or 2 tensors (the batch)", "3",
     [](Step& s, Arguments& a) {
         s.list();
         s.keys.push_back(s.keys[0]), s.values.push_back(s.values[0]);
         a.key = s.keys, a.value = s.values;
     }},
    {"ListedTensorOfABatch", kRuntime, "key[0]", "shape (1, 64, 32)", "(2, 64, 32)",
     [](Step& s, Arguments&) {
         s.list();
         s.keys[0] = s.values[0] = s.tensor(DType::kFloat16, {kB, kS, kKvN * kD});
     }},
    {"ListedValueOfAnotherShape", kRuntime, "value[1]", "shape (1, 64, 32)", "(1, 40, 32)",
     [](Step& s, Arguments&) {
         s.list();
         s.values[1] = s.values[0];
     }},
    {"OutputOfAnotherShape", kRuntime, "attention_out", "shape (2, 1, 64)", "(2, 64)",
     [](Step& s, Arguments& a) { a.attention_out = s.tensor(DType::kFloat16, {kB, kN * kD}); }},
    {"OutputOfAnotherType", kRuntime, "attention_out", "float16 as query, or int8", "float32",
     [](Step& s, Arguments& a) { a.attention_out = s.tensor(DType::kFloat32, a.query.shape); }},
    {"OutputOfStrideZero", kRuntime, "attention_out", "rows that do not overlap", "(0, 16, 0)",
     [](Step&, Arguments& a) { a.attention_out.strides = {0, kN * kD, 1}; }},
    {"OutputOverQuery", kRuntime, "attention_out", "memory apart from every input", "an overlap with query",
     [](Step&, Arguments& a) { a.attention_out.data = a.query.data; }},
    {"OutputOverAListedKey", kRuntime, "attention_out", "memory apart from every input", "an overlap with key",
     [](Step& s, Arguments& a) {
         s.list();
         a.attention_out.data = static_cast<char*>(a.key[1].data) + 64;
     }},
    {"OutputOverMask", kRuntime, "attention_out", "memory apart from every input", "an overlap with attn_mask",
     [](Step& s, Arguments& a) {
         a.attn_mask = s.tensor(DType::kBool, {kB, kS});
         a.attention_out.data = a.attn_mask.data;
     }},

    // Lengths, padding, mask and bias.
    {"NegativeLength", kRuntime, "actual_seq_lengths[1]", "0 to 64", "-1",
     [](Step& s, Arguments& a) { a.actual_seq_lengths = s.of<std::int64_t>({3, -1}, {kB}); }},
    {"LengthBeyondTheCache", kRuntime, "actual_seq_lengths[0]", "0 to 64", "65",
     [](Step& s, Arguments& a) { a.actual_seq_lengths = s.of<std::int32_t>({65, 3}, {kB}); }},
    {"LengthFarBeyondTheCache", kRuntime, "actual_seq_lengths[0]", "0 to 64", "9223372036854775807",
     [](Step& s, Arguments& a) {
         a.actual_seq_lengths = s.of<std::int64_t>({std::numeric_limits<std::int64_t>::max()}, {1});
     }},
    {"LengthBeyondOneTensorOfAList", kRuntime, "actual_seq_lengths[0]", "0 to 40", "41",
     [](Step& s, Arguments& a) {
         s.list();
         a.actual_seq_lengths = s.of<std::int64_t>({41, 64}, {kB});
     }},
    {"LengthsOfAnotherRank", kRuntime, "actual_seq_lengths", "shape (2,) or (1,)", "(2, 1)",
     [](Step& s, Arguments& a) { a.actual_seq_lengths = s.tensor(DType::kInt64, {kB, 1}); }},
    {"PaddingOfAnotherShape", kRuntime, "kv_padding_size", "shape () or (1,)", "(2,)",
     [](Step& s, Arguments& a) { a.kv_padding_size = s.tensor(DType::kInt64, {kB}); }},
    {"MaskForEachHead", kRuntime, "attn_mask", "(2, 1, 1, S) with S = 64", "(2, 4, 1, 64)",
     [](Step& s, Arguments& a) { a.attn_mask = s.tensor(DType::kBool, {kB, kN, 1, kS}); }},
    {"MaskOfAnotherBatch", kRuntime, "attn_mask", "(2, S)", "(1, 64)",
     [](Step& s, Arguments& a) { a.attn_mask = s.tensor(DType::kBool, {1, kS}); }},
    {"MaskOfOtherTokens", kRuntime, "attn_mask", "S = 64", "(2, 65)",
     [](Step& s, Arguments& a) { a.attn_mask = s.tensor(DType::kUint8, {kB, kS + 1}); }},
    {"MaskOfOneAxis", kRuntime, "attn_mask", "(2, S)", "(64,)",
     [](Step& s, Arguments& a) { a.attn_mask = s.tensor(DType::kInt8, {kS}); }},
    {"MaskShorterThanPages", kRuntime, "attn_mask", "S = at least 64", "(2, 63)",
     [](Step& s, Arguments& a) {
         s.page();
         a.attn_mask = s.tensor(DType::kBool, {kB, kS - 1});
     }},
    {"BiasForAllHeads", kRuntime, "pse_shift", "shape (1, 4, 1, S) or (2, 4, 1, S)", "(1, 1, 1, 64)",
     [](Step& s, Arguments& a) { a.pse_shift = s.tensor(DType::kFloat16, {1, 1, 1, kS}); }},
    {"BiasOfAnotherBatch", kRuntime, "pse_shift", "(2, 4, 1, S)", "(3, 4, 1, 64)",
     [](Step& s, Arguments& a) { a.pse_shift = s.tensor(DType::kFloat16, {3, kN, 1, kS}); }},
    {"BiasOfTwoQueries", kRuntime, "pse_shift", "(2, 4, 1, S)", "(2, 4, 2, 64)",
     [](Step& s, Arguments& a) { a.pse_shift = s.tensor(DType::kFloat16, {kB, kN, 2, kS}); }},
    {"BiasOfOtherTokens", kRuntime, "pse_shift", "S = 64", "(1, 4, 1, 63)",
     [](Step& s, Arguments& a) { a.pse_shift = s.tensor(DType::kFloat16, {1, kN, 1, kS - 1}); }},
    {"BiasWithChannelsOutOfLine", kRuntime, "pse_shift", "a multiple of 16", "8",
     [](Step& s, Arguments& a) {
         a.query = s.tensor(DType::kFloat16, {kB, 1, kN * 8});
         a.attention_out = s.tensor(DType::kFloat16, {kB, 1, kN * 8});
         a.key = a.value = s.tensor(DType::kFloat16, {kB, kS, kKvN * 8});
         a.pse_shift = s.tensor(DType::kFloat16, {1, kN, 1, kS});
     }},

    // Quantisation.
    {"Int8WithoutScale", kRuntime, "antiquant_scale", "with int8 key and value", "none",
     [](Step& s, Arguments& a) {
         make_int8_cache(s);
         a.antiquant_scale = {};
     }},
    {"ScaleWithoutInt8", kRuntime, "antiquant_scale", "none (key and value are not int8)", "a tensor",
     [](Step& s, Arguments& a) { a.antiquant_scale = s.tensor(DType::kFloat16, {2, kKvN * kD}); }},
    {"OffsetWithoutInt8", kRuntime, "antiquant_offset", "none (key and value are not int8)", "a tensor",
     [](Step& s, Arguments& a) { a.antiquant_offset = s.tensor(DType::kFloat16, {2, kKvN * kD}); }},
    {"ScaleOfAnotherLayout", kRuntime, "antiquant_scale", "shape (2, 2, 1, 16) or (2,)", "(2, 32)",
     [](Step& s, Arguments& a) {
         make_int8_cache(s, "BNSD");
         a.antiquant_scale = s.tensor(DType::kFloat16, {2, kKvN * kD});
     }},
    {"ScaleOfAnotherRank", kRuntime, "antiquant_scale", "shape (2, 32) or (2,)", "(2, 2, 1, 16)",
     [](Step& s, Arguments& a) {
         make_int8_cache(s);
         a.antiquant_scale = s.tensor(DType::kFloat16, {2, kKvN, 1, kD});
     }},
    {"OffsetOfAnotherShapeThanScale", kRuntime, "antiquant_offset", "shape (2, 32)", "(2,)",
     [](Step& s, Arguments& a) {
         make_int8_cache(s);
         a.antiquant_offset = s.tensor(DType::kFloat16, {2});
     }},
    {"ScaleWithGaps", kRuntime, "antiquant_scale", "contiguous elements", "(40, 1)",
     [](Step& s, Arguments& a) {
         make_int8_cache(s);
         a.antiquant_scale.strides = {40, 1};
     }},
    {"Int8OutputWithoutScale", kRuntime, "quant_scale2", "with an int8 attention_out", "none",
     [](Step& s, Arguments& a) {
         make_int8_output(s);
         a.quant_scale2 = {};
     }},
    {"OutputOfNoLanes", kRuntime, "attention_out", "float16 as query, or int8", "float16x0",
     [](Step&, Arguments& a) { a.attention_out.dtype.lanes = 0; }},
    {"QuantScaleWithoutInt8Output", kRuntime, "quant_scale2", "none (attention_out is not int8)", "a tensor",
     [](Step& s, Arguments& a) { a.quant_scale2 = s.tensor(DType::kFloat32, {1}); }},
    {"QuantOffsetWithoutScale", kRuntime, "quant_offset2", "none (there is no quant_scale2)", "a tensor",
     [](Step& s, Arguments& a) { a.quant_offset2 = s.tensor(DType::kFloat32, {1}); }},
    {"QuantScaleOfAnotherShape", kRuntime, "quant_scale2", "(1,), (1, 4, 1, 16), (4, 16) or (64,)", "(16,)",
     [](Step& s, Arguments& a) {
         make_int8_output(s);
         a.quant_scale2 = s.tensor(DType::kFloat32, {kD});
     }},
    {"QuantOffsetOfAnotherShapeThanScale", kRuntime, "quant_offset2", "shape (4, 16)", "(1,)",
     [](Step& s, Arguments& a) {
         make_int8_output(s);
         a.quant_scale2 = s.tensor(DType::kFloat32, {kN, kD});
         a.quant_offset2 = s.tensor(DType::kFloat32, {1});
     }},

    // Page attention.
    {"PagesWithoutLengths", kRuntime, "actual_seq_lengths", "with block_table (page attention)", "none",
     [](Step& s, Arguments& a) {
         s.page();
         a.actual_seq_lengths = {};
     }},
    {"PagesWithPadding", kRuntime, "kv_padding_size", "none (page attention has none)", "a tensor",
     [](Step& s, Arguments& a) {
         s.page();
         a.kv_padding_size = s.tensor(DType::kInt64, {});
     }},
    {"PagesInAList", kRuntime, "key", "one pool of blocks with block_table", "2 tensors",
     [](Step& s, Arguments& a) {
         s.page();
         s.keys = {a.key[0], a.key[0]}, s.values = {a.value[0], a.value[0]};
         a.key = s.keys, a.value = s.values;
     }},
    {"PagesWithQuantPerChannel", kRuntime, "quant_scale2", "1 element with block_table", "64",
     [](Step& s, Arguments& a) {
         make_int8_output(s);
         s.page();
         a.quant_scale2 = s.tensor(DType::kFloat32, {kN, kD});
     }},
    {"NoBlockSize", kRuntime, "block_size", "a positive multiple of 16 for float16", "0",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_size = 0;
     }},
    {"BlockSizeOutOfLine", kRuntime, "block_size", "a positive multiple of 16 for float16", "24",
     [](Step& s, Arguments& a) {
         s.page();
         a.key = a.value = s.tensor(DType::kFloat16, {4, 24, kKvN * kD});
         a.block_size = 24;
     }},
    {"BlockSizeOutOfLineForInt8", kRuntime, "block_size", "a positive multiple of 32 for int8", "16",
     [](Step& s, Arguments& a) {
         make_int8_cache(s);
         s.page();
         a.key = a.value = s.tensor(DType::kInt8, {4, 16, kKvN * kD});
         a.block_size = 16;
     }},
    {"BlockSizeBeyondInt32", kRuntime, "block_size", "at most 2147483647", "2147483648",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_size = Index{1} << 31;
         a.key = a.value = Tensor{nullptr, DType::kFloat16, {0, a.block_size, kKvN * kD}};
     }},
    {"PoolOfNoBlocksTooLargeToCount", kRuntime, "key", "within 2^59 elements", "(0, 4611686018427387904, 32)",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_size = Index{1} << 62;
         a.key = a.value = Tensor{nullptr, DType::kFloat16, {0, a.block_size, kKvN * kD}};
     }},
    {"EmptyCacheOfStridesTooLargeToCount", kRuntime, "key", "within 2^59 elements", "(4611686018427387904, 32, 1)",
     [](Step&, Arguments& a) {
         a.key = a.value = Tensor{nullptr, DType::kFloat16, {kB, 0, kKvN * kD}, {Index{1} << 62, 32, 1}};
     }},
    {"PoolOfAnotherBlockSize", kRuntime, "key", "shape (4, 64, 32)", "(4, 32, 32)",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_size = 64;
     }},
    {"PoolWithHeadsInAnotherLayout", kRuntime, "key", "shape (4, 32, 32)", "(4, 2, 32, 16)",
     [](Step& s, Arguments& a) {
         s.page();
         a.key = a.value = s.tensor(DType::kFloat16, {4, kKvN, Step::kBlockSize, kD});
     }},
    {"ValuePoolOfAnotherShape", kRuntime, "value", "shape (4, 32, 32)", "(3, 32, 32)",
     [](Step& s, Arguments& a) {
         s.page();
         a.value = s.tensor(DType::kFloat16, {3, Step::kBlockSize, kKvN * kD});
     }},
    {"PoolBeyondInt32", kRuntime, "key", "at most 2147483647 elements", "2147484672",
     [](Step& s, Arguments& a) {
         s.page();
         Tensor pool = a.key[0];
         pool.shape[0] = 2097153;  // nobody looks at the blocks
         a.key = a.value = pool;
     }},
    {"TableOfAnotherBatch", kRuntime, "block_table", "shape (2, max_blocks)", "(3, 2)",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_table = s.tensor(DType::kInt32, {3, 2});
     }},
    {"TableOfTooManyBlocks", kRuntime, "block_table", "at most 16384 blocks", "16385",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_table = s.tensor(DType::kInt32, {kB, 16385});
     }},
    {"TableWithGaps", kRuntime, "block_table", "contiguous elements", "(3, 1)",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_table.strides = {3, 1};
     }},
    {"NegativeBlock", kRuntime, "block_table[0][1]", "a block in [0, 4)", "-1",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_table = s.of<std::int32_t>({3, -1, 0, 2}, {kB, 2});
     }},
    {"BlockBeyondThePool", kRuntime, "block_table[1][0]", "a block in [0, 4)", "4",
     [](Step& s, Arguments& a) {
         s.page();
         a.block_table = s.of<std::int32_t>({3, 1, 4, 2}, {kB, 2});
     }},
    {"LengthBeyondThePages", kRuntime, "actual_seq_lengths[0]", "0 to 64", "65",
     [](Step& s, Arguments& a) {
         s.page();
         a.actual_seq_lengths = s.of<std::int64_t>({65}, {1});
     }},

    // Beyond the document.
    {"WorkspaceOverOutput", kRuntime, "workspace", "memory of its own", "an overlap with attention_out",
     [](Step& s, Arguments& a) {
         auto& large = s.memory.emplace_back(1 << 16);
         a.attention_out.data = large.data() + 100;
         a.workspace = {reinterpret_cast<std::byte*>(large.data()), 1 << 19};
     }},
    {"WorkspaceTooSmall", kRuntime, "workspace", "at least", "got 8",
     [](Step& s, Arguments& a) { a.workspace = {reinterpret_cast<std::byte*>(s.memory[0].data()), 8}; }},
    {"ChunksOutOfLine", kRuntime, "chunk_tokens", "a positive multiple of 48", "100",
     [](Step&, Arguments& a) { a.chunk_tokens = 100; }},
};

std::vector<Row> all_rows() {
    std::vector<Row> rows(std::begin(kTypeErrors), std::end(kTypeErrors));
    rows.insert(rows.end(), std::begin(kValueErrors), std::end(kValueErrors));
    rows.insert(rows.end(), std::begin(kRuntimeErrors), std::end(kRuntimeErrors));
    return rows;
}

class ErrorTable : public testing::TestWithParam<Row> {};

TEST_P(ErrorTable, NamesTheArgumentWhatWasExpectedAndWhatCame) {
    const Row& row = GetParam();
    Step step;
    step.make(DType::kFloat16, DType::kFloat16, DType::kFloat16);
    row.spoil(step, step.arguments);
    const auto before = step.memory;
    const Refusal thrown = thrown_by([&] { call_dynamic(step.arguments); });
    expect_refused({row.name, row.kind, row.argument, row.expected, row.came, [&] { return thrown; }});
    EXPECT_EQ(refusal_of(check_dynamic(step.arguments)), thrown);
    EXPECT_EQ(step.memory, before) << "something was written";
    std::cout << thrown << "\n";
}

INSTANTIATE_TEST_SUITE_P(Of, ErrorTable, testing::ValuesIn(all_rows()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ErrorTable, LeavesGoodCallsAlone) {
    const auto accepted = [](const auto& prepare) {
        Step step;
        prepare(step);
        return refusal_of(check_dynamic(step.arguments));
    };
    const DType types[] = {DType::kFloat16, DType::kBfloat16, DType::kFloat32};
    for (const DType& type : types)
        for (const char* layout : {"BSH", "BNSD"})
            for (const DType& cache : {type, DType::kInt8})
                for (const DType& output : {type, DType::kInt8})
                    EXPECT_EQ(accepted([&](Step& s) { s.make(type, cache, output, layout); }), Refusal{});
    EXPECT_EQ(accepted([](Step& s) { make_int8_cache(s), s.page(); }), Refusal{});
    EXPECT_EQ(accepted([](Step& s) { make_int8_output(s), s.list(); }), Refusal{});
}

TEST(ErrorTable, ReportsTypesFirstThenValuesThenTheRest) {
    Step step;
    step.make(DType::kFloat16, DType::kFloat16, DType::kFloat16);
    Arguments& a = step.arguments;
    a.inner_precise = 7;
    EXPECT_EQ(refusal_of(check_dynamic(a)).kind, kRuntime);
    a.num_heads = 3;
    EXPECT_EQ(refusal_of(check_dynamic(a)).kind, kValue);
    a.kv_padding_size = step.tensor(DType::kFloat32, {1});
    EXPECT_EQ(refusal_of(check_dynamic(a)).message, "kv_padding_size: expected int64, got float32");
    a.query.dtype = DType::kInt32;
    EXPECT_EQ(refusal_of(check_dynamic(a)).message, "query: expected float16, bfloat16 or float32, got int32");
}

TEST(ErrorTable, RefusesAnExecutorWithoutWorkers) {
    Step step;
    step.make(DType::kFloat16, DType::kFloat16, DType::kFloat16);
    const properties::TestExecutor nobody(0, {});
    EXPECT_EQ(refusal_of(check_dynamic(step.arguments, nobody)).message,
              "executor: expected a concurrency of at least 1, got 0");
}

}  // namespace
