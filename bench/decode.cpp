#include "decode.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace bench {

namespace {

constexpr Index kLeftPadding = 5;
constexpr float kUnit = 1.f / 64;  // of an int8 element

// That every type of 16 bits holds, so that libraries which take queries in one compute the same thing.
std::vector<float> normal_numbers(Index count) {
    std::mt19937 bits(1);
    std::normal_distribution<float> normal;
    std::vector<float> numbers(static_cast<std::size_t>(count));
    for (float& x : numbers) x = std::round(normal(bits) * 32) / 32;
    return numbers;
}

// Hidden tokens: half of them, in runs of 64 or at random.
std::vector<std::uint8_t> half_hidden(Index columns, bool runs) {
    std::mt19937 bits(2);
    std::vector<std::uint8_t> hidden(static_cast<std::size_t>(columns));
    for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] = runs ? i / 64 % 2 : bits() % 2;
    return hidden;
}

// Blocks far from each other, dealt to the tokens that exist; entries that hold no token are never read.
std::vector<std::int32_t> permuted_table(const Case& c, Index blocks) {
    std::vector<std::int32_t> table(static_cast<std::size_t>(c.batch * c.blocks()), -1);
    Index next = 0;
    for (Index b = 0; b < c.batch; ++b)
        for (Index i = 0; i * c.block_size < c.length(b); ++i)
            table[static_cast<std::size_t>(b * c.blocks() + i)] = static_cast<std::int32_t>(next++ * 1009 % blocks);
    return table;
}

}  // namespace

Decode::Decode(const Case& c, CacheMemory& memory) : case_(c), team_{c.threads} {
    if (case_.cold) layers_ = cold_layers(layer_bytes());
    memory_ = memory.filled(case_.cache, static_cast<std::size_t>(layers_ * layer_bytes()));
    query_ = normal_numbers(case_.batch * case_.heads.heads * case_.heads.head_dim);
    out_.resize(query_.size());
    antiquant_scale_.assign(static_cast<std::size_t>(2 * case_.heads.kv_heads * case_.heads.head_dim), kUnit);
    make_extras();
    make_plan();
}

void Decode::make_extras() {
    const Extra extra = case_.extra;
    if (case_.block_size > 0) table_ = permuted_table(case_, cache_shape().batch);
    if (case_.block_size > 0 || extra == Extra::kLengths || extra == Extra::kLeftPadding)
        for (Index b = 0; b < case_.batch; ++b) lengths_.push_back(static_cast<std::int32_t>(case_.length(b)));
    if (extra == Extra::kMaskRuns || extra == Extra::kMaskRandom)
        mask_ = half_hidden(case_.seq, extra == Extra::kMaskRuns);
    if (extra == Extra::kPseShift)
        for (const float x : normal_numbers(case_.heads.heads * case_.seq)) bias_.push_back(ifa::float16(x));
    if (extra == Extra::kLeftPadding)
        for (std::int32_t& length : lengths_) length -= kLeftPadding;
}

double Decode::scale() const {
    return 1 / std::sqrt(static_cast<double>(case_.heads.head_dim));
}

// Ragged batches are paged: blocks are dealt to tokens that exist, so a batch of 31 short sequences costs no memory.
ifa::Shape Decode::cache_shape() const {
    const Index D = case_.heads.head_dim, heads = case_.heads.kv_heads;
    if (case_.block_size == 0) return {.batch = case_.batch, .heads = heads, .seq = case_.seq, .head_dim = D};
    const Index blocks = (case_.tokens() + case_.block_size - 1) / case_.block_size;
    return {.batch = blocks, .heads = heads, .seq = case_.block_size, .head_dim = D};
}

Index Decode::tensor_bytes() const {
    const ifa::Shape s = cache_shape();
    return s.batch * s.heads * s.seq * s.head_dim * element_bytes(case_.cache);
}

Layer Decode::layer(Index i) const {
    const std::byte* const key = memory_.get() + i * layer_bytes();
    return {key, key + tensor_bytes()};
}

