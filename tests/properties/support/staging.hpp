// One problem's numbers, laid out in memory in many ways.
#pragma once

#include <map>
#include <numeric>
#include <string>

#include "call.hpp"
#include "combinations.hpp"
#include "runners.hpp"

namespace properties {

// What may decide the bits of a result, beside its numbers.
struct Elements {
    ElementType query, cache;
    Codec codec;
    ElementType scale, output;
    Precision precision;
};

inline constexpr auto kElements = [] {
    using namespace table_words;
    return std::to_array<Elements>({
        {f32, f32, plain, none, f32, exact},
        {f16, f32, plain, none, bf16, fast},
        {f32, f16, plain, none, f32, exact},
        {f16, f16, plain, none, f16, fast},
        {bf16, bf16, plain, none, f32, exact},
        {bf16, bf16, plain, none, bf16, fast},
        {f16, i8, channel, f16, f32, exact},
        {f16, i8, channel, f16, f32, fast},
        {f32, i8, tensor, bf16, f32, exact},
        {bf16, i8, tensor, f32, i8, fast},
    });
}();

// The numbers of a problem: those of a sequence are its own, wherever it is in a batch.
struct Scene {
    std::vector<Index> lengths;
    Index kv_heads, group, key_dim, value_dim, chunk_tokens;

    Index heads() const { return kv_heads * group; }
};

// Lengths around a tile and around chunks of one to three, where several chunks cost little; and the default chunks.
inline const std::vector<Scene>& scenes() {
    static const std::vector<Scene> table = {
        {{97, 0, 1, 47, 48, 49, 96, 300}, 2, 3, 64, 64, 96},
        {{193, 5, 60}, 1, 7, 31, 31, 48},
        {{90, 289}, 3, 1, 80, 57, 144},
        {{2, 98}, 1, 16, 3, 5, 48},
        {{1600, 529}, 1, 4, 128, 128, ifa::kDefaultChunkTokens},
    };
    return table;
}

// What may not change a bit.
struct Variant {
    std::string name = "as is";
    Storage storage = Storage::kContiguous;
    Padding padding = Padding::kRight;
    Planning planning = Planning::kUnplanned;
    Layout row_layout = Layout::kBnsd;  // of query and output
    Layout cache_layout = Layout::kBnsd;
    Index block_size = 0;
    Index kv_padding = 0;
    ExecutorKind executor = ExecutorKind::kInline;
    int workers = 1;
    WorkspaceKind workspace = WorkspaceKind::kOwn;
    bool repeats_heads = false;         // each query head has a copy of its kv head
    std::vector<Index> sequences = {};  // the batch; if empty, every sequence in order
};

// A scene's numbers in the memory of a variant. Memory that holds no number of a visible window is poison.
class Staging {
   public:
    Staging(const Scene& scene, const Elements& elements, const Variant& variant)
        : scene_(scene),
          elements_(elements),
          variant_(variant),
          sequences_(variant.sequences),
          executor_(make_executor(variant.executor, variant.workers)) {
        if (sequences_.empty()) {
            sequences_.resize(scene.lengths.size());
            std::iota(sequences_.begin(), sequences_.end(), 0);
        }
        for (const Index sequence : sequences_)
            call.lengths64.push_back(scene.lengths[static_cast<std::size_t>(sequence)]);
        longest_ = *std::max_element(call.lengths64.begin(), call.lengths64.end());
        make_rows();
        make_cache();
        make_antiquant();
        make_mask_and_bias();
        set_options();
    }
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;

    // The bytes of each sequence's result: its rows, each with its log-sum-exp.
    std::map<Index, std::vector<std::byte>> results() const {
        std::map<Index, std::vector<std::byte>> all;
        for (Index b = 0; b < batch(); ++b) all[sequence(b)] = result(b);
        return all;
    }

    Call call;

   private:
    enum class Stream : std::uint64_t { kQuery, kKey, kValue, kScale, kHidden, kBias };

