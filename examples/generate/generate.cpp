// Answers several prompts at once, greedily: token ids in on stdin, one prompt a line, token ids out on stdout.
//
// Each token generated is a line "SEQUENCE TOKEN"; lines that begin with # say at the end how fast it went.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "generator.hpp"
#include "kv_cache.hpp"
#include "model.hpp"
#include "sequence.hpp"
#include "stopwatch.hpp"
#include "thread_team.hpp"
#include "weights.hpp"

namespace {

using namespace generate;

struct Arguments {
    std::string weights;
    std::string kv = "float16";
    std::string calibration;
    std::string logits;
    int threads = 2;
    Index tokens = 128;
    std::int32_t stop_token = -1;
    Index block_size = 32;
};

void declare(CLI::App& app, Arguments& arguments) {
    app.add_option("--weights", arguments.weights, "weights.f32 from convert.py")->required()->check(CLI::ExistingFile);
    app.add_option("--kv", arguments.kv, "element type of the cache")->check(CLI::IsMember({"float16", "int8"}));
    app.add_option("--calibration", arguments.calibration, "token ids of texts, one a line, that set the int8 ranges")
        ->check(CLI::ExistingFile);
    app.add_option("--logits", arguments.logits, "file for the logits of each token generated, as raw float32");
    app.add_option("--threads", arguments.threads)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--tokens", arguments.tokens, "most tokens to generate per prompt")->capture_default_str();
    app.add_option("--stop", arguments.stop_token, "token that ends an answer");
    app.add_option("--block-size", arguments.block_size, "tokens per block of the cache")->capture_default_str();
}

// One sequence of token ids per line.
std::vector<Sequence> read_sequences(std::istream& lines, Index vocab_size) {
    std::vector<Sequence> sequences;
    for (std::string line; std::getline(lines, line);) {
        Sequence sequence{.id = static_cast<Index>(sequences.size())};
        std::istringstream ids(line);
        for (std::int32_t token = 0; ids >> token;) {
            if (token < 0 || token >= vocab_size) throw std::runtime_error("no such token: " + std::to_string(token));
            sequence.tokens.push_back(token);
        }
        sequence.prompt_length = sequence.length();
        if (sequence.prompt_length > 0) sequences.push_back(std::move(sequence));
    }
    return sequences;
}

// Room for every sequence and `tokens` more.
CacheShape cache_shape(const Config& config, const std::vector<Sequence>& sequences, Index tokens, Index block_size) {
    CacheShape shape{.num_layers = config.num_layers,
                     .num_kv_heads = config.num_kv_heads,
                     .block_size = block_size,
                     .head_dim = config.head_dim};
    for (const Sequence& sequence : sequences) {
        const Index length = sequence.length() + tokens;
        if (length > config.max_positions) throw std::runtime_error("the prompt is too long for the model");
        const Index blocks = (length + block_size - 1) / block_size;
        shape.num_blocks += blocks;
        shape.max_blocks = std::max(shape.max_blocks, blocks);
    }
    return shape;
}

// The ranges of each layer's channels over some texts.
std::vector<ChannelScales> calibrate(Model& model, const Arguments& arguments) {
    constexpr float kHeadroom = 0.2f;  // a value that saturates costs more than a coarser step
    std::ifstream file(arguments.calibration);
    std::vector<Sequence> texts = read_sequences(file, model.config().vocab_size);
    if (texts.empty()) throw std::runtime_error("an int8 cache needs --calibration");
    const CacheShape shape = cache_shape(model.config(), texts, 1, arguments.block_size);
    CalibratingCache cache(shape);
    Generator generator(model, cache, shape);
    for (Sequence& text : texts) generator.prefill(text);
    return cache.scales(kHeadroom);
}

// Writes tokens as they come, and their logits if asked to.
class Output {
   public:
    explicit Output(const std::string& logits_path) {
        if (!logits_path.empty()) logits_.open(logits_path, std::ios::binary);
    }
    void write(const Sequence& sequence, const Eigen::Ref<const Eigen::RowVectorXf>& logits) {
        std::cout << sequence.id << ' ' << sequence.tokens.back() << std::endl;  // flushed: someone may be watching
        if (!logits_.is_open()) return;
        logits_.write(reinterpret_cast<const char*>(logits.data()), logits.size() * static_cast<Index>(sizeof(float)));
    }

