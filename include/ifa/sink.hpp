// Where finished rows go: a view, with or without the log-sum-exp beside it.
#pragma once

#include "simd/row.hpp"
#include "view_checks.hpp"

namespace ifa::inline IFA_ISA {

// output [B, N, 1, Dv] of float32, float16 or bfloat16, rounded to nearest even.
template <class T>
struct OutputRows {
    using role = role::OutputSink;
    using element = T;
    static constexpr bool kKeepsLogSumExp = false;

    TensorView<T> output = {};

    IFA_INLINE Shape shape() const { return output.shape; }
    IFA_INLINE void store(const FinishedRow& row) const {
        simd::convert_row(row.values.data(), output.shape.head_dim,
                          output.row(row.row.sequence, row.row.head, row.row.query));
    }
    inline void check(const Geometry&, Contracts& contracts) const { check_output("attention_out", output, contracts); }
    template <class Visit>
    inline void each_output(const Visit& visit) const {
        visit("attention_out", output);
    }
};

template <class T>
IFA_INLINE OutputRows<T> as_sink(const TensorView<T>& output) {
    return {output};
}
template <class Sink>
IFA_INLINE const Sink& as_sink(const Sink& sink) {
    return sink;
}

// Any sink, and the natural log-sum-exp of each row in log_sum_exp [B, N, 1, 1] (-inf where nothing is visible).
template <class Sink>
struct LogSumExpSink {
    using role = role::OutputSink;
    using wrapped = Sink;
    static constexpr bool kKeepsLogSumExp = true;
    static constexpr bool kQuantises = requires { requires Sink::kQuantises; };
    static constexpr bool kPerChannel = requires { requires Sink::kPerChannel; };

    Sink sink = {};
    TensorView<float> log_sum_exp = {};

    IFA_INLINE Shape shape() const { return sink.shape(); }
    IFA_INLINE void store(const FinishedRow& row) const {
        sink.store(row);
        *log_sum_exp.row(row.row.sequence, row.row.head, row.row.query) = row.log_sum_exp;
    }
    inline void check(const Geometry& geometry, Contracts& contracts) const {
        if constexpr (requires { sink.check(geometry, contracts); }) sink.check(geometry, contracts);
        check_output("log_sum_exp", log_sum_exp, contracts);
        const Shape& shape = log_sum_exp.shape;
        if (shape.batch != geometry.batch || shape.heads != geometry.heads || shape.seq != 1 || shape.head_dim != 1)
            contracts.fail(ErrorKind::kRuntime, "log_sum_exp: expected ({}, {}, 1, 1), got ({}, {}, {}, {})",
                           geometry.batch, geometry.heads, shape.batch, shape.heads, shape.seq, shape.head_dim);
    }
    template <class Visit>
    inline void each_region(const Geometry& geometry, const Visit& visit) const {
        if constexpr (requires { sink.each_region(geometry, visit); }) sink.each_region(geometry, visit);
    }
    template <class Visit>
    inline void each_output(const Visit& visit) const {
        if constexpr (requires { sink.each_output(visit); }) sink.each_output(visit);
        visit("log_sum_exp", log_sum_exp);
    }
};

// `output` is a view or a sink; `log_sum_exp` a float32 view of shape {.batch = B, .heads = N}.
template <class Output>
IFA_INLINE auto keep_log_sum_exp(const Output& output, const TensorView<float>& log_sum_exp) {
    using Sink = std::remove_cvref_t<decltype(as_sink(output))>;
    return LogSumExpSink<Sink>{as_sink(output), log_sum_exp};
}

}  // namespace ifa::inline IFA_ISA
