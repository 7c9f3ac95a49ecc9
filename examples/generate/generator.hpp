// Greedy decoding of several sequences of different lengths at once, over one cache.
#pragma once

#include <algorithm>
#include <vector>

#include "kv_cache.hpp"
#include "model.hpp"
#include "sequence.hpp"

namespace generate {

template <class Cache>
class Generator {
   public:
    Generator(Model& model, Cache& cache, const CacheShape& shape)
        : model_(model),
          cache_(cache),
          free_blocks_(shape.num_blocks, shape.block_size),
          max_blocks_(shape.max_blocks) {}

    // Reads a prompt and appends the first token of the answer to it; returns that token's logits: [1, vocab_size].
    Matrix prefill(Sequence& prompt) {
        constexpr Index kRowsPerPass = 64;
        free_blocks_.cover(prompt);
        Matrix hidden;
        for (Index first = 0; first < prompt.length(); first += kRowsPerPass) {
            Batch batch(max_blocks_);
            const Index last = std::min(first + kRowsPerPass, prompt.length());
            for (Index position = first; position < last; ++position) batch.add(prompt, position);
            hidden = model_.forward(batch, cache_);
        }
        Matrix logits = model_.logits(hidden.bottomRows(1));
        append_most_likely(prompt, logits.row(0));
        return logits;
    }

    // Appends one token to each sequence; returns their logits: [sequences, vocab_size].
    Matrix decode(const std::vector<Sequence*>& sequences) {
        Batch batch(max_blocks_);
        for (Sequence* sequence : sequences) {
            free_blocks_.cover(*sequence);
            batch.add(*sequence, sequence->length() - 1);
        }
        Matrix logits = model_.logits(model_.forward(batch, cache_));
        for (std::size_t i = 0; i < sequences.size(); ++i) {
            append_most_likely(*sequences[i], logits.row(static_cast<Index>(i)));
        }
        return logits;
    }

    void finish(Sequence& sequence) { free_blocks_.take_back(sequence); }

   private:
    static void append_most_likely(Sequence& sequence, const Eigen::Ref<const Eigen::RowVectorXf>& logits) {
        Index token = 0;
        logits.maxCoeff(&token);
        sequence.tokens.push_back(static_cast<std::int32_t>(token));
    }

    Model& model_;
    Cache& cache_;
    FreeBlocks free_blocks_;
    Index max_blocks_;  // of the longest sequence
};

}  // namespace generate
