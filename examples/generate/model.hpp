// A decoder of the Llama architecture over Eigen; its attention is ifa's.
#pragma once

#include <ifa/incre_flash_attention.hpp>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "kv_cache.hpp"
#include "operations.hpp"
#include "sequence.hpp"
#include "stopwatch.hpp"
#include "thread_team.hpp"
#include "weights.hpp"

namespace generate {

class Model {
   public:
    Model(const Weights& weights, const ThreadTeam& team)
        : weights_(weights),
          config_(weights.config),
          team_(team),
          scale_(1 / std::sqrt(static_cast<double>(config_.head_dim))) {}

    // Takes the rows through all layers and leaves their keys and values in the cache: [R, hidden_size].
    template <class Cache>
    Matrix forward(const Batch& batch, Cache& cache) {
        Matrix hidden = embed(batch);
        Step step = prepare(batch, cache);
        for (std::size_t layer = 0; layer < weights_.layers.size(); ++layer) {
            hidden += attention(layer, hidden, batch, cache, step);
            hidden += feed_forward(weights_.layers[layer], hidden);
        }
        return hidden;
    }

    // The scores of every next token, for rows of what forward() returns: [R, vocab_size].
    Matrix logits(const Matrix& hidden) const {
        return linear(team_, rms_norm(hidden, weights_.final_norm, config_.rms_norm_epsilon), weights_.embedding);
    }

    const Config& config() const { return config_; }
    Stopwatch& attention_time() { return attention_time_; }

   private:
    // What the layers of one forward pass share.
    struct Step {
        ifa::Plan plan;
        std::vector<std::byte> workspace;
        Rotations rotations;
    };

    Matrix embed(const Batch& batch) const {
        Matrix hidden(batch.size(), config_.hidden_size);
        for (Index row = 0; row < batch.size(); ++row) {
            hidden.row(row) = weights_.embedding.row(batch.tokens[static_cast<std::size_t>(row)]);
        }
        return hidden;
    }

    // All layers see the same lengths and blocks, so one plan serves them all.
    template <class Cache>
    Step prepare(const Batch& batch, Cache& cache) {
        Rotations rotations = rotations_at(batch.positions, config_.head_dim, config_.rope_theta);
        const auto lap = attention_time_.lap();
        ifa::Plan plan =
            ifa::plan(query_shape(batch), cache.storage(0, batch), team_, ifa::RightPadding{.lengths = batch.lengths});
        std::vector<std::byte> workspace(plan.workspace_bytes());
        return {std::move(plan), std::move(workspace), std::move(rotations)};
    }

    template <class Cache>
    Matrix attention(std::size_t layer, const Matrix& hidden, const Batch& batch, Cache& cache, Step& step) {
        const LayerWeights& weights = weights_.layers[layer];
        const Matrix normalised = rms_norm(hidden, weights.attention_norm, config_.rms_norm_epsilon);
        Matrix query_key_value = linear(team_, normalised, weights.query_key_value);  // [R, (N + 2 kvN) D]
        rotate(query_key_value, config_.num_heads + config_.num_kv_heads, step.rotations);
        return linear(team_, attend(layer, query_key_value, batch, cache, step), weights.attention_output);
    }

    // Caches the new keys and values, then attends to all there are: [R, N D]. Queries, keys and values are read where
    // the stacked product left them, side by side in each row.
    template <class Cache>
    Matrix attend(std::size_t layer, const Matrix& query_key_value, const Batch& batch, Cache& cache, Step& step) {
        const auto lap = attention_time_.lap();
        const float* query = query_key_value.data();
        const float* key = query + config_.num_heads * config_.head_dim;
        const float* value = key + config_.num_kv_heads * config_.head_dim;
        const ifa::Strides strides{.batch = query_key_value.cols(), .head = config_.head_dim};
        const ifa::Shape new_rows{.batch = batch.size(), .heads = config_.num_kv_heads, .head_dim = config_.head_dim};
        cache.append(layer, batch, ifa::strided(key, new_rows, strides), ifa::strided(value, new_rows, strides));

        Matrix attended(batch.size(), config_.num_heads * config_.head_dim);
        ifa::incre_flash_attention(ifa::strided(query, query_shape(batch), strides), cache.storage(layer, batch),
                                   ifa::bsh(attended.data(), query_shape(batch)),
                                   {.scale = scale_, .plan = &step.plan, .workspace = step.workspace}, team_);
        return attended;
    }

    Matrix feed_forward(const LayerWeights& weights, const Matrix& hidden) const {
        const Matrix normalised = rms_norm(hidden, weights.feed_forward_norm, config_.rms_norm_epsilon);
        return linear(team_, swiglu(linear(team_, normalised, weights.gate_up)), weights.down);
    }

    ifa::Shape query_shape(const Batch& batch) const {
        return {.batch = batch.size(), .heads = config_.num_heads, .head_dim = config_.head_dim};
    }

    const Weights& weights_;
    const Config& config_;
    const ThreadTeam& team_;
    double scale_;
    Stopwatch attention_time_;
};

}  // namespace generate
