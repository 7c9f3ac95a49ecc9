// The cache as a pool of blocks that a table deals out to sequences.
#pragma once

#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// key [blocks, kvN, block_size, Dk] and value [blocks, kvN, block_size, Dv] as views of the pool, whose batch axis
// counts blocks: `bsh` for token-major pools (blocks, block_size, kvN*D), `bnsd` for head-major ones. Token t of
// sequence b is row t % block_size of block table[b][t / block_size]. Blocks may be shared; entries that hold no token
// are not read. Kwon et al., "PagedAttention" (2023).
template <class Key, class Value>
struct PagedKv {
    using role = role::KvStorage;
    using key_type = std::remove_const_t<Key>;
    using value_type = std::remove_const_t<Value>;
    static constexpr bool kPaged = true;

    TensorView<Key> key = {};
    TensorView<Value> value = {};
    BlockTable table = {};

    IFA_INLINE Index batch() const { return table.shape.batch; }
    IFA_INLINE Index heads() const { return key.shape.heads; }
    IFA_INLINE Index key_dim() const { return key.shape.head_dim; }
    IFA_INLINE Index value_dim() const { return value.shape.head_dim; }
    IFA_INLINE Index block_size() const { return key.shape.seq; }
    IFA_INLINE Index columns() const { return table.shape.max_blocks * block_size(); }
    IFA_INLINE Index length(Index) const { return columns(); }

    IFA_INLINE bool token_major() const { return key.strides.head < key.strides.seq; }

    IFA_INLINE Key* key_row(Index sequence, Index head, Index column) const {
        return key.row(table.row(sequence)[column / block_size()], head, column % block_size());
    }
    IFA_INLINE Value* value_row(Index sequence, Index head, Index column) const {
        return value.row(table.row(sequence)[column / block_size()], head, column % block_size());
    }

    IFA_INLINE void gather(Index sequence, Index head, Index first_column, int count, const key_type** keys,
                           const value_type** values) const {
        for (int i = 0, run = 0; i < count; i += run) {
            const Index column = first_column + i;
            const Index left = block_size() - column % block_size();
            run = left < count - i ? static_cast<int>(left) : count - i;
            Key* const first_key = key_row(sequence, head, column);
            Value* const first_value = value_row(sequence, head, column);
            // Hardware foresees the next row, but not the next block: that is asked for as soon as its place is known.
            if (left == block_size()) {
                __builtin_prefetch(first_key);
                __builtin_prefetch(first_value);
            }
            key.gather_rows(first_key, run, keys + i);
            value.gather_rows(first_value, run, values + i);
        }
    }

    inline void check(const Geometry&, Contracts& contracts) const {
        check_view("key", key, contracts);
        check_view("value", value, contracts);
        const Shape &k = key.shape, &v = value.shape;
        if (k.batch != v.batch || k.heads != v.heads || k.seq != v.seq)
            contracts.fail(ErrorKind::kRuntime,
                           "value: expected a pool ({}, {}, {}, D) as in key, got ({}, {}, {}, {})", k.batch, k.heads,
                           k.seq, v.batch, v.heads, v.seq, v.head_dim);
        if (k.seq < 1) contracts.fail(ErrorKind::kRuntime, "block_size: expected at least 1, got {}", k.seq);
        check_table(contracts);
    }

    // The entries through which the window's tokens are read.
    inline void check_window(Index sequence, const Window& window, Contracts& contracts) const {
        const std::int32_t* const row = table.row(sequence);
        for (Index i = window.begin / block_size(); i * block_size() < window.end; ++i)
            if (row[i] < 0 || row[i] >= key.shape.batch)
                return contracts.fail(ErrorKind::kRuntime, "block_table[{}][{}]: expected a block in [0, {}), got {}",
                                      sequence, i, key.shape.batch, Index{row[i]});
    }

    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("key", key);
        visit("value", value);
        visit("block_table", as_view(table.data, table.shape.batch * table.shape.max_blocks));
    }

   private:
    inline void check_table(Contracts& contracts) const {
        const Index entries = table.shape.batch * table.shape.max_blocks;
        if (table.shape.batch < 0 || table.shape.max_blocks < 0)
            return contracts.fail(ErrorKind::kRuntime, "block_table: expected extents of at least 0, got ({}, {})",
                                  table.shape.batch, table.shape.max_blocks);
        if (!table.data && entries > 0)
            return contracts.fail(ErrorKind::kRuntime, "block_table: expected data, got a null pointer");
        if (table.extent != kUnknownExtent && table.extent < entries)
            contracts.fail(ErrorKind::kRuntime, "block_table: expected a range of at least {} elements, got {}",
                           entries, table.extent);
    }
};

template <class Key, class Value>
PagedKv(TensorView<Key>, TensorView<Value>, BlockTable) -> PagedKv<Key, Value>;

}  // namespace ifa::inline IFA_ISA
