// Small calls that the document allows, each described by a draft.
#pragma once

#include <cmath>
#include <iterator>

#include "call.hpp"

namespace fuzz {

enum class Storage { kOne, kList, kPool };
enum class Layout { kBsh, kBnsd, kBsnd };
enum class LengthsKind { kAbsent, kOne, kEachInt64, kEachInt32 };

// All that a call is made of. Every member may have any value beside any other: what does not apply is left out.
struct Draft {
    static constexpr Index kMostSequences = 3;

    ifa::DType query = ifa::DType::kFloat32, cache = ifa::DType::kFloat32, output = ifa::DType::kFloat32;
    Layout layout = Layout::kBsh;
    Storage storage = Storage::kOne;
    bool pool_has_heads = false;
    Index batch = 1, kv_heads = 1, group = 1, head_dim = 16, tokens = 0, block_size = 16;
    Index spare_blocks_of_each = 0, spare_blocks = 0;
    Index shorter_by[kMostSequences] = {};  // the tensors of a list
    Index lengths[kMostSequences] = {};     // modulo what the cache can hold
    std::vector<Index> blocks = {};         // modulo the size of the pool
    LengthsKind lengths_kind = LengthsKind::kAbsent;
    bool has_kv_padding = false;
    int mask_rank = 0;  // 0: none
    ifa::DType mask = ifa::DType::kBool;
    int bias_rows = 0;  // 0: no bias, 1: shared, 2: one for each sequence
    Index spare_columns = 0;
    bool antiquant_per_tensor = false, has_antiquant_offset = false, antiquant_is_flat = false;
    int post_quant_shape = 0;
    bool has_post_quant_offset = false;
    bool implies_kv_heads = false;
    int gaps[kRoles] = {};  // 0: no strides, 1: dense ones, more: with gaps; the last but for outputs: one for all

    static constexpr int kRepeated = 5;
};

// The call of a draft.
class ValidCall {
   public:
    explicit ValidCall(const Draft& draft, const Call& rest = {}) : call(rest), d_(draft) {
        const Index most_tokens = d_.tokens;
        max_blocks_ = (most_tokens + d_.block_size - 1) / d_.block_size + d_.spare_blocks_of_each;
        columns_ = is_paged() ? max_blocks_ * d_.block_size : most_tokens;
        make_rows();
        make_cache();
        make_lengths();
        make_mask_and_bias();
        make_antiquant();
        make_post_quant();
        set_scalars();
        set_strides();
    }

    Call call;

   private:
    bool is_paged() const { return d_.storage == Storage::kPool; }
    Index heads() const { return d_.kv_heads * d_.group; }

    // [batch, heads, seq, D] as the layout spells it.
    Descriptor spelled(const ifa::DType& type, Index batch, Index heads, Index seq) const {
        if (d_.layout == Layout::kBsh) return {type, {batch, seq, heads * d_.head_dim}};
        if (d_.layout == Layout::kBnsd) return {type, {batch, heads, seq, d_.head_dim}};
        return {type, {batch, seq, heads, d_.head_dim}};
    }

    void make_rows() {
        call.tensors[kQuery] = {spelled(d_.query, d_.batch, heads(), 1)};
        call.tensors[kAttentionOut] = {spelled(d_.output, d_.batch, heads(), 1)};
    }

    // Tokens of a tensor of a list.
    Index own_tokens(Index b) const { return b == 0 ? d_.tokens : std::max<Index>(d_.tokens - d_.shorter_by[b], 0); }
    Index capacity(Index b) const { return d_.storage == Storage::kList && d_.batch > 1 ? own_tokens(b) : columns_; }

    void make_cache() {
        std::vector<Descriptor>& keys = call.tensors[kKey];
        if (d_.storage == Storage::kOne) keys = {spelled(d_.cache, d_.batch, d_.kv_heads, d_.tokens)};
        for (Index b = 0; d_.storage == Storage::kList && b < d_.batch; ++b)
            keys.push_back(spelled(d_.cache, 1, d_.kv_heads, own_tokens(b)));
        if (is_paged()) make_pool(keys);
        call.tensors[kValue] = keys;
    }

    void make_pool(std::vector<Descriptor>& keys) {
        const Index blocks = d_.batch * max_blocks_ + d_.spare_blocks;
        if (d_.layout == Layout::kBnsd && d_.pool_has_heads)
            keys = {{d_.cache, {blocks, d_.kv_heads, d_.block_size, d_.head_dim}}};
        else keys = {{d_.cache, {blocks, d_.block_size, d_.kv_heads * d_.head_dim}}};
        for (Index i = 0; i < d_.batch * max_blocks_; ++i) {
            const auto at = static_cast<std::size_t>(i);
            call.block_table.push_back((at < d_.blocks.size() ? d_.blocks[at] + i : i) % std::max<Index>(blocks, 1));
        }
        call.tensors[kBlockTable] = {{ifa::DType::kInt32, {d_.batch, max_blocks_}}};
        call.block_size = d_.block_size;
    }

