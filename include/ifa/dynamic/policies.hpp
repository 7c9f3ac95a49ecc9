// The operands and policies of a call whose types are known at run time: each is one of the policies of its role, or
// none, and asks which where it is used. The kernels are instantiated for these alone. What is asked in every tile is
// laid out for calls without a mask or a bias: that is one or two hundredths of a call over 64 tokens.
#pragma once

#include "../incre_flash_attention.hpp"
#include "parsed_arguments.hpp"

namespace ifa::inline IFA_ISA {

struct DynamicQuery {
    using role = role::QuerySource;

    UntypedView query;

    inline explicit DynamicQuery(const ParsedArguments& parsed) : query(parsed.query()) {}
    IFA_INLINE Shape shape() const { return query.shape; }
    IFA_INLINE void read(const Row& row, float* to) const {
        with_float_type(
            query.dtype, [&]<class T>(std::type_identity<T>)
                             __attribute__((always_inline)) { QueryRows<const T>{query.as<const T>()}.read(row, to); });
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("query", query.bytes());
    }
};

// One tensor, one for each sequence, or a pool of blocks, of T each.
template <class T>
class DynamicKv {
    using One = ContiguousKv<const T, const T>;
    using Pool = PagedKv<const T, const T>;
    enum class Kind { kOne, kList, kPool };

    const ParsedArguments& parsed_;
    Kind kind_;
    Pool pool_;  // without a table: the first tensors

    inline One tensors(Index i) const {
        return {parsed_.key(i).template as<const T>(), parsed_.value(i).template as<const T>()};
    }
    IFA_INLINE One first() const { return {pool_.key, pool_.value}; }
    // Not inlined: it would crowd the kernels.
    __attribute__((noinline)) void gather_elsewhere(Index sequence, Index head, Index first_column, int count,
                                                    const T** keys, const T** values) const {
        if (kind_ == Kind::kPool) pool_.gather(sequence, head, first_column, count, keys, values);
        else tensors(sequence).gather(0, head, first_column, count, keys, values);
    }

   public:
    using role = role::KvStorage;
    using key_type = T;
    using value_type = T;

    inline explicit DynamicKv(const ParsedArguments& parsed)
        : parsed_(parsed),
          kind_(parsed.paged()    ? Kind::kPool
                : parsed.listed() ? Kind::kList
                                  : Kind::kOne),
          pool_{parsed.key(0).template as<const T>(), parsed.value(0).template as<const T>(), {}} {
        const Tensor& blocks = parsed.arguments.block_table;
        if (kind_ == Kind::kPool)
            pool_.table = {
                static_cast<const std::int32_t*>(blocks.data), {blocks.shape[0], blocks.shape[1]}, kUnknownExtent};
    }

    IFA_INLINE Index batch() const { return parsed_.batch; }
    IFA_INLINE Index heads() const { return parsed_.kv_heads; }
    IFA_INLINE Index key_dim() const { return parsed_.head_dim; }
    IFA_INLINE Index value_dim() const { return parsed_.head_dim; }
    inline Index columns() const { return parsed_.columns(); }
    inline Index length(Index sequence) const {
        switch (kind_) {
            case Kind::kPool: return pool_.length(sequence);
            case Kind::kList: return tensors(sequence).length(0);
            default: return first().length(sequence);
        }
    }
    IFA_INLINE bool token_major() const { return pool_.token_major(); }

    IFA_INLINE void gather(Index sequence, Index head, Index first_column, int count, const T** keys,
                           const T** values) const {
        if (kind_ == Kind::kOne) first().gather(sequence, head, first_column, count, keys, values);
        else gather_elsewhere(sequence, head, first_column, count, keys, values);
    }

