// Sequences that grow in blocks of a shared pool, and the batches of rows a forward pass takes.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace generate {

using Index = Eigen::Index;

struct Sequence {
    Index id = 0;
    std::vector<std::int32_t> tokens = {};  // the prompt, then what was generated
    std::vector<std::int32_t> blocks = {};  // the blocks of the cache that hold its keys and values, in order
    Index prompt_length = 0;

    Index length() const { return static_cast<Index>(tokens.size()); }
};

// The blocks of the cache that no sequence holds.
class FreeBlocks {
   public:
    FreeBlocks(Index num_blocks, Index block_size)
        : blocks_(static_cast<std::size_t>(num_blocks)), block_size_(block_size) {
        std::iota(blocks_.rbegin(), blocks_.rend(), 0);
    }
    // Gives the sequence a block wherever one of its tokens has none yet.
    void cover(Sequence& sequence) {
        while (static_cast<Index>(sequence.blocks.size()) * block_size_ < sequence.length()) {
            if (blocks_.empty()) throw std::runtime_error("the cache is full");
            sequence.blocks.push_back(blocks_.back());
            blocks_.pop_back();
        }
    }
    void take_back(Sequence& sequence) {
        blocks_.insert(blocks_.end(), sequence.blocks.begin(), sequence.blocks.end());
        sequence.blocks.clear();
    }

   private:
    std::vector<std::int32_t> blocks_;
    Index block_size_;
};

// R tokens, each at its own position of some sequence. A decode step has one row per sequence. A prompt of R tokens is
// R rows over the same blocks, each seeing one token more than the row before: a causal mask by lengths alone.
struct Batch {
    explicit Batch(Index most_blocks) : max_blocks(most_blocks) {}

    Index size() const { return static_cast<Index>(tokens.size()); }

    void add(const Sequence& sequence, Index position) {
        tokens.push_back(sequence.tokens[static_cast<std::size_t>(position)]);
        positions.push_back(position);
        lengths.push_back(position + 1);
        block_table.insert(block_table.end(), sequence.blocks.begin(), sequence.blocks.end());
        block_table.resize(tokens.size() * static_cast<std::size_t>(max_blocks), -1);
    }

    Index max_blocks;
    std::vector<std::int32_t> tokens = {};       // [R]
    std::vector<std::int64_t> positions = {};    // [R]
    std::vector<std::int64_t> lengths = {};      // [R], the tokens a row sees: all up to its own
    std::vector<std::int32_t> block_table = {};  // [R, max_blocks], -1 after a row's last block
};

}  // namespace generate
