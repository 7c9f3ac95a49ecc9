// PyTorch's scaled_dot_product_attention: over the cache as it is, and over heads repeated for it first, as the models
// of many engines do.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include "peer.hpp"

namespace bench {
namespace {

class TorchPeer : public Peer {
   public:
    TorchPeer(const Case& c, CacheMemory& memory, bool repeats)
        : Peer(c, memory), type_(type_of(c.cache)), repeats_(repeats) {
        const Heads& heads = c.heads;
        query_ = at::from_blob(const_cast<float*>(decode_.query().data()), {c.batch, heads.heads, 1, heads.head_dim})
                     .to(type_);
    }

    std::string name() const override {
        return std::string("PyTorch ") + TORCH_VERSION + " " + (repeats_ ? "repeated " : "") + c10::toString(type_);
    }

    double must() const override { return 1; }

   private:
    static at::ScalarType type_of(Element element) {
        if (element == Element::kFloat32) return at::kFloat;
        return element == Element::kFloat16 ? at::kHalf : at::kBFloat16;
    }

    at::Tensor cache(const std::byte* memory) const {
        const Heads& heads = case_.heads;
        const at::Tensor stored = at::from_blob(const_cast<std::byte*>(memory),
                                                {case_.batch, heads.kv_heads, case_.seq, heads.head_dim}, type_);
        return repeats_ ? stored.repeat_interleave(case_.group(), 1) : stored;
    }

    void attend(Index i) override {
        const c10::InferenceMode inference;
        at::set_num_threads(case_.threads);
        const Layer layer = decode_.layer(i);
        out_ = at::scaled_dot_product_attention(query_, cache(layer.key), cache(layer.value), {}, 0, false,
                                                decode_.scale(), case_.group() > 1 && !repeats_);
    }

    std::vector<float> out() const override {
        const at::Tensor wide = out_.to(at::kFloat).contiguous();
        const auto* const numbers = wide.const_data_ptr<float>();
        return {numbers, numbers + wide.numel()};
    }

    at::ScalarType type_;
    bool repeats_;
    at::Tensor query_, out_;
};

bool takes(const Case& c) {
    return is_plain(c) && c.cache != Element::kInt8;
}

template <bool Repeats>
std::unique_ptr<Peer> make(const Case& c, CacheMemory& memory) {
    return std::make_unique<TorchPeer>(c, memory, Repeats);
}

const RegisteredPeer kStored({"torch", takes, make<false>});
const RegisteredPeer kRepeated({"torch_repeated", [](const Case& c) { return takes(c) && c.group() > 1; }, make<true>});

}  // namespace
}  // namespace bench
