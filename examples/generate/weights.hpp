// The model's weights: reads the one file of float32 that convert.py writes, and names the tensors in it.
#pragma once

#include <Eigen/Core>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace generate {

using Index = Eigen::Index;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using WeightMatrix = Eigen::Map<const Matrix>;  // [out, in]
using WeightVector = Eigen::Map<const Eigen::RowVectorXf>;

struct Config {
    Index num_layers = 0;
    Index hidden_size = 0;
    Index intermediate_size = 0;
    Index num_heads = 0;
    Index num_kv_heads = 0;
    Index head_dim = 0;
    Index vocab_size = 0;
    Index max_positions = 0;
    double rope_theta = 0;
    double rms_norm_epsilon = 0;
};

// One decoder layer. Matrices that multiply the same input are stacked into one.
struct LayerWeights {
    WeightVector attention_norm;     // [hidden_size]
    WeightMatrix query_key_value;    // [(N + 2 kvN) D, hidden_size]
    WeightMatrix attention_output;   // [hidden_size, N D]
    WeightVector feed_forward_norm;  // [hidden_size]
    WeightMatrix gate_up;            // [2 intermediate_size, hidden_size]
    WeightMatrix down;               // [hidden_size, intermediate_size]
};

struct Weights {
    Config config;
    Eigen::ArrayXf storage;  // what all the others look into
    WeightMatrix embedding;  // [vocab_size, hidden_size], also the output head
    std::vector<LayerWeights> layers;
    WeightVector final_norm;  // [hidden_size]
};

// Hands out consecutive tensors. They are written in the order in which they are used.
class TensorCursor {
   public:
    explicit TensorCursor(const Eigen::ArrayXf& floats) : next_(floats.data()), end_(next_ + floats.size()) {}

    WeightMatrix matrix(Index out, Index in) { return {take(out * in), out, in}; }
    WeightVector vector(Index size) { return {take(size), size}; }
    LayerWeights layer(const Config& config) {
        const Index hidden = config.hidden_size;
        const Index query_dim = config.num_heads * config.head_dim;
        const Index key_dim = config.num_kv_heads * config.head_dim;
        return {.attention_norm = vector(hidden),
                .query_key_value = matrix(query_dim + 2 * key_dim, hidden),
                .attention_output = matrix(hidden, query_dim),
                .feed_forward_norm = vector(hidden),
                .gate_up = matrix(2 * config.intermediate_size, hidden),
                .down = matrix(hidden, config.intermediate_size)};
    }

   private:
    const float* take(Index size) {
        if (end_ - next_ < size) throw std::runtime_error("weights: fewer floats than the hyperparameters call for");
        return std::exchange(next_, next_ + size);
    }

    const float* next_;
    const float* end_;
};

// Reads "name value", one line of the header.
template <class Number>
void read_field(std::istream& file, const std::string& name, Number& value) {
    std::string found;
    if (!(file >> found >> value) || found != name) throw std::runtime_error("weights: expected '" + name + "'");
}

inline Config read_config(std::istream& file) {
    Config config;
    read_field(file, "num_layers", config.num_layers);
    read_field(file, "hidden_size", config.hidden_size);
    read_field(file, "intermediate_size", config.intermediate_size);
    read_field(file, "num_heads", config.num_heads);
    read_field(file, "num_kv_heads", config.num_kv_heads);
    read_field(file, "head_dim", config.head_dim);
    read_field(file, "vocab_size", config.vocab_size);
    read_field(file, "max_positions", config.max_positions);
    read_field(file, "rope_theta", config.rope_theta);
    read_field(file, "rms_norm_epsilon", config.rms_norm_epsilon);
    return config;
}

// "floats <count>", the last line of the header, and the floats right behind it.
inline Eigen::ArrayXf read_floats(std::istream& file) {
    Index count = 0;
    read_field(file, "floats", count);
    file.get();  // the end of the line
    Eigen::ArrayXf floats(count);
    file.read(reinterpret_cast<char*>(floats.data()), count * static_cast<Index>(sizeof(float)));
    if (!file) throw std::runtime_error("weights: the file ends early");
    return floats;
}

inline Weights read_weights(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("weights: cannot open " + path);
    const Config config = read_config(file);
    Eigen::ArrayXf floats = read_floats(file);

    TensorCursor next(floats);
    const WeightMatrix embedding = next.matrix(config.vocab_size, config.hidden_size);
    std::vector<LayerWeights> layers;
    for (Index layer = 0; layer < config.num_layers; ++layer) layers.push_back(next.layer(config));
    const WeightVector final_norm = next.vector(config.hidden_size);
    return {config, std::move(floats), embedding, std::move(layers), final_norm};
}

}  // namespace generate