    inline void check_window(Index sequence, const Window& window, Contracts& contracts) const {
        if (kind_ == Kind::kPool) pool_.check_window(sequence, window, contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry& geometry, const Visit& visit) const {
        const Index lists = kind_ == Kind::kList ? parsed_.arguments.key.size() : 0;
        for (Index i = 0; i < lists; ++i) tensors(i).each_region(geometry, visit);
        if (lists == 0) first().each_region(geometry, visit);
        visit("block_table", as_view(pool_.table.data, pool_.table.shape.batch * pool_.table.shape.max_blocks));
    }
};

// int8 with parameters of the query's type, per channel or per tensor.
class DynamicAntiquant {
    static inline Index bytes(const Tensor& parameters) {
        return parameters.given() ? elements_of(parameters) * parameters.dtype.bytes() : 0;
    }
    template <class T>
    static IFA_INLINE ArrayView<const T> array(const Tensor& parameters) {
        if (!parameters.given()) return {};
        return {static_cast<const T*>(parameters.data), elements_of(parameters)};
    }
    // Calls visit with the codec of these parameters.
    template <class Visit>
    inline auto with_codec(const Visit& visit) const {
        return with_float_type(scale_.dtype, [&]<class T>(std::type_identity<T>) {
            return per_channel_ ? visit(PerChannel<const T>{array<const T>(scale_), array<const T>(offset_)})
                                : visit(PerTensor<const T>{array<const T>(scale_), array<const T>(offset_)});
        });
    }

    const Tensor& scale_;
    const Tensor& offset_;
    bool per_channel_;

   public:
    using role = role::KvCodec;
    static constexpr bool kQuantised = true;

    inline explicit DynamicAntiquant(const ParsedArguments& parsed)
        : scale_(parsed.arguments.antiquant_scale),
          offset_(parsed.arguments.antiquant_offset),
          per_channel_(scale_.shape.rank() > 1) {}

    inline void fold_query(const Geometry& geometry, Index head, double query_scale, const float* query,
                           double* folded) const {
        with_codec([&](const auto& codec) { codec.fold_query(geometry, head, query_scale, query, folded); });
    }
    inline double key_constant(const Geometry& geometry, Index head, const double* folded) const {
        return with_codec([&](const auto& codec) { return codec.key_constant(geometry, head, folded); });
    }
    inline void value_shift(const Geometry& geometry, Index head, float* shift) const {
        with_codec([&](const auto& codec) { codec.value_shift(geometry, head, shift); });
    }
    inline void unfold_output(const Geometry& geometry, Index head, const float* shift, float* values) const {
        with_codec([&](const auto& codec) { codec.unfold_output(geometry, head, shift, values); });
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("antiquant_scale", as_view(static_cast<const unsigned char*>(scale_.data), bytes(scale_)));
        visit("antiquant_offset", as_view(static_cast<const unsigned char*>(offset_.data), bytes(offset_)));
    }
};

// A floating-point output, or int8 with one scale or one per channel.
struct DynamicOutput {
    using role = role::OutputSink;
    static constexpr bool kKeepsLogSumExp = false;

    UntypedView output;
    const Tensor& scale;
    const Tensor& offset;

    inline explicit DynamicOutput(const ParsedArguments& parsed)
        : output(parsed.output()), scale(parsed.arguments.quant_scale2), offset(parsed.arguments.quant_offset2) {}