double Decode::visible_bytes() const {
    const Index row = 2 * case_.heads.head_dim * element_bytes(case_.cache) * case_.heads.kv_heads;
    Index tokens = 0;
    for (Index b = 0; b < case_.batch; ++b)
        tokens += lengths_.empty() ? case_.seq : lengths_[static_cast<std::size_t>(b)];
    if (!mask_.empty()) tokens /= 2;
    return static_cast<double>(tokens * row) + static_cast<double>(mask_.size() + 2 * bias_.size() + 4 * table_.size());
}

double Decode::flops() const {
    const double tokens = static_cast<double>(case_.tokens()) * (mask_.empty() ? 1 : 0.5);
    return 4. * tokens * static_cast<double>(case_.heads.heads * case_.heads.head_dim);
}

namespace {

template <class T>
constexpr bool kIsInt8 = std::is_same_v<T, std::int8_t>;

template <class T>
ifa::TensorView<const T> view(const std::byte* memory, const ifa::Shape& shape, Layout layout) {
    const auto* const elements = reinterpret_cast<const T*>(memory);
    return layout == Layout::kBsh ? ifa::bsh(elements, shape) : ifa::bnsd(elements, shape);
}

}  // namespace

void Decode::make_plan() {
    const auto plan_over = [&](const auto& kv) {
        if (lengths_.empty()) plan_ = ifa::plan(case_.query(), kv, team_);
        else if constexpr (requires { kv.table; })
            plan_ = ifa::plan(case_.query(), kv, team_, ifa::RightPadding{lengths_});
        else if (case_.extra == Extra::kLeftPadding)
            plan_ = ifa::plan(case_.query(), kv, team_, ifa::LeftPadding{lengths_, 0});
        else plan_ = ifa::plan(case_.query(), kv, team_, ifa::RightPadding{lengths_});
    };
    // The element type does not matter to a plan.
    const auto key = view<float>(memory_.get(), cache_shape(), case_.layout);
    if (case_.block_size > 0)
        plan_over(
            ifa::PagedKv{key, key, ifa::block_table(table_, {.batch = case_.batch, .max_blocks = case_.blocks()})});
    else plan_over(ifa::ContiguousKv{key, key});
    workspace_.resize(plan_->workspace_bytes());
}

template <class Kv, class... Policies>
void Decode::call(const Kv& kv, const Policies&... policies) {
    ifa::incre_flash_attention(ifa::bnsd(query_, case_.query()), kv, ifa::bnsd(out_, case_.query()),
                               {.scale = scale(), .plan = &*plan_, .workspace = workspace_}, team_, policies...);
}

template <class T, class Storage>
void Decode::run_with(const Storage& storage) {
    if constexpr (kIsInt8<T>) {
        const auto kv = ifa::antiquant(storage, ifa::per_channel(antiquant_scale_));
        if (case_.extra == Extra::kHighPrecision) call(kv, ifa::HighPrecision{});
        else call(kv);
    } else if constexpr (requires { storage.table; }) {
        call(storage);
    } else {
        if (!mask_.empty()) call(storage, ifa::AttnMask{ifa::mask(mask_, {.seq = case_.seq})});
        else if (!bias_.empty())
            call(storage, ifa::PseShift{ifa::bias(bias_, {.heads = case_.heads.heads, .seq = case_.seq})});
        else call(storage);
    }
}

template <class T>
void Decode::run_on(const Layer& layer) {
    const auto key = view<T>(layer.key, cache_shape(), case_.layout);
    const auto value = view<T>(layer.value, cache_shape(), case_.layout);
    if (case_.block_size > 0)
        run_with<T>(
            ifa::PagedKv{key, value, ifa::block_table(table_, {.batch = case_.batch, .max_blocks = case_.blocks()})});
    else run_with<T>(ifa::ContiguousKv{key, value});
}

