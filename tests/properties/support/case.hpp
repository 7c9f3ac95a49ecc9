// A case of the differential test: a point of the space with sizes, data and memory, all of one seed.
#pragma once

#include <numeric>

#include "call.hpp"
#include "combinations.hpp"
#include "extents.hpp"
#include "runners.hpp"

namespace properties {

class Case {
   public:
    Case(std::uint64_t seed, std::uint64_t index, const Point& at)
        : point(at),
          types(kCombinations[at.row]),
          random_(mix(mix(seed) ^ index)),
          extents(draw_extents(at, random_)),
          executor(make_executor(at.get<ExecutorKind>(kExecutor), draw_workers(at, random_))) {
        draw_lengths();
        draw_capacities();
        draw_windows();
        draw_mask();
        make_operands();
        make_cache();
        draw_antiquant();
        draw_bias();
        draw_scores();
        draw_post_quant();
        set_options();
    }
    Case(const Case&) = delete;
    Case& operator=(const Case&) = delete;

    bool is_hidden(Index b, Index column) const {
        return types.masking == Masking::kMasked &&
               call.mask.get(call.mask.shape.batch == 1 ? 0 : b, 0, column, 0) != 0;
    }
    bool wholly_hidden(Index b) const {
        for (Index column = begin(b); column < end(b); ++column)
            if (!is_hidden(b, column)) return false;
        return true;
    }
    // The window is computed as the mean of its values.
    bool gives_mean(Index b) const {
        return point.get<HiddenRows>(kHiddenRows) == HiddenRows::kMeanOfValues && wholly_hidden(b);
    }
    Index begin(Index b) const { return begin_[static_cast<std::size_t>(b)]; }
    Index end(Index b) const { return end_[static_cast<std::size_t>(b)]; }
    Index columns() const { return columns_; }
    Index longest_window() const {
        Index longest = 0;
        for (Index b = 0; b < extents.batch; ++b) longest = std::max(longest, end(b) - begin(b));
        return longest;
    }

    const Point point;
    const Combination types;

   private:
    support::Random random_;

   public:
    const Extents extents;
    const TestExecutor executor;
    Call call;

   private:
    Index length(Index b) const { return lengths_[static_cast<std::size_t>(b)]; }
    Index capacity(Index b) const { return capacities_[static_cast<std::size_t>(b)]; }
    bool lengths_absent() const { return call.lengths_kind == LengthsKind::kAbsent; }

    // lengths_ is `longest` for one sequence, and anything from 0 to that for the others if they may differ.
    void draw_lengths() {
        call.lengths_kind = point.get<LengthsKind>(kLengthsKind);
        lengths_.assign(static_cast<std::size_t>(extents.batch), extents.longest);
        const bool differ = call.lengths_kind == LengthsKind::kInt32Each ||
                            call.lengths_kind == LengthsKind::kInt64Each ||
                            (lengths_absent() && types.storage == Storage::kList);
        for (Index& length : lengths_)
            if (differ) length = random_.chance(1, 4) ? 0 : random_.integer(0, extents.longest);
        lengths_[random_.index(lengths_.size())] = extents.longest;
        const bool one = call.lengths_kind == LengthsKind::kInteger || call.lengths_kind == LengthsKind::kOneElement;
        if (!lengths_absent()) call.lengths64.assign(lengths_.begin(), one ? lengths_.begin() + 1 : lengths_.end());
        for (const std::int64_t length : call.lengths64) call.lengths32.push_back(static_cast<std::int32_t>(length));
    }

    // Tokens each sequence can hold, and the columns of masks and biases.
    void draw_capacities() {
        capacities_ = lengths_;
        if (types.storage == Storage::kPaged) {
            draw_block_size();
        } else if (types.storage == Storage::kList) {
            for (Index& capacity : capacities_) capacity += lengths_absent() ? 0 : random_.integer(0, 40);
        } else {
            capacities_.assign(lengths_.size(), extents.longest + draw_kv_padding());
        }
        columns_ = *std::max_element(capacities_.begin(), capacities_.end());
    }

