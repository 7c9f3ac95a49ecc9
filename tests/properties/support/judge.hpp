// Holds the result of a case against the float64 reference and the accuracy bounds of the operator.
#pragma once

#include <map>
#include <sstream>

#include "case.hpp"
#include "support/bounds.hpp"

namespace properties {

// The largest errors in units of their bounds, for rows of standard data and for all others.
struct Ratios {
    double standard = 0;
    double general = 0;
    double log_sum_exp = 0;
    std::size_t standard_rows = 0;
    std::size_t general_rows = 0;
};

using Worst = std::map<std::pair<ElementType, Precision>, Ratios>;  // by cache type and precision

// What antiquant parameters mean for the channels of one row of a kv head.
struct Channels {
    std::vector<double> scale, offset;  // [D]; empty without a codec

    // The numbers that the last D elements stand for.
    void dequantise(std::vector<double>& stored) const {
        double* const row = stored.data() + stored.size() - scale.size();
        for (std::size_t d = 0; d < scale.size(); ++d) row[d] = (row[d] + offset[d]) * scale[d];
    }
};

inline Channels channels_of(const Case& c, bool of_values, Index kv_head) {
    const Extents& e = c.extents;
    Channels channels;
    if (c.types.codec == Codec::kIdentity) return channels;
    const Index dim = of_values ? e.value_dim : e.key_dim;
    const Index first = (of_values ? e.kv_heads * e.key_dim : 0) + kv_head * dim;
    for (Index d = 0; d < dim; ++d) {
        const Index i = c.types.codec == Codec::kPerChannel ? first + d : of_values;
        channels.scale.push_back(c.call.antiquant_scale.get(0, 0, 0, i));
        channels.offset.push_back(c.call.has_antiquant_offset ? c.call.antiquant_offset.get(0, 0, 0, i) : 0);
    }
    return channels;
}

// The keys or values of a window, dense.
inline std::vector<double> numbers_of_window(Case& c, std::vector<Tensor>& tensors, bool of_values, Index b,
                                             Index kv_head) {
    const Channels channels = channels_of(c, of_values, kv_head);
    std::vector<double> numbers;
    numbers.reserve(static_cast<std::size_t>((c.end(b) - c.begin(b)) * tensors[0].shape.head_dim));
    for (Index column = c.begin(b); column < c.end(b); ++column) {
        tensors[0].read_row(row_of_token(c.call, tensors, b, kv_head, column), numbers);
        channels.dequantise(numbers);
    }
    return numbers;
}

// The float64 problem of the query heads that share a kv head of one sequence, its columns those of the window.
inline reference::Problem reference_problem(Case& c, Index b, Index kv_head) {
    const Extents& e = c.extents;
    const auto count = [](Index n) { return static_cast<std::size_t>(n); };
    reference::Problem p;
    p.heads = count(e.group);
    p.columns = count(c.end(b) - c.begin(b));
    p.key_dim = count(e.key_dim);
    p.value_dim = count(e.value_dim);
    p.key = numbers_of_window(c, c.call.keys, false, b, kv_head);
    p.value = numbers_of_window(c, c.call.values, true, b, kv_head);
    p.begin = {0};
    p.end = {c.end(b) - c.begin(b)};
    p.scale = c.call.scale;
    p.mean_of_wholly_hidden = c.gives_mean(b);
    for (Index g = 0; g < e.group; ++g) {
        const Index head = kv_head * e.group + g;
        c.call.query.read_row(c.call.query.row(b, head, 0), p.query);
        for (Index column = c.begin(b); c.types.bias != ElementType::kNone && column < c.end(b); ++column)
            p.bias.push_back(c.call.bias.get(c.call.bias.shape.batch == 1 ? 0 : b, head, column, 0));
    }
    for (Index column = c.begin(b); column < c.end(b); ++column) p.hidden.push_back(c.is_hidden(b, column));
    const auto cap = static_cast<double>(c.call.soft_cap);
    if (c.types.cap == Cap::kSoft)
        p.term = [cap](double score, std::size_t, std::size_t, std::size_t) { return cap * std::tanh(score / cap); };
    return p;
}

class Judge {
   public:
    Judge(Case& c, Worst& worst) : case_(c), ratios_(worst[{c.types.cache, c.types.precision}]) {}

    // Empty if every element of the result is within its bound, else what is wrong.
    std::string judge() {
        for (Index b = 0; b < case_.extents.batch; ++b)
            for (Index kv_head = 0; kv_head < case_.extents.kv_heads; ++kv_head) {
                const reference::Problem problem = reference_problem(case_, b, kv_head);
                for (Index g = 0; g < case_.extents.group; ++g)
                    judge_row(b, kv_head * case_.extents.group + g,
                              reference::attend(problem, 0, static_cast<std::size_t>(g)));
            }
        return complaints_.str();
    }