   private:
    std::ofstream logits_;
};

// A stretch of work: tokens that went through the model, and the time it took, in all and in attention.
struct Phase {
    Index tokens = 0;
    double seconds = 0;
    double attention_seconds = 0;
};

// `work` returns its number of tokens.
template <class Work>
Phase measure(Model& model, const Work& work) {
    Stopwatch all;
    model.attention_time().reset();
    Phase phase;
    {
        const auto lap = all.lap();
        phase.tokens = work();
    }
    phase.seconds = all.seconds();
    phase.attention_seconds = model.attention_time().seconds();
    return phase;
}

void report(const char* name, const Phase& phase) {
    if (phase.tokens == 0) return;
    std::printf("# %s: %td tokens in %.2f s, %.1f tokens/s, %.1f %% of the time in attention\n", name, phase.tokens,
                phase.seconds, static_cast<double>(phase.tokens) / phase.seconds,
                100 * phase.attention_seconds / phase.seconds);
}

// Decodes until every sequence has met the stop token or is long enough. A finished one gives its blocks back.
template <class Cache>
Index decode_all(Generator<Cache>& generator, std::vector<Sequence>& sequences, const Arguments& arguments,
                 Output& output) {
    const auto finished = [&](const Sequence* sequence) {
        return sequence->tokens.back() == arguments.stop_token ||
               sequence->length() - sequence->prompt_length >= arguments.tokens;
    };
    std::vector<Sequence*> running;
    for (Sequence& sequence : sequences) running.push_back(&sequence);
    Index tokens = 0;
    while (true) {
        for (Sequence* sequence : running)
            if (finished(sequence)) generator.finish(*sequence);
        std::erase_if(running, finished);
        if (running.empty()) return tokens;
        const Matrix logits = generator.decode(running);
        for (std::size_t i = 0; i < running.size(); ++i) output.write(*running[i], logits.row(static_cast<Index>(i)));
        tokens += logits.rows();
    }
}

template <class Cache>
void answer(Model& model, Cache cache, const CacheShape& shape, std::vector<Sequence>& prompts,
            const Arguments& arguments) {
    Generator generator(model, cache, shape);
    Output output(arguments.logits);
    const Phase prefill = measure(model, [&] {
        Index tokens = 0;
        for (Sequence& prompt : prompts) {
            tokens += prompt.length();
            output.write(prompt, generator.prefill(prompt).row(0));
        }
        return tokens;
    });
    const Phase decode = measure(model, [&] { return decode_all(generator, prompts, arguments, output); });
    report("prefill", prefill);
    report("decode", decode);
}

void run(const Arguments& arguments) {
    const ThreadTeam team(arguments.threads);
    const Weights weights = read_weights(arguments.weights);
    Model model(weights, team);
    std::vector<Sequence> prompts = read_sequences(std::cin, model.config().vocab_size);
    const CacheShape shape = cache_shape(model.config(), prompts, arguments.tokens, arguments.block_size);
    if (arguments.kv == "int8") {
        answer(model, Int8Cache(shape, calibrate(model, arguments)), shape, prompts, arguments);
    } else {
        answer(model, Float16Cache(shape), shape, prompts, arguments);
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Greedy generation with a model of the Llama architecture.");
    Arguments arguments;
    declare(app, arguments);
    CLI11_PARSE(app, argc, argv);
    try {
        run(arguments);
    } catch (const std::exception& error) {
        std::cerr << "ifa_generate: " << error.what() << '\n';
        return 1;
    }
}