    void make_lengths() {
        const LengthsKind kind =
            is_paged() && d_.lengths_kind == LengthsKind::kAbsent ? LengthsKind::kEachInt64 : d_.lengths_kind;
        const bool one = kind == LengthsKind::kOne;
        Index shortest = capacity(0);
        for (Index b = 0; b < d_.batch; ++b) shortest = std::min(shortest, capacity(b));
        for (Index b = 0; b < d_.batch; ++b)
            call.lengths.push_back(d_.lengths[b] % ((one ? shortest : capacity(b)) + 1));
        const ifa::DType type = kind == LengthsKind::kEachInt32 ? ifa::DType::kInt32 : ifa::DType::kInt64;
        if (kind != LengthsKind::kAbsent) call.tensors[kActualSeqLengths] = {{type, {one ? 1 : d_.batch}}};
        if (d_.has_kv_padding && !is_paged()) call.tensors[kKvPaddingSize] = {{ifa::DType::kInt64, {1}}};
    }

    void make_mask_and_bias() {
        const Index columns = columns_ + (is_paged() ? d_.spare_columns : 0);
        if (d_.mask_rank == 2) call.tensors[kAttnMask] = {{d_.mask, {d_.batch, columns}}};
        if (d_.mask_rank == 3) call.tensors[kAttnMask] = {{d_.mask, {d_.batch, 1, columns}}};
        if (d_.mask_rank == 4) call.tensors[kAttnMask] = {{d_.mask, {d_.batch, 1, 1, columns}}};
        if (d_.bias_rows > 0 && d_.head_dim % 16 == 0)
            call.tensors[kPseShift] = {{d_.query, {d_.bias_rows == 1 ? 1 : d_.batch, heads(), 1, columns}}};
    }

    void make_antiquant() {
        if (d_.cache != ifa::DType::kInt8) return;
        const Index channels = d_.kv_heads * d_.head_dim;
        Descriptor parameters(d_.query, {2, channels});
        if (d_.layout == Layout::kBnsd) parameters = {d_.query, {2, d_.kv_heads, 1, d_.head_dim}};
        if (d_.layout == Layout::kBsnd && !d_.antiquant_is_flat) parameters = {d_.query, {2, d_.kv_heads, d_.head_dim}};
        if (d_.antiquant_per_tensor) parameters = {d_.query, {2}};
        call.tensors[kAntiquantScale] = {parameters};
        if (d_.has_antiquant_offset) call.tensors[kAntiquantOffset] = {parameters};
    }

    void make_post_quant() {
        if (d_.output != ifa::DType::kInt8) return;
        constexpr ifa::DType kType = ifa::DType::kFloat32;
        const Index dim = d_.head_dim;
        const Descriptor shapes[] = {
            {kType, {1}}, {kType, {1, heads(), 1, dim}}, {kType, {heads(), dim}}, {kType, {heads() * dim}}};
        call.tensors[kQuantScale2] = {shapes[is_paged() ? 0 : d_.post_quant_shape]};
        if (d_.has_post_quant_offset) call.tensors[kQuantOffset2] = call.tensors[kQuantScale2];
    }

    void set_scalars() {
        call.num_heads = heads();
        call.num_key_value_heads = d_.implies_kv_heads && d_.group == 1 ? 0 : d_.kv_heads;
        call.input_layout = d_.layout == Layout::kBsh ? "BSH" : d_.layout == Layout::kBnsd ? "BNSD" : "BSND";
    }

    void set_strides() {
        for (const Role role : {kQuery, kKey, kValue, kAttentionOut, kAttnMask, kPseShift})
            for (Descriptor& tensor : call.tensors[role]) {
                if (d_.gaps[role] > 0) tensor.set_strides(d_.gaps[role] - 1);
                if (d_.gaps[role] == Draft::kRepeated && role != kAttentionOut) tensor.strides[0] = 0;
            }
    }

    const Draft& d_;
    Index max_blocks_ = 0, columns_ = 0;
};

// Draws drafts and the rest of a call. Every choice takes as many bytes whatever was chosen before, so that a fuzzer's
// changes stay local.
class Drawing {
   public:
    explicit Drawing(Choices& choices) : choices_(choices) {
        draw_types();
        draw_extents();
        draw_windows();
        draw_terms();
        draw_memory();
        draw_run();
    }

    Call call() const { return ValidCall(draft_, rest_).call; }

