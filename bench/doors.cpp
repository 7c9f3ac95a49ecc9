#include "doors.hpp"

#include <ifa/dynamic.hpp>

namespace bench {

Doors::Doors(const Case& c, CacheMemory& memory) : case_(c) {
    const ifa::Shape cache = cache_shape();
    tensor_bytes_ = cache.batch * cache.heads * cache.seq * cache.head_dim * element_bytes(case_.cache);
    if (case_.cold) layers_ = cold_layers(2 * tensor_bytes_);
    dynamic_turn_ = layers_ / 2;
    memory_ = memory.filled(case_.cache, static_cast<std::size_t>(layers_ * 2 * tensor_bytes_));
    query_.assign(static_cast<std::size_t>(case_.batch * case_.heads.heads * case_.heads.head_dim), ifa::float16(.25f));
    out_.resize(query_.size());
    antiquant_scale_.assign(static_cast<std::size_t>(2 * case_.heads.kv_heads * case_.heads.head_dim),
                            ifa::float16(1.f / 64));
    for (Index i = 0; i < case_.batch * case_.blocks(); ++i)
        table_.push_back(static_cast<std::int32_t>(i * 1009 % cache.batch));
    const std::vector<std::int64_t> lengths(static_cast<std::size_t>(case_.batch), case_.seq);
    ifa::Arguments step = arguments(layer(0));
    step.actual_seq_lengths = ifa::tensor(lengths.data(), {case_.batch});
    plan_ = ifa::plan(step);
    workspace_.resize(plan_->workspace_bytes());
    for (Index i = 0; i < layers_; ++i) steps_.push_back(arguments(layer(i)));
}

ifa::Shape Doors::cache_shape() const {
    const bool paged = case_.block_size > 0;
    return {.batch = paged ? case_.batch * case_.blocks() : case_.batch,
            .heads = case_.heads.kv_heads,
            .seq = paged ? case_.block_size : case_.seq,
            .head_dim = case_.heads.head_dim};
}

Doors::Layer Doors::layer(Index turn) const {
    std::byte* const key = memory_.get() + turn * 2 * tensor_bytes_;
    return {key, key + tensor_bytes_};
}

Index Doors::next(Index& turn) const {
    const Index now = turn;
    turn = (turn + 1) % layers_;
    return now;
}

template <class Kv>
void Doors::call_typed(const Kv& kv) {
    ifa::incre_flash_attention(ifa::bnsd(query_, case_.query()), kv, ifa::bnsd(out_, case_.query()),
                               {.scale = .125, .plan = &*plan_, .workspace = workspace_});
}

template <class T>
void Doors::run_typed_on(const Layer& of) {
    const auto* const key = reinterpret_cast<const T*>(of.key);
    const auto* const value = reinterpret_cast<const T*>(of.value);
    const auto call = [&](const auto& storage) {
        if constexpr (sizeof(T) == 1) call_typed(ifa::antiquant(storage, ifa::per_channel(antiquant_scale_)));
        else call_typed(storage);
    };
    if (case_.block_size == 0)
        return call(ifa::ContiguousKv{ifa::bnsd(key, cache_shape()), ifa::bnsd(value, cache_shape())});
    call(ifa::PagedKv{ifa::bnsd(key, cache_shape()), ifa::bnsd(value, cache_shape()),
                      ifa::block_table(table_, {.batch = case_.batch, .max_blocks = case_.blocks()})});
}

void Doors::run_typed() {
    const Layer at = layer(next(typed_turn_));
    if (case_.cache == Element::kInt8) run_typed_on<std::int8_t>(at);
    else run_typed_on<ifa::float16>(at);
}

ifa::Arguments Doors::arguments(const Layer& of) {
    const Index B = case_.batch, N = case_.heads.heads, kvN = case_.heads.kv_heads, D = case_.heads.head_dim;
    const ifa::Shape cache = cache_shape();
    const ifa::DType type = case_.cache == Element::kInt8 ? ifa::DType::kInt8 : ifa::DType::kFloat16;
    const ifa::Axes shape{cache.batch, kvN, cache.seq, D};
    ifa::Arguments step{.query = ifa::tensor(query_.data(), {B, N, 1, D}),
                        .key = ifa::Tensor{of.key, type, shape},
                        .value = ifa::Tensor{of.value, type, shape},
                        .attention_out = ifa::tensor(out_.data(), {B, N, 1, D}),
                        .num_heads = N,
                        .input_layout = "BNSD",
                        .scale_value = .125,
                        .num_key_value_heads = kvN,
                        .block_size = case_.block_size,
                        .plan = plan_ ? &*plan_ : nullptr,
                        .workspace = workspace_};
    if (type == ifa::DType::kInt8) step.antiquant_scale = ifa::tensor(antiquant_scale_.data(), {2, kvN, 1, D});
    if (case_.block_size > 0) step.block_table = ifa::tensor(table_.data(), {B, case_.blocks()});
    return step;
}

void Doors::run_dynamic() {
    ifa::incre_flash_attention(steps_[static_cast<std::size_t>(next(dynamic_turn_))]);
}

}  // namespace bench