    void draw_block_size() {
        switch (point.get<BlockSize>(kBlockSize)) {
            case BlockSize::kOne: block_size_ = 1; break;
            case BlockSize::kOdd: block_size_ = 2 * random_.integer(1, 20) + 1; break;
            case BlockSize::kSixteen: block_size_ = 16; break;
            default: block_size_ = 128; break;
        }
        const Index max_blocks = (extents.longest + block_size_ - 1) / block_size_ + random_.integer(0, 2);
        call.table_shape = {.batch = extents.batch, .max_blocks = max_blocks};
        capacities_.assign(lengths_.size(), max_blocks * block_size_);
    }

    // Returns the columns beyond the longest sequence. `kBeyondTheCache` leaves it none.
    Index draw_kv_padding() {
        const Index free = lengths_absent() ? 0 : random_.integer(0, 40);
        const Index some = random_.integer(1, 40);
        switch (point.get<KvPadding>(kKvPadding)) {
            case KvPadding::kNegative: call.kv_padding = -some; return free;
            case KvPadding::kPositive: call.kv_padding = some; return lengths_absent() ? 0 : some + free;
            case KvPadding::kBeyondTheCache:
                call.kv_padding = random_.chance(1, 8) ? Index{1} << 40 : some;
                return lengths_absent() ? 0 : random_.integer(0, some - 1);
            default: return free;
        }
    }

    // By the rules of the document.
    void draw_windows() {
        for (Index b = 0; b < extents.batch; ++b) {
            Index first = 0, last = lengths_absent() ? capacity(b) : length(b);
            if (types.padding == Padding::kLeft && !lengths_absent()) {
                last = capacity(b) - std::max<Index>(call.kv_padding, 0);
                first = last - length(b);
                if (first < 0) first = last = 0;
            }
            begin_.push_back(first);
            end_.push_back(last);
        }
    }

    Index more_columns() {
        return columns_ + (point.get<Columns>(kColumns) == Columns::kWider ? random_.integer(1, 70) : 0);
    }
    Index rows_of(Factor factor) const { return point.get<Rows>(factor) == Rows::kEach ? extents.batch : 1; }

    // Columns outside the window hold what the pattern gives there, so that they must not matter.
    void draw_mask() {
        if (types.masking == Masking::kUnmasked) return;
        call.mask_byte = point.get<MaskByte>(kMaskByte);
        const Index rows = rows_of(kMaskRows);
        call.mask = Tensor(ElementType::kInt8, {.batch = rows, .seq = more_columns()}, Layout::kBnsd, random_);
        const Index chosen = random_.integer(0, rows - 1);
        for (Index row = 0; row < rows; ++row) draw_mask_row(row, row == chosen);
    }

    void draw_mask_row(Index row, bool chosen) {
        const auto pattern = point.get<MaskPattern>(kMaskPattern);
        const Index left = end(row) > begin(row) ? random_.integer(begin(row), end(row) - 1) : 0;
        bool in_run = random_.chance(1, 2);
        for (Index column = 0; column < call.mask.shape.seq; ++column) {
            if (random_.chance(1, 24)) in_run = !in_run;
            bool hidden = random_.chance(1, 4);
            if (pattern == MaskPattern::kRuns) hidden = in_run;
            if (pattern == MaskPattern::kOneLeft) hidden = column != left;
            if (pattern == MaskPattern::kWhollyHidden && chosen) hidden = true;
            call.mask.set(row, 0, column, 0, hidden ? draw_mask_byte() : 0);
        }
    }

    double draw_mask_byte() {
        if (call.mask_byte == MaskByte::kBool) return 1;
        const auto byte = static_cast<double>(random_.integer(-128, 127));
        return byte == 0 ? 1 : byte;
    }

