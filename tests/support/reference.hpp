// The operator in float64, written from its formula and sharing no code with the library.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace reference {

// A problem with everything dense, dequantised and in physical columns. Empty optional arrays are absent.
struct Problem {
    std::size_t batch = 1, heads = 1, kv_heads = 1, columns = 0, key_dim = 1, value_dim = 1;
    std::vector<double> query;  // [B, N, Dk]
    std::vector<double> key;    // [B, kvN, S, Dk]
    std::vector<double> value;  // [B, kvN, S, Dv]
    // Row (b * kvN + k) * S + column of key and value, instead of the arrays: for caches too large to copy.
    std::function<const double*(std::size_t row)> key_row, value_row;
    std::vector<std::int64_t> begin, end;  // [B] the visible window
    std::vector<std::uint8_t> hidden;      // [B, S] or empty; non-zero hides
    std::vector<double> bias;              // [B, N, S] or empty, added after the scale
    std::function<double(double score, std::size_t batch, std::size_t head, std::size_t column)>
        term;  // or empty; last
    double scale = 1;
    bool mean_of_wholly_hidden = false;
};

struct Row {
    std::vector<double> values;  // [Dv]
    double log_sum_exp = -std::numeric_limits<double>::infinity();
    double largest_score = 0;  // max_j |s_j| over visible j
    double magnitude = 0;      // L = max_j (|scale| sum_d |q_d k_jd| + |bias_j|) over visible j
    double absolute_norm = 0;  // || sum_j p_j |x_j| ||
    double largest_norm = 0;   // || max_j |x_j| || over visible j
    std::size_t visible = 0;
};

namespace detail {

struct Scores {
    std::vector<std::size_t> columns;
    std::vector<double> values;
    double magnitude = 0;
};

inline bool is_hidden(const Problem& p, std::size_t b, std::size_t column) {
    return !p.hidden.empty() && p.hidden[b * p.columns + column] != 0;
}

inline double bias_at(const Problem& p, std::size_t b, std::size_t h, std::size_t column) {
    return p.bias.empty() ? 0.0 : p.bias[(b * p.heads + h) * p.columns + column];
}

inline const double* key_at(const Problem& p, std::size_t row) {
    return p.key_row ? p.key_row(row) : &p.key[row * p.key_dim];
}
inline const double* value_at(const Problem& p, std::size_t row) {
    return p.value_row ? p.value_row(row) : &p.value[row * p.value_dim];
}

inline Scores visible_scores(const Problem& p, std::size_t b, std::size_t h) {
    Scores scores;
    const std::size_t k = h / (p.heads / p.kv_heads);
    for (std::int64_t j = p.begin[b]; j < p.end[b]; ++j) {
        const auto column = static_cast<std::size_t>(j);
        if (is_hidden(p, b, column)) continue;
        const double* const query = &p.query[(b * p.heads + h) * p.key_dim];
        const double* const key = key_at(p, (b * p.kv_heads + k) * p.columns + column);
        double dot = 0, magnitude = 0;
        for (std::size_t d = 0; d < p.key_dim; ++d) {
            const double product = query[d] * key[d];
            dot += product;
            magnitude += std::abs(product);
        }
        const double bias = bias_at(p, b, h, column);
        double score = dot * p.scale + bias;
        if (p.term) score = p.term(score, b, h, column);
        if (score == -std::numeric_limits<double>::infinity()) continue;
        scores.columns.push_back(column);
        scores.values.push_back(score);
        scores.magnitude = std::max(scores.magnitude, std::abs(p.scale) * magnitude + std::abs(bias));
    }
    return scores;
}

// Every column of the window with equal scores.
inline Scores equal_scores(const Problem& p, std::size_t b) {
    Scores scores;
    for (std::int64_t j = p.begin[b]; j < p.end[b]; ++j) scores.columns.push_back(static_cast<std::size_t>(j));
    scores.values.assign(scores.columns.size(), 0.0);
    return scores;
}

inline bool window_wholly_hidden(const Problem& p, std::size_t b) {
    for (std::int64_t j = p.begin[b]; j < p.end[b]; ++j)
        if (!is_hidden(p, b, static_cast<std::size_t>(j))) return false;
    return true;
}

}  // namespace detail

// || got - exact ||, and || exact ||.
inline double distance(const std::vector<double>& got, const std::vector<double>& exact) {
    double squares = 0;
    for (std::size_t d = 0; d < exact.size(); ++d) squares += (got[d] - exact[d]) * (got[d] - exact[d]);
    return std::sqrt(squares);
}
inline double norm(const std::vector<double>& values) {
    double squares = 0;
    for (const double x : values) squares += x * x;
    return std::sqrt(squares);
}

// One row of the result, with what the accuracy bound needs.
inline Row attend(const Problem& p, std::size_t b, std::size_t h) {
    const bool mean = p.mean_of_wholly_hidden && detail::window_wholly_hidden(p, b);
    const detail::Scores scores = mean ? detail::equal_scores(p, b) : detail::visible_scores(p, b, h);
    Row row;
    row.values.assign(p.value_dim, 0.0);
    row.visible = scores.columns.size();
    row.magnitude = scores.magnitude;
    if (row.visible == 0) return row;
    const double max = *std::max_element(scores.values.begin(), scores.values.end());
    const std::size_t k = h / (p.heads / p.kv_heads);
    double sum = 0;
    std::vector<double> absolute(p.value_dim, 0.0), largest(p.value_dim, 0.0);
    for (std::size_t i = 0; i < row.visible; ++i) {
        const double weight = std::exp(scores.values[i] - max);
        sum += weight;
        row.largest_score = std::max(row.largest_score, std::abs(scores.values[i]));
        const double* const value = detail::value_at(p, (b * p.kv_heads + k) * p.columns + scores.columns[i]);
        for (std::size_t d = 0; d < p.value_dim; ++d) {
            row.values[d] += weight * value[d];
            absolute[d] += weight * std::abs(value[d]);
            largest[d] = std::max(largest[d], std::abs(value[d]));
        }
    }
    for (double& x : row.values) x /= sum;
    row.absolute_norm = norm(absolute) / sum;
    row.largest_norm = norm(largest);
    row.log_sum_exp = max + std::log(sum);
    return row;
}

// All rows [B * N].
inline std::vector<Row> attend(const Problem& p) {
    std::vector<Row> rows;
    for (std::size_t b = 0; b < p.batch; ++b)
        for (std::size_t h = 0; h < p.heads; ++h) rows.push_back(attend(p, b, h));
    return rows;
}

}  // namespace reference
