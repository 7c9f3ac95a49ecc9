// A dense cache dealt out to the pages of a pool, or to one tensor per sequence.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "random.hpp"
#include "tensor.hpp"

namespace support {

// Blocks of both tensors in an order of the seed's choosing, some of them unused and so poison; the table's entries
// beyond a sequence's last block are -1.
template <class T>
struct Pages {
    // key [B, kvN, S, Dk] and value [B, kvN, S, Dv], of which lengths[b] tokens of each sequence are stored.
    Pages(const std::vector<T>& dense_key, const Shape& key_shape, const std::vector<T>& dense_value,
          const Shape& value_shape, const std::vector<Index>& lengths, Index block_size, Layout layout,
          std::uint64_t seed = 7)
        : max_blocks((key_shape.seq + block_size - 1) / block_size + 1),
          key(pool(key_shape, block_size), layout),
          value(pool(value_shape, block_size), layout),
          table(size(key_shape.batch * max_blocks), -1) {
        const std::vector<std::int32_t> order = Random(seed).permutation(size(key.shape().batch));
        std::size_t used = 0;
        for (Index b = 0; b < key_shape.batch; ++b)
            for (Index i = 0; i * block_size < lengths[size(b)]; ++i) table[size(b * max_blocks + i)] = order[used++];
        deal(dense_key, key_shape, lengths, key);
        deal(dense_value, value_shape, lengths, value);
    }

    ifa::BlockTable block_table() const {
        return ifa::block_table(table,
                                {.batch = static_cast<Index>(table.size()) / max_blocks, .max_blocks = max_blocks});
    }
    Index columns() const { return max_blocks * key.shape().seq; }

    Index max_blocks;
    Tensor<T> key, value;             // [blocks, kvN, block_size, D]
    std::vector<std::int32_t> table;  // [B, max_blocks]

   private:
    Shape pool(const Shape& dense, Index block_size) const {
        return {
            .batch = dense.batch * max_blocks + 3, .heads = dense.heads, .seq = block_size, .head_dim = dense.head_dim};
    }

    void deal(const std::vector<T>& dense, const Shape& shape, const std::vector<Index>& lengths,
              Tensor<T>& blocks) const {
        const TensorView<const T> from = ifa::bnsd(dense, shape);
        const TensorView<T> to = blocks.view();
        const Index block_size = blocks.shape().seq;
        for (Index b = 0; b < shape.batch; ++b)
            for (Index head = 0; head < shape.heads; ++head)
                for (Index t = 0; t < lengths[size(b)]; ++t) {
                    const Index block = table[size(b * max_blocks + t / block_size)];
                    std::memcpy(static_cast<void*>(to.row(block, head, t % block_size)), from.row(b, head, t),
                                size(shape.head_dim) * sizeof(T));
                }
    }
};

// The pages of a decode step's cache. Refer to its storage with ifa::PagedKv{p.key.view(), p.value.view(),
// p.block_table()}.
template <class Decoding>
auto paged(const Decoding& decode, const std::vector<Index>& lengths, Index block_size, Layout layout) {
    using T = typename decltype(decode.key)::value_type;
    return Pages<T>(decode.key, decode.sizes.key(), decode.value, decode.sizes.value(), lengths, block_size, layout);
}

// One tensor per sequence, each of its own length.
template <class T>
struct TensorList {
    // The first lengths[b] tokens of each sequence of `dense` [B, heads, S, D].
    TensorList(const std::vector<T>& dense, const Shape& shape, const std::vector<Index>& lengths, Layout layout) {
        for (Index b = 0; b < shape.batch; ++b) {
            const Shape own{.batch = 1, .heads = shape.heads, .seq = lengths[size(b)], .head_dim = shape.head_dim};
            std::vector<T> tokens;
            for (Index head = 0; head < shape.heads; ++head) {
                const auto first = dense.begin() + (b * shape.heads + head) * shape.seq * shape.head_dim;
                tokens.insert(tokens.end(), first, first + own.seq * shape.head_dim);
            }
            tensors.emplace_back(tokens, own, layout);
        }
        for (const Tensor<T>& tensor : tensors) views.push_back(tensor.view());
    }
    TensorList(const TensorList&) = delete;
    TensorList& operator=(const TensorList&) = delete;

    std::vector<Tensor<T>> tensors;
    std::vector<TensorView<const T>> views;
};

}  // namespace support