    // The query filled, the outputs poisoned in guard zones.
    void make_operands() {
        const Extents& e = extents;
        const ifa::Shape query{.batch = e.batch, .heads = e.heads(), .head_dim = e.key_dim};
        call.query = Tensor(types.query, query, point.get<Layout>(kQueryLayout), random_);
        call.query.fill(random_.bits(), {});
        const ifa::Shape output{.batch = e.batch, .heads = e.heads(), .head_dim = e.value_dim};
        const auto layout = point.get<Layout>(kOutputLayout);
        call.output = Tensor(types.output, output, layout, random_, true);
        const ifa::Shape row{.batch = e.batch, .heads = e.heads()};
        call.log_sum_exp = Tensor(ElementType::kFloat32, row, layout, random_, true);
    }

    // Pools, lists or tensors with numbers in the rows that must be read, and poison in all others.
    void make_cache() {
        if (types.storage == Storage::kPaged) draw_block_table();
        const auto layout = point.get<Layout>(kCacheLayout);
        const auto add = [&](Index batch, Index seq) {
            const ifa::Shape key{.batch = batch, .heads = extents.kv_heads, .seq = seq, .head_dim = extents.key_dim};
            const ifa::Shape value{
                .batch = batch, .heads = extents.kv_heads, .seq = seq, .head_dim = extents.value_dim};
            call.keys.emplace_back(types.cache, key, layout, random_);
            call.values.emplace_back(types.cache, value, layout, random_);
        };
        if (types.storage == Storage::kPaged) add(blocks_, block_size_);
        else if (types.storage == Storage::kContiguous) add(extents.batch, columns_);
        else
            for (const Index capacity : capacities_) add(1, capacity);
        fill_cache();
    }

    void draw_block_table() {
        Index used = 0;
        for (Index b = 0; b < extents.batch; ++b) used += (length(b) + block_size_ - 1) / block_size_;
        const auto order = point.get<BlockOrder>(kBlockOrder);
        blocks_ = order == BlockOrder::kShared ? used / 2 + 1 : used + random_.integer(1, 3);
        std::vector<std::int32_t> free(static_cast<std::size_t>(blocks_));
        std::iota(free.begin(), free.end(), 0);
        if (order == BlockOrder::kPermuted) free = random_.permutation(free.size());
        std::size_t next = 0;
        for (Index b = 0; b < extents.batch; ++b)
            for (Index i = 0; i < call.table_shape.max_blocks; ++i) {
                const bool read = i * block_size_ < length(b);
                if (!read) call.block_table.push_back(random_.chance(1, 8) ? 0x7fffffff : -1);
                else
                    call.block_table.push_back(
                        free[order == BlockOrder::kShared ? random_.index(free.size()) : next++]);
            }
    }

    Bell value_bell() const {
        switch (point.get<Values>(kValues)) {
            case Values::kWithMean: return {.mean = 0.5};
            case Values::kTiny: return {.spread = 0x1p-16};
            case Values::kLarge: return {.spread = 0x1p10};
            default: return {};
        }
    }

    // A row's numbers come from its address, so that shared blocks agree.
    void fill_cache() {
        const std::uint64_t seed = random_.bits();
        const Bell bell = types.cache == ElementType::kInt8 ? Bell{} : value_bell();
        const auto fill = [&](std::vector<Tensor>& tensors, Index b, Index head, Index column, const Bell& of) {
            std::byte* const row = row_of_token(call, tensors, b, head, column);
            const Tensor& tensor = tensors.size() == 1 ? tensors[0] : tensors[static_cast<std::size_t>(b)];
            const auto address = static_cast<std::uint64_t>(row - tensor.bytes.data());
            tensor.fill_row(row, mix(seed + mix(address)), of);
        };
        for (Index b = 0; b < extents.batch; ++b) {
            const bool mean = gives_mean(b);
            for (Index column = begin(b); column < end(b); ++column)
                for (Index head = 0; head < extents.kv_heads; ++head) {
                    if (!is_hidden(b, column)) fill(call.keys, b, head, column, {});
                    if (mean || !is_hidden(b, column)) fill(call.values, b, head, column, bell);
                }
        }
    }

