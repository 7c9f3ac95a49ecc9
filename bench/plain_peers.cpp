// For orientation: attention as one writes it without a library, in two passes of float32, and in products of Eigen's.
#include <Eigen/Core>

#include <algorithm>
#include <cmath>

#include "peer.hpp"

namespace bench {
namespace {

// One query head's: head_dim numbers of query and output, seq rows of key and value.
template <class T>
struct HeadOf {
    const float* query;
    const T *key, *value;
    float* out;
};

class PlainPeer : public Peer {
   public:
    PlainPeer(const Case& c, CacheMemory& memory) : Peer(c, memory) {
        out_.resize(decode_.query().size());
        scores_.resize(static_cast<std::size_t>(c.seq * c.group()));
    }

    double must() const override { return 0; }

   protected:
    // Calls visit(query, key, value, out) with where the numbers of each (sequence, kv head) begin.
    template <class T, class Visit>
    void for_each_kv_head(const Layer& layer, const Visit& visit) {
        const Heads& heads = case_.heads;
        const Index rows = case_.seq * heads.head_dim, group = case_.group() * heads.head_dim;
        for (Index i = 0; i < case_.batch * heads.kv_heads; ++i)
            visit(HeadOf<T>{decode_.query().data() + i * group, reinterpret_cast<const T*>(layer.key) + i * rows,
                            reinterpret_cast<const T*>(layer.value) + i * rows, out_.data() + i * group});
    }

    std::vector<float> out_, scores_;

   private:
    void attend(Index layer) override { attend_layer(decode_.layer(layer)); }
    std::vector<float> out() const override { return out_; }
    virtual void attend_layer(const Layer& layer) = 0;
};

template <class T>
class NaivePeer : public PlainPeer {
   public:
    using PlainPeer::PlainPeer;
    std::string name() const override { return "two passes"; }

   private:
    void attend_layer(const Layer& layer) override {
        const Index D = case_.heads.head_dim;
        for_each_kv_head<T>(layer, [&](const HeadOf<T>& first) {
            for (Index h = 0; h < case_.group(); ++h)
                attend_head({first.query + h * D, first.key, first.value, first.out + h * D});
        });
    }

    void attend_head(const HeadOf<T>& head) {
        const Index D = case_.heads.head_dim;
        const auto scale = static_cast<float>(decode_.scale());
        for (Index j = 0; j < case_.seq; ++j) {
            float dot = 0;
            for (Index d = 0; d < D; ++d) dot += head.query[d] * static_cast<float>(head.key[j * D + d]);
            scores_[static_cast<std::size_t>(j)] = scale * dot;
        }
        const float largest = *std::max_element(scores_.begin(), scores_.begin() + case_.seq);
        float sum = 0;
        std::fill(head.out, head.out + D, 0.f);
        for (Index j = 0; j < case_.seq; ++j) {
            const float weight = std::exp(scores_[static_cast<std::size_t>(j)] - largest);
            sum += weight;
            for (Index d = 0; d < D; ++d) head.out[d] += weight * static_cast<float>(head.value[j * D + d]);
        }
        for (Index d = 0; d < D; ++d) head.out[d] /= sum;
    }
};

template <class T>
class EigenPeer : public PlainPeer {
   public:
    using PlainPeer::PlainPeer;
    std::string name() const override {
        return "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
               std::to_string(EIGEN_MINOR_VERSION);
    }

   private:
    template <class Number>
    using Matrix = Eigen::Matrix<Number, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

    void attend_layer(const Layer& layer) override {
        const Index D = case_.heads.head_dim, S = case_.seq, G = case_.group();
        const auto scale = static_cast<float>(decode_.scale());
        for_each_kv_head<T>(layer, [&](const HeadOf<T>& first) {
            const Eigen::Map<const Matrix<float>> query(first.query, G, D);
            const Eigen::Map<const Matrix<T>> key(first.key, S, D), value(first.value, S, D);
            Eigen::Map<Matrix<float>> scores(scores_.data(), G, S), out(first.out, G, D);
            scores.noalias() = scale * query * key.template cast<float>().transpose();
            scores = (scores.colwise() - scores.rowwise().maxCoeff().eval()).array().exp().matrix();
            out.noalias() = scores * value.template cast<float>();
            out.array().colwise() /= scores.rowwise().sum().array();
        });
    }
};

bool takes(const Case& c) {
    return is_plain(c) && c.threads == 1 && c.cache != Element::kInt8;
}

template <template <class> class Which>
std::unique_ptr<Peer> make(const Case& c, CacheMemory& memory) {
    if (c.cache == Element::kFloat32) return std::make_unique<Which<float>>(c, memory);
    if (c.cache == Element::kFloat16) return std::make_unique<Which<ifa::float16>>(c, memory);
    return std::make_unique<Which<ifa::bfloat16>>(c, memory);
}

const RegisteredPeer kNaive({"two_passes", takes, make<NaivePeer>});
const RegisteredPeer kEigen({"eigen", takes, make<EigenPeer>});

}  // namespace
}  // namespace bench