   private:
    void draw_types() {
        using ifa::DType;
        draft_.query = choices_.of({DType::kFloat32, DType::kFloat16, DType::kBfloat16});
        draft_.cache = choices_.pick(3) == 1 ? DType::kInt8 : draft_.query;
        draft_.output = choices_.pick(4) == 1 ? DType::kInt8 : draft_.query;
        draft_.layout = choices_.of({Layout::kBsh, Layout::kBnsd, Layout::kBsnd});
        draft_.storage = choices_.of({Storage::kOne, Storage::kList, Storage::kPool});
        draft_.pool_has_heads = choices_.flag();
        rest_.inner_precise = choices_.of({1, 0});
    }

    // At most some thousand elements in a cache: the fuzzer shall be fast.
    void draw_extents() {
        constexpr Index kDims[] = {16, 1,  2,  3,  5,  7,  8,  9,  15, 17, 24,  31,  32,
                                   33, 40, 47, 48, 57, 63, 64, 65, 80, 96, 120, 128, 129};
        constexpr Index kMostElements = 6000;
        draft_.batch = choices_.between(1, Draft::kMostSequences);
        draft_.kv_heads = choices_.between(1, 3);
        draft_.group = choices_.of({1, 2, 3, 4, 5, 8});
        draft_.head_dim = choices_.of(kDims);
        draft_.tokens = std::min((33 + choices_.between(0, 160)) % 161,
                                 kMostElements / (draft_.batch * draft_.kv_heads * draft_.head_dim));
        const Index unit = draft_.cache == ifa::DType::kInt8 ? 32 : 16, units = choices_.of({1, 2, 3, 4});
        const bool is_small = units * unit * draft_.kv_heads * draft_.head_dim <= kMostElements / 2;
        draft_.block_size = is_small ? units * unit : unit;
        draft_.spare_blocks_of_each = choices_.between(0, 1);
        draft_.spare_blocks = choices_.between(0, 1);
        for (int i = 0; i < 8; ++i) draft_.blocks.push_back(static_cast<Index>(choices_.byte()));
    }

    void draw_windows() {
        constexpr Index kPaddings[] = {0, 3, -1, 1, 200, std::numeric_limits<Index>::max()};
        draft_.lengths_kind =
            choices_.of({LengthsKind::kAbsent, LengthsKind::kOne, LengthsKind::kEachInt64, LengthsKind::kEachInt32});
        for (Index& shorter : draft_.shorter_by) shorter = choices_.between(0, 40);
        for (Index& length : draft_.lengths) length = choices_.between(0, 255);
        draft_.has_kv_padding = choices_.flag();
        rest_.kv_padding = choices_.of(kPaddings);
    }

    void draw_terms() {
        using ifa::DType;
        draft_.mask = choices_.of({DType::kBool, DType::kInt8, DType::kUint8});
        draft_.mask_rank = choices_.of({0, 2, 3, 4});
        draft_.bias_rows = choices_.of({0, 2, 1});
        draft_.spare_columns = choices_.of({0, 1, 37});
        rest_.hiding = choices_.of({Hiding::kSome, Hiding::kMost, Hiding::kAll, Hiding::kNone});
        rest_.removes_tokens = choices_.flag();
        draft_.antiquant_per_tensor = choices_.flag();
        draft_.has_antiquant_offset = choices_.flag();
        draft_.antiquant_is_flat = choices_.flag();
        draft_.post_quant_shape = static_cast<int>(choices_.pick(4));
        draft_.has_post_quant_offset = choices_.flag();
        draft_.implies_kv_heads = choices_.flag();
        rest_.scale_value = choices_.of({0.25, 1.0, 0.0, -0.5, 1000.0});
        rest_.mean_of_wholly_hidden_rows = choices_.flag();
    }

    void draw_memory() {
        for (int& gap : draft_.gaps) gap = choices_.of({0, 0, 1, 2, 4, Draft::kRepeated});
        for (std::size_t& misalignment : rest_.misalignments) misalignment = choices_.pick(8);
        rest_.values = choices_.of({Values::kNormal, Values::kWithMean, Values::kTiny, Values::kLarge});
        rest_.seed = choices_.byte();
    }

    void draw_run() {
        rest_.chunk_tokens = choices_.of({48, 96, 144, 528});
        rest_.is_planned = choices_.flag();
        rest_.workspace = choices_.of({Workspace::kOwn, Workspace::kExact, Workspace::kShort, Workspace::kInOutput});
        rest_.workspace_misalignment = choices_.pick(64);
        rest_.concurrency = choices_.of({1, 2, 5});
    }

    Choices& choices_;
    Draft draft_ = {};
    Call rest_ = {};
};

}  // namespace fuzz