   private:
    // Relative to the norm of a row; the table of the operator's accuracy.
    double tau() const {
        const bool fast_int8 =
            case_.types.cache == ElementType::kInt8 && case_.types.precision == Precision::kHighPerformance;
        return fast_int8 ? support::kTauInt8HighPerformance : support::kTau;
    }

    // Scores (before a soft cap, too) and offsets of at most 16, and enough channels that a row cannot cancel to almost
    // nothing.
    bool is_standard(const reference::Row& exact) const {
        const Point& point = case_.point;
        return point.get<Scores>(kScores) == Scores::kModerate &&
               point.get<BiasValues>(kBiasValues) != BiasValues::kLarge && exact.largest_score <= 16 &&
               point.get<Offset>(kOffset) != Offset::kLarge && case_.extents.value_dim >= 32;
    }

    void judge_row(Index b, Index head, const reference::Row& exact) {
        const double error = row_error(b, head, exact);
        const bool standard = is_standard(exact);
        const double bound = standard ? tau() * reference::norm(exact.values) : support::general_bound(exact, tau());
        double& worst = standard ? ratios_.standard : ratios_.general;
        ++(standard ? ratios_.standard_rows : ratios_.general_rows);
        expect_within(error, bound, worst, "row", b, head);
        if (case_.types.log_sum_exp == LogSumExp::kKept) judge_log_sum_exp(b, head, exact);
    }

    void judge_log_sum_exp(Index b, Index head, const reference::Row& exact) {
        const double got = case_.call.log_sum_exp.get(b, head, 0, 0);
        const bool nothing = exact.visible == 0 && got == exact.log_sum_exp;
        const double bound = tau() * (1 + std::max(exact.magnitude, stored_magnitude(b, head)) / 8);
        expect_within(nothing ? 0 : std::abs(got - exact.log_sum_exp), bound, ratios_.log_sum_exp, "log-sum-exp", b,
                      head);
    }

    // |scale| sum_d |q_d| scale_d (128 + |offset_d|): how large the two parts of a score over int8 keys may be that the
    // library sums apart, and that may cancel.
    double stored_magnitude(Index b, Index head) const {
        const Channels channels = channels_of(case_, false, head / case_.extents.group);
        double sum = 0;
        for (std::size_t d = 0; d < channels.scale.size(); ++d)
            sum += std::abs(case_.call.query.get(b, head, 0, static_cast<Index>(d)) * channels.scale[d]) *
                   (128 + std::abs(channels.offset[d]));
        return sum * std::abs(case_.call.scale);
    }

    void expect_within(double error, double bound, double& worst, const char* what, Index b, Index head) {
        const double ratio = error == 0 ? 0 : error / bound;
        if (ratio <= 1) worst = std::max(worst, ratio);
        else
            complaints_ << what << " of sequence " << b << ", head " << head << ": error " << error << ", bound "
                        << bound << "\n";
    }

    // How far the row is from every row that rounds to what was stored, in units of the attention's values.
    double row_error(Index b, Index head, const reference::Row& exact) const {
        double squares = 0;
        for (Index d = 0; d < case_.extents.value_dim; ++d) {
            const double error = element_error(b, head, d, exact.values[static_cast<std::size_t>(d)]);
            squares += error * error;
        }
        return std::sqrt(squares);
    }

    double element_error(Index b, Index head, Index d, double exact) const {
        const std::byte* const stored =
            case_.call.output.row(b, head, 0) + static_cast<std::size_t>(d) * size_of(case_.types.output);
        const Interval rounded = rounding_interval(case_.types.output, stored);
        if (case_.types.quant == Quant::kPlain) return rounded.distance(exact);
        const double scale = quant_parameter(case_.call.quant_scale, head, d);
        const double offset = quant_parameter(case_.call.quant_offset, head, d);
        const double float32_rounding = 0x1p-24 * (std::abs(exact * scale + offset) + std::abs(exact * scale));
        return rounded.widened(float32_rounding).distance(exact * scale + offset) / scale;
    }

    double quant_parameter(const std::vector<float>& parameters, Index head, Index d) const {
        if (parameters.empty()) return 0;
        const Index i = case_.types.quant == Quant::kPerChannel ? head * case_.extents.value_dim + d : 0;
        return static_cast<double>(parameters[static_cast<std::size_t>(i)]);
    }

    Case& case_;
    Ratios& ratios_;
    std::ostringstream complaints_;
};

}  // namespace properties