void Decode::run() {
    const Layer current = layer(next_layer_);
    next_layer_ = (next_layer_ + 1) % layers_;
    switch (case_.cache) {
        case Element::kFloat32: return run_on<float>(current);
        case Element::kFloat16: return run_on<ifa::float16>(current);
        case Element::kBfloat16: return run_on<ifa::bfloat16>(current);
        case Element::kInt8: return run_on<std::int8_t>(current);
    }
}

double Decode::bias_at(Index head, Index column) const {
    return bias_.empty() ? 0 : static_cast<double>(bias_[static_cast<std::size_t>(head * case_.seq + column)]);
}

template <class T>
const T* Decode::row(const std::byte* tensor, Index sequence, Index kv_head, Index column) const {
    const auto elements = view<T>(tensor, cache_shape(), case_.layout);
    if (case_.block_size == 0) return elements.row(sequence, kv_head, column);
    const auto entry = static_cast<std::size_t>(sequence * case_.blocks() + column / case_.block_size);
    return elements.row(table_[entry], kv_head, column % case_.block_size);
}

template <class T>
double Decode::exact_score(const Layer& layer, Index sequence, Index head, Index column) const {
    if (!mask_.empty() && mask_[static_cast<std::size_t>(column)]) return -1e300;
    const Index D = case_.heads.head_dim;
    const float* const query = query_.data() + (sequence * case_.heads.heads + head) * D;
    const T* const key = row<T>(layer.key, sequence, head / case_.group(), column);
    double dot = 0;
    for (Index d = 0; d < D; ++d)
        dot += static_cast<double>(query[d]) * static_cast<double>(static_cast<float>(key[d]));
    return scale() * (kIsInt8<T> ? double{kUnit} : 1) * dot + bias_at(head, column);
}

template <class T>
std::vector<double> Decode::exact_row(const Layer& layer, Index sequence, Index head) const {
    const ifa::Window window = plan_->window(sequence);
    std::vector<double> weights, out(static_cast<std::size_t>(case_.heads.head_dim));
    for (Index j = window.begin; j < window.end; ++j) weights.push_back(exact_score<T>(layer, sequence, head, j));
    const double largest = *std::max_element(weights.begin(), weights.end());
    double sum = 0;
    for (double& weight : weights) sum += weight = std::exp(weight - largest);
    for (Index j = window.begin; j < window.end; ++j) {
        const T* const value = row<T>(layer.value, sequence, head / case_.group(), j);
        const double weight = weights[static_cast<std::size_t>(j - window.begin)] / sum;
        for (std::size_t d = 0; d < out.size(); ++d)
            out[d] += weight * (kIsInt8<T> ? double{kUnit} : 1) * static_cast<double>(static_cast<float>(value[d]));
    }
    return out;
}

std::vector<double> Decode::exact_row(const Layer& layer, Index sequence, Index head) const {
    switch (case_.cache) {
        case Element::kFloat32: return exact_row<float>(layer, sequence, head);
        case Element::kFloat16: return exact_row<ifa::float16>(layer, sequence, head);
        case Element::kBfloat16: return exact_row<ifa::bfloat16>(layer, sequence, head);
        default: return exact_row<std::int8_t>(layer, sequence, head);
    }
}

double Decode::relative_error() {
    next_layer_ = 0;
    run();
    return relative_error_of(out_);
}

double Decode::relative_error_of(const std::vector<float>& out) const {
    const Index heads = case_.heads.heads, rows = case_.batch * heads;
    double error = 0;
    for (const Index index : {Index{0}, rows / 2, rows - 1}) {
        const std::vector<double> exact = exact_row(layer(0), index / heads, index % heads);
        double squares = 0, differences = 0;
        for (std::size_t d = 0; d < exact.size(); ++d) {
            const double got = static_cast<double>(out[static_cast<std::size_t>(index) * exact.size() + d]);
            squares += exact[d] * exact[d];
            differences += (got - exact[d]) * (got - exact[d]);
        }
        error = std::max(error, std::sqrt(differences / squares));
    }
    return error;
}

}  // namespace bench
