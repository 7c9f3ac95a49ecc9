// ggml's flash_attn_ext, the attention of llama.cpp: over float16 caches, and over q8_0 ones against our int8.
#include <ggml-cpu.h>
#include <ggml.h>

#include <cmath>
#include <cstring>

#include "peer.hpp"

namespace bench {
namespace {

class GgmlPeer : public Peer {
   public:
    GgmlPeer(const Case& c, CacheMemory& memory)
        : Peer(c, memory), type_(c.cache == Element::kInt8 ? GGML_TYPE_Q8_0 : GGML_TYPE_F16) {
        const ggml_init_params parameters{std::size_t{1} << 20, nullptr, true};
        context_ = ggml_init(parameters);
        const Heads& heads = c.heads;
        query_ = ggml_new_tensor_4d(context_, GGML_TYPE_F32, heads.head_dim, 1, heads.heads, c.batch);
        key_ = ggml_new_tensor_4d(context_, type_, heads.head_dim, c.seq, heads.kv_heads, c.batch);
        value_ = ggml_new_tensor_4d(context_, type_, heads.head_dim, c.seq, heads.kv_heads, c.batch);
        out_ = ggml_flash_attn_ext(context_, query_, key_, value_, nullptr, static_cast<float>(decode_.scale()), 0, 0);
        out_values_.resize(decode_.query().size());
        query_->data = const_cast<float*>(decode_.query().data());
        out_->data = out_values_.data();
        graph_ = ggml_new_graph(context_);
        ggml_build_forward_expand(graph_, out_);
        plan_ = ggml_graph_plan(graph_, c.threads, nullptr);
        work_.resize(plan_.work_size);
        plan_.work_data = work_.data();
        if (type_ == GGML_TYPE_Q8_0) quantise();
    }
    ~GgmlPeer() override { ggml_free(context_); }

    std::string name() const override { return std::string("ggml ") + ggml_version() + " " + ggml_type_name(type_); }

    // It reads a cache once for every query head.
    double must() const override {
        if (type_ == GGML_TYPE_F16) return case_.group() >= 4 ? 3 : 1.05;
        return case_.group() >= 4 ? 6 : 3;
    }

   private:
    void attend(Index layer) override {
        bind(layer);
        ggml_graph_compute(graph_, &plan_);
    }
    std::vector<float> out() const override { return out_values_; }

    void bind(Index layer) {
        if (type_ == GGML_TYPE_F16) {
            const Layer memory = decode_.layer(layer);
            key_->data = const_cast<std::byte*>(memory.key);
            value_->data = const_cast<std::byte*>(memory.value);
        } else {
            key_->data = blocks_.data() + static_cast<std::size_t>(2 * layer) * ggml_nbytes(key_);
            value_->data = static_cast<std::uint8_t*>(key_->data) + ggml_nbytes(key_);
        }
    }

    // The same numbers in ggml's 8-bit format, which has a scale for every 32 of them.
    void quantise() {
        const auto tensors = static_cast<std::size_t>(2 * decode_.layers());
        blocks_.resize(tensors * ggml_nbytes(key_));
        const Index D = case_.heads.head_dim, rows = ggml_nelements(key_) / D;
        std::vector<float> numbers(static_cast<std::size_t>(rows * D));
        for (std::size_t i = 0; i < tensors; ++i) {
            const Layer layer = decode_.layer(static_cast<Index>(i / 2));
            const auto* const stored = reinterpret_cast<const std::int8_t*>(i % 2 ? layer.value : layer.key);
            for (std::size_t j = 0; j < numbers.size(); ++j) numbers[j] = static_cast<float>(stored[j]) / 64;
            ggml_quantize_chunk(type_, numbers.data(), blocks_.data() + i * ggml_nbytes(key_), 0, rows, D, nullptr);
        }
    }

    ggml_type type_;
    ggml_context* context_ = nullptr;
    ggml_tensor *query_ = nullptr, *key_ = nullptr, *value_ = nullptr, *out_ = nullptr;
    ggml_cgraph* graph_ = nullptr;
    ggml_cplan plan_ = {};
    std::vector<std::uint8_t> work_, blocks_;
    std::vector<float> out_values_;
};

// Rows of its 8-bit format are whole blocks of 32 elements.
bool takes(const Case& c) {
    const bool is_block = c.cache == Element::kInt8 && c.heads.head_dim % 32 == 0;
    return is_plain(c) && (is_block || c.cache == Element::kFloat16);
}

std::unique_ptr<Peer> make(const Case& c, CacheMemory& memory) {
    return std::make_unique<GgmlPeer>(c, memory);
}

const RegisteredPeer kGgml({"ggml", takes, make});

}  // namespace
}  // namespace bench