    // Scales near 1/64, one channel in 32 an outlier, so that numbers are near 1; offsets in units of the stored
    // integers.
    void draw_antiquant() {
        if (types.codec == Codec::kIdentity) return;
        const Index keys = types.codec == Codec::kPerTensor ? 1 : extents.kv_heads * extents.key_dim;
        const Index all = types.codec == Codec::kPerTensor ? 2 : keys + extents.kv_heads * extents.value_dim;
        const auto offset = point.get<Offset>(kOffset);
        call.has_antiquant_offset = offset != Offset::kNone;
        call.antiquant_scale = Tensor(types.scale, {.head_dim = all}, Layout::kBsh, random_);
        call.antiquant_offset = Tensor(types.scale, {.head_dim = all}, Layout::kBsh, random_);
        for (Index i = 0; i < all; ++i) {
            const double spread = i < keys ? 1 : value_bell().spread;
            const bool outlier = types.codec == Codec::kPerChannel && random_.chance(1, 32);
            const double scale = (1 + 0.5 * static_cast<double>(random_.uniform())) * (outlier ? 20 : 1);
            call.antiquant_scale.set(0, 0, 0, i, scale * spread / 64);
            const double largest = offset == Offset::kLarge ? 128 : 16;
            call.antiquant_offset.set(0, 0, 0, i, largest * static_cast<double>(random_.uniform()));
        }
    }

    // Poison where no sequence sees the column.
    void draw_bias() {
        if (types.bias == ElementType::kNone) return;
        const ifa::Shape shape{.batch = rows_of(kBiasRows), .heads = extents.heads(), .seq = more_columns()};
        call.bias = Tensor(types.bias, shape, Layout::kBnsd, random_);
        const auto pattern = point.get<BiasValues>(kBiasValues);
        const double spread = pattern != BiasValues::kLarge ? 1 : random_.chance(1, 2) ? 0x1p8 : 0x1p13;
        for (Index b = 0; b < extents.batch; ++b)
            for (Index column = begin(b); column < end(b); ++column) {
                if (is_hidden(b, column)) continue;
                for (Index head = 0; head < extents.heads(); ++head) {
                    const bool removed = pattern == BiasValues::kRemoving && random_.chance(1, 4);
                    const double value = spread * static_cast<double>(random_.normal());
                    call.bias.set(shape.batch == 1 ? 0 : b, head, column, 0,
                                  removed ? -std::numeric_limits<double>::infinity() : value);
                }
            }
    }

    void draw_scores() {
        constexpr double kSizes[] = {1, 32, 16384};
        const double size = kSizes[point.values[kScores]] * static_cast<double>(random_.integer(1, 8)) / 4;
        call.scale = size / std::sqrt(static_cast<double>(extents.key_dim));
        if (random_.chance(1, 8)) call.scale = -call.scale;
        if (random_.chance(1, 40)) call.scale = 0;
        call.soft_cap = static_cast<float>(random_.integer(1, 50));
    }

    // Scales that bring most outputs into int8's range and some beyond.
    void draw_post_quant() {
        if (types.quant == Quant::kPlain) return;
        const bool per_channel = types.quant == Quant::kPerChannel;
        const Index count = per_channel ? extents.heads() * extents.value_dim : 1;
        const bool has_offset = !per_channel || random_.chance(3, 4);
        const double spread = value_bell().spread;
        for (Index i = 0; i < count; ++i) {
            call.quant_scale.push_back(static_cast<float>(static_cast<double>(random_.integer(16, 256)) / spread));
            if (has_offset) call.quant_offset.push_back(30 * random_.uniform());
        }
    }

    void set_options() {
        call.chunk_tokens = extents.chunk_tokens;
        call.wholly_hidden_rows = point.get<HiddenRows>(kHiddenRows) == HiddenRows::kZeros
                                      ? ifa::WhollyHiddenRows::kZeros
                                      : ifa::WhollyHiddenRows::kMeanOfValues;
        call.workspace = point.get<WorkspaceKind>(kWorkspace);
        call.executor = &executor;
    }

    Index columns_ = 0;
    Index block_size_ = 0;
    Index blocks_ = 0;
    std::vector<Index> lengths_ = {};
    std::vector<Index> capacities_ = {};
    std::vector<Index> begin_ = {};
    std::vector<Index> end_ = {};
};

}  // namespace properties
