// What a decoder layer computes besides attention, on rows of activations [R, ...].
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

#include "thread_team.hpp"
#include "weights.hpp"

namespace generate {

// x W^T. A decode step is bound by reading W: each of its rows is read once and meets all rows of x while in cache.
// From some twenty rows on the work outweighs the reading, and Eigen's blocked product, which packs W, is faster.
inline Matrix linear(const ThreadTeam& team, const Matrix& x, const WeightMatrix& weight) {
    constexpr Index kRowsForBlockedProduct = 20;
    Matrix y(x.rows(), weight.rows());
    parallel_for(team, weight.rows(), [&](Index begin, Index end) {
        if (x.rows() < kRowsForBlockedProduct) {
            for (Index out = begin; out < end; ++out) y.col(out) = x.lazyProduct(weight.row(out).transpose());
        } else {
            y.middleCols(begin, end - begin).noalias() = x * weight.middleRows(begin, end - begin).transpose();
        }
    });
    return y;
}

// Root mean square normalisation (Zhang and Sennrich 2019).
inline Matrix rms_norm(const Matrix& x, const WeightVector& weight, double epsilon) {
    const auto mean_square = x.rowwise().squaredNorm().array() / static_cast<float>(x.cols());
    const Eigen::ArrayXf inverse_rms = (mean_square + static_cast<float>(epsilon)).rsqrt();
    return inverse_rms.matrix().asDiagonal() * x * weight.asDiagonal();
}

// The gated activation of Shazeer 2020, "GLU variants improve transformer": silu(gate) * up, both from one product.
inline Matrix swiglu(const Matrix& gate_up) {
    const Index size = gate_up.cols() / 2;
    const auto gate = gate_up.leftCols(size).array();
    const auto up = gate_up.rightCols(size).array();
    return gate / (1 + (-gate).exp()) * up;
}

// Rotary positions (Su et al. 2021) as complex numbers: turning a pair of channels is multiplying by exp(i angle).
using Rotations = Eigen::Array<std::complex<float>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// One rotation per row and pair of channels: [R, D / 2].
inline Rotations rotations_at(const std::vector<std::int64_t>& positions, Index head_dim, double theta) {
    Rotations rotations(static_cast<Index>(positions.size()), head_dim / 2);
    for (Index row = 0; row < rotations.rows(); ++row) {
        for (Index pair = 0; pair < rotations.cols(); ++pair) {
            const double frequency = std::pow(theta, -2.0 * static_cast<double>(pair) / static_cast<double>(head_dim));
            const double angle = static_cast<double>(positions[static_cast<std::size_t>(row)]) * frequency;
            rotations(row, pair) = std::complex<float>(std::polar(1.0, angle));
        }
    }
    return rotations;
}

// Turns the first `num_heads` heads of each row, [R, num_heads * D + ...], in place.
inline void rotate(Matrix& rows, Index num_heads, const Rotations& rotations) {
    for (Index row = 0; row < rows.rows(); ++row) {
        auto* pairs = reinterpret_cast<std::complex<float>*>(rows.row(row).data());
        Eigen::Map<Rotations>(pairs, num_heads, rotations.cols()).rowwise() *= rotations.row(row);
    }
}

}  // namespace generate