    IFA_INLINE Shape shape() const { return output.shape; }
    IFA_INLINE void store(const FinishedRow& row) const {
        if (output.dtype == DType::kInt8) return quantise(row);
        with_float_type(
            output.dtype, [&]<class T>(std::type_identity<T>)
                              __attribute__((always_inline)) { OutputRows<T>{output.as<T>()}.store(row); });
    }
    inline void check(const Geometry&, Contracts& contracts) const {
        check_output("attention_out", output.as<unsigned char>(), contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        if (scale.given()) visit("quant_scale2", as_view(floats(scale), elements_of(scale)));
        if (offset.given()) visit("quant_offset2", as_view(floats(offset), elements_of(offset)));
    }
    template <class Visit>
    inline void each_output(const Visit& visit) const {
        visit("attention_out", output.bytes());
    }

   private:
    // Not inlined: it would crowd the kernels.
    __attribute__((noinline)) void quantise(const FinishedRow& row) const {
        const TensorView<std::int8_t> to = output.as<std::int8_t>();
        if (elements_of(scale) == 1)
            post_quant(to, QuantPerTensor{*floats(scale), offset.given() ? *floats(offset) : 0}).store(row);
        else post_quant(to, QuantPerChannel{array(scale), array(offset)}).store(row);
    }
    static IFA_INLINE const float* floats(const Tensor& parameters) {
        return static_cast<const float*>(parameters.data);
    }
    static inline ArrayView<const float> array(const Tensor& parameters) {
        if (!parameters.given()) return {};
        return {floats(parameters), elements_of(parameters)};
    }
};

// Left padding over one tensor with lengths, else right padding.
struct DynamicPadding {
    using role = role::Visibility;
    using is_padding = std::true_type;

    LeftPadding padding;
    bool left;

    inline explicit DynamicPadding(const ParsedArguments& parsed)
        : padding{parsed.lengths(), parsed.kv_padding()},
          left(parsed.arguments.kv_padding_size.given() && !parsed.listed()) {}

    IFA_INLINE bool bounds() const { return padding.bounds(); }
    inline Window window(Index sequence, Index kv_length) const {
        return left ? padding.window(sequence, kv_length) : RightPadding{padding.lengths}.window(sequence, kv_length);
    }
    template <class Limit>
    inline void check_windows(Index batch, const Limit& limit, Contracts& contracts) const {
        padding.check_windows(batch, limit, contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry& geometry, const Visit& visit) const {
        padding.each_region(geometry, visit);
    }
};

struct DynamicMask {
    using role = role::Visibility;

    AttnMask mask;  // without data where absent

    inline explicit DynamicMask(const ParsedArguments& parsed) : mask{parsed.mask().as<const std::uint8_t>()} {}
    IFA_INLINE std::uint64_t hidden(Index sequence, Index first_column, int count) const {
        if (!mask.bytes.data) [[likely]]
            return 0;
        return mask.hidden(sequence, first_column, count);
    }
    template <class Visit>
    inline void each_region(const Geometry& geometry, const Visit& visit) const {
        if (mask.bytes.data) mask.each_region(geometry, visit);
    }
};

struct DynamicBias {
    using role = role::ScoreTerm;
    static constexpr bool kShiftInvariant = true;

    UntypedView bias;

    inline explicit DynamicBias(const ParsedArguments& parsed) : bias(parsed.bias()) {}
    IFA_INLINE bool absent() const { return !bias.data; }
    __attribute__((noinline)) void operator()(const ScoreTile& tile) const {
        with_float_type(bias.dtype,
                        [&]<class T>(std::type_identity<T>) { PseShift<const T>{bias.as<const T>()}(tile); });
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        if (bias.data) visit("pse_shift", bias.bytes());
    }
};

// Any executor.
class DynamicExecutor {
   public:
    using role = role::Executor;

    template <Executor E>
    inline explicit DynamicExecutor(const E& executor)
        : executor_(&executor),
          concurrency_(executor.concurrency()),
          run_([](const void* object, int jobs, const Body& body) { static_cast<const E*>(object)->run(jobs, body); }) {
    }

    IFA_INLINE int concurrency() const { return concurrency_; }
    template <class Job>
    inline void run(int jobs, const Job& job) const {
        run_(executor_, jobs, {&job, [](const void* of, int index) { (*static_cast<const Job*>(of))(index); }});
    }

   private:
    struct Body {
        const void* job;
        void (*call)(const void* job, int index);
        void operator()(int index) const { call(job, index); }
    };

    const void* executor_;
    int concurrency_;
    void (*run_)(const void* executor, int jobs, const Body& body);
};

}  // namespace ifa::inline IFA_ISA