    std::vector<std::byte> result(Index b) const {
        std::vector<std::byte> bytes;
        for (Index head = 0; head < scene_.heads(); ++head) {
            const std::byte* const row = call.output.row(b, head, 0);
            const std::byte* const log_sum_exp = call.log_sum_exp.row(b, head, 0);
            bytes.insert(bytes.end(), row,
                         row + static_cast<std::size_t>(scene_.value_dim) * size_of(elements_.output));
            bytes.insert(bytes.end(), log_sum_exp, log_sum_exp + sizeof(float));
        }
        return bytes;
    }

    // The seed of some numbers, from what they are and not from where.
    static std::uint64_t seed(Stream stream, Index a, Index b = 0, Index c = 0) {
        const auto word = [](Index i) { return static_cast<std::uint64_t>(i); };
        return mix(mix(mix(mix(static_cast<std::uint64_t>(stream)) + word(a)) + word(b)) + word(c));
    }

    Index batch() const { return as_index(sequences_.size()); }
    Index sequence(Index b) const { return sequences_[static_cast<std::size_t>(b)]; }
    Index length(Index b) const { return call.lengths64[static_cast<std::size_t>(b)]; }
    Index kv_heads() const { return variant_.repeats_heads ? scene_.heads() : scene_.kv_heads; }
    Index original_head(Index kv_head) const { return variant_.repeats_heads ? kv_head / scene_.group : kv_head; }
    bool is_left() const { return variant_.padding == Padding::kLeft; }
    Index columns() const {
        const Index blocks = variant_.block_size == 0 ? 0 : longest_ / variant_.block_size + 2;
        return variant_.storage == Storage::kPaged ? blocks * variant_.block_size : longest_ + 3 + variant_.kv_padding;
    }
    Index begin(Index b) const { return is_left() ? columns() - variant_.kv_padding - length(b) : 0; }

    void make_rows() {
        const ifa::Shape query{.batch = batch(), .heads = scene_.heads(), .head_dim = scene_.key_dim};
        const ifa::Shape output{.batch = batch(), .heads = scene_.heads(), .head_dim = scene_.value_dim};
        const ifa::Shape log_sum_exp{.batch = batch(), .heads = scene_.heads()};
        call.query = Tensor(elements_.query, query, variant_.row_layout, random_);
        call.output = Tensor(elements_.output, output, variant_.row_layout, random_);
        call.log_sum_exp = Tensor(ElementType::kFloat32, log_sum_exp, variant_.row_layout, random_);
        for (Index b = 0; b < batch(); ++b)
            for (Index head = 0; head < scene_.heads(); ++head)
                call.query.fill_row(call.query.row(b, head, 0), seed(Stream::kQuery, sequence(b), head), {});
    }

    void make_cache() {
        const auto add = [&](Index tensors_batch, Index seq) {
            const ifa::Shape key{.batch = tensors_batch, .heads = kv_heads(), .seq = seq, .head_dim = scene_.key_dim};
            const ifa::Shape value{
                .batch = tensors_batch, .heads = kv_heads(), .seq = seq, .head_dim = scene_.value_dim};
            call.keys.emplace_back(elements_.cache, key, variant_.cache_layout, random_);
            call.values.emplace_back(elements_.cache, value, variant_.cache_layout, random_);
        };
        if (variant_.storage == Storage::kPaged) add(make_block_table(), variant_.block_size);
        else if (variant_.storage == Storage::kContiguous) add(batch(), columns());
        else
            for (Index b = 0; b < batch(); ++b) add(1, length(b) + 3);
        for (Index b = 0; b < batch(); ++b)
            for (Index token = 0; token < length(b); ++token)
                for (Index head = 0; head < kv_heads(); ++head) fill_token(b, token, head);
    }

    // Gives each sequence its blocks in a random order; -1 where none is read. Returns the blocks of the pool.
    Index make_block_table() {
        call.table_shape = {.batch = batch(), .max_blocks = columns() / variant_.block_size};
        const auto blocks = static_cast<std::size_t>(batch() * call.table_shape.max_blocks);
        call.block_table = random_.permutation(blocks);
        for (std::size_t i = 0; i < blocks; ++i) {
            const Index b = as_index(i) / call.table_shape.max_blocks,
                        entry = as_index(i) % call.table_shape.max_blocks;
            if (entry * variant_.block_size >= length(b)) call.block_table[i] = -1;
        }
        return as_index(blocks);
    }

    void fill_token(Index b, Index token, Index head) {
        const Index from = original_head(head), column = begin(b) + token;
        call.keys[0].fill_row(row_of_token(call, call.keys, b, head, column),
                              mix(seed(Stream::kKey, sequence(b), from, token)), {});
        const Bell bell = elements_.cache == ElementType::kInt8 ? Bell{} : Bell{.mean = 0.25};
        call.values[0].fill_row(row_of_token(call, call.values, b, head, column),
                                mix(seed(Stream::kValue, sequence(b), from, token)), bell);
    }

    // Parameters of the kv heads' channels, key's first; or of key and value.
    void make_antiquant() {
        if (elements_.codec == Codec::kIdentity) return;
        call.has_antiquant_offset = true;
        std::vector<std::uint64_t> ids = {0, 1};
        if (elements_.codec == Codec::kPerChannel) {
            ids.clear();
            for (const Index of_values : {0, 1})
                for (Index head = 0; head < kv_heads(); ++head)
                    for (Index d = 0; d < (of_values ? scene_.value_dim : scene_.key_dim); ++d)
                        ids.push_back(seed(Stream::kScale, of_values, original_head(head), d));
        }
        const ifa::Shape shape{.head_dim = as_index(ids.size())};
        call.antiquant_scale = Tensor(elements_.scale, shape, Layout::kBsh, random_);
        call.antiquant_offset = Tensor(elements_.scale, shape, Layout::kBsh, random_);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const double bell = value_of_bits(ElementType::kFloat32, mix(~ids[i]));
            call.antiquant_scale.set(0, 0, 0, as_index(i), static_cast<double>(64 + mix(ids[i]) % 64) * 0x1p-13);
            call.antiquant_offset.set(0, 0, 0, as_index(i), bell * 4);
        }
    }

    // Sequence 6 is wholly hidden, the others one token in five. Columns outside the windows are hidden by no mask, and
    // their bias is poison.
    void make_mask_and_bias() {
        const Index heads = scene_.heads();
        call.mask_byte = MaskByte::kUint8;
        call.mask = Tensor(ElementType::kInt8, {.batch = batch(), .seq = columns()}, Layout::kBnsd, random_);
        call.bias =
            Tensor(elements_.query, {.batch = batch(), .heads = heads, .seq = columns()}, Layout::kBnsd, random_);
        std::fill(call.mask.bytes.begin(), call.mask.bytes.end(), std::byte{0});
        for (Index b = 0; b < batch(); ++b)
            for (Index token = 0; token < length(b); ++token) {
                const Index column = begin(b) + token;
                const bool hidden = sequence(b) == 6 || seed(Stream::kHidden, sequence(b), token) % 5 == 0;
                call.mask.set(b, 0, column, 0, hidden);
                for (Index head = 0; head < heads; ++head)
                    call.bias.fill_row(call.bias.row(b, head, column), seed(Stream::kBias, sequence(b), head, token),
                                       {});
            }
    }

    void set_options() {
        call.lengths_kind = LengthsKind::kInt64Each;
        call.kv_padding = variant_.kv_padding;
        call.scale = 0.3;  // no power of two: rounds wherever it is multiplied
        call.quant_scale = {48};
        call.quant_offset = {3};
        call.chunk_tokens = scene_.chunk_tokens;
        call.wholly_hidden_rows = ifa::WhollyHiddenRows::kMeanOfValues;
        call.workspace = variant_.workspace;
        call.executor = &executor_;
    }

    const Scene& scene_;
    const Elements& elements_;
    const Variant& variant_;
    support::Random random_{7};  // of strides and block orders
    std::vector<Index> sequences_;
    TestExecutor executor_;
    Index longest_ = 0;
};

}  // namespace properties
