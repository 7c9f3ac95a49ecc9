// The accuracy study: decode steps of every kind that is hard on the arithmetic, our results in both precisions, and
// how far these are from float64 on the inputs as stored.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>
#include <vector>

#include "bounds.hpp"
#include "ifa/incre_flash_attention.hpp"
#include "properties/support/element.hpp"

namespace study {

using ifa::Index;

inline constexpr Index kLengths[] = {1024, 4096, 16384, 65536, 262144};
inline constexpr std::size_t kHeads = 2;  // of the query; the cache has one

enum class Twist {
    kNone,
    kOutliers,           // four channels of keys and values 20 times as large
    kCommonScore,        // one channel adds +-60000 to all scores of a head
    kSubnormal,          // keys and values below the normal numbers of their type; int8 by its scales
    kAdversarialScales,  // of int8: over six orders of magnitude, and values that almost cancel against offsets of 126
};

struct Kind {
    const char* name;
    double scores;  // their standard deviation
    double mean;    // of the values, whose standard deviation is about 1
    Twist twist = Twist::kNone;
};
inline constexpr Kind kKinds[] = {
    {"equal scores, mean 0", 0, 0},
    {"equal scores, mean 0.5", 0, 0.5},
    {"moderate scores, mean 0", 1, 0},
    {"moderate scores, mean 0.5", 1, 0.5},
    {"peaked scores, mean 0", 3, 0},
    {"peaked scores, mean 0.5", 3, 0.5},
    {"scores up to 60000, mean 0", 1.2e4, 0},
    {"scores up to 60000, mean 0.5", 1.2e4, 0.5},
    {"scores near 60000", 1, 0.5, Twist::kCommonScore},
    {"outlier channels", 1, 0.5, Twist::kOutliers},
    {"subnormal numbers", 1, 0.5, Twist::kSubnormal},
    {"adversarial scales", 1, 0, Twist::kAdversarialScales},
};

template <class T>
constexpr bool has(const Kind& kind) {
    return kind.twist != Twist::kAdversarialScales || std::is_same_v<T, std::int8_t>;
}

// The largest error of a row in units of its bound, with both relative to the norm of the exact row.
struct Error {
    double error = 0, bound = 0;

    double ratio() const { return support::ratio_to(error, bound); }
};

// One decode step over a cache of T.
template <class T>
class Step {
   public:
    static constexpr bool kInt8 = std::is_same_v<T, std::int8_t>;

    Step(const Kind& of_kind, Index of_tokens, std::size_t head_dim) : kind(of_kind), tokens(of_tokens), dim(head_dim) {
        fill_query();
        draw_channels();
        fill(key, 1, 0, 0);
        fill(value, 2, dim, kind.mean);
        scale = kind.scores / score_deviation();
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

    // [N, D] of the library's.
    template <class Precision>
    std::vector<float> attend(const Precision& precision) const {
        std::vector<float> out(query.size(), std::nanf(""));
        const ifa::Shape rows{.heads = kHeads, .head_dim = static_cast<Index>(dim)};
        const ifa::Shape cache{.seq = tokens, .head_dim = rows.head_dim};
        const ifa::ContiguousKv kv{ifa::bnsd(key, cache), ifa::bnsd(value, cache)};
        const auto run = [&](const auto& storage) {
            ifa::incre_flash_attention(ifa::bnsd(query, rows), storage, ifa::bnsd(out, rows), {.scale = scale},
                                       precision);
        };
        if constexpr (kInt8) run(ifa::antiquant(kv, ifa::per_channel(channel_scale, channel_offset)));
        else run(kv);
        return out;
    }

    std::vector<reference::Row> exact() const {
        reference::Problem p;
        p.heads = kHeads, p.columns = static_cast<std::size_t>(tokens), p.key_dim = p.value_dim = dim;
        p.query.assign(query.begin(), query.end());
        p.key_row = [&, row = std::vector<double>(dim)](std::size_t at) mutable { return dequantise(key, at, 0, row); };
        p.value_row = [&, row = std::vector<double>(dim)](std::size_t at) mutable {
            return dequantise(value, at, dim, row);
        };
        p.begin = {0}, p.end = {tokens};
        p.scale = scale;
        return reference::attend(p);
    }

    // Of [N, D] computed by anyone.
    Error error(const std::vector<float>& out, const std::vector<reference::Row>& exact, double tau) const {
        Error worst;
        for (std::size_t h = 0; h < kHeads; ++h) {
            const std::vector<double> row(out.begin() + static_cast<std::ptrdiff_t>(h * dim),
                                          out.begin() + static_cast<std::ptrdiff_t>((h + 1) * dim));
            const double norm = reference::norm(exact[h].values);
            const Error its{reference::distance(row, exact[h].values) / norm, bound(exact[h], tau) / norm};
            if (h == 0 || !(its.ratio() <= worst.ratio())) worst = its;
        }
        return worst;
    }

    // What a token's row [D] of `stored` stands for, its channels counted from `first`.
    const double* dequantise(const std::vector<T>& stored, std::size_t token, std::size_t first,
                             std::vector<double>& row) const {
        for (std::size_t d = 0; d < dim; ++d) {
            row[d] = support::as_double(stored[token * dim + d]);
            if (kInt8) row[d] = (row[d] + double{channel_offset[first + d]}) * double{channel_scale[first + d]};
        }
        return row.data();
    }

    Kind kind;
    Index tokens;
    std::size_t dim;  // D
    double scale = 1;
    std::vector<float> query;                          // [N, D] that every 16-bit type holds, too
    std::vector<T> key, value;                         // [S, D]
    std::vector<float> channel_scale, channel_offset;  // [2, D] of int8

   private:
    static double normal(std::uint64_t stream, std::size_t i) {
        return properties::value_of_bits(properties::ElementType::kFloat32,
                                         properties::mix(properties::mix(stream) + i));
    }
    static double uniform(std::uint64_t stream, std::size_t i) {
        return static_cast<double>(properties::mix(properties::mix(stream) + i) >> 11) * 0x1p-53;
    }
    bool is_outlier(std::size_t channel) const { return kind.twist == Twist::kOutliers && channel % (dim / 4) == 7; }
    bool is_common(std::size_t channel) const { return kind.twist == Twist::kCommonScore && channel == 0; }

    void fill_query() {
        for (std::size_t i = 0; i < kHeads * dim; ++i) {
            const double common = i < dim ? 240 : -240;
            query.push_back(static_cast<float>(is_common(i % dim) ? common : std::rint(normal(0, i) * 32) / 32));
        }
    }

    // By how much an element is larger than a normal number.
    double factor(std::size_t channel) const {
        const double subnormal = std::is_same_v<T, ifa::float16> ? 0x1p-16 : 0x1p-128;
        return kind.twist == Twist::kSubnormal ? subnormal : is_outlier(channel) ? 20 : 1;
    }

    // Scales around 1/40 and offsets of at most 16, so that stored numbers of deviation 40 stand for normal ones.
    void draw_channels() {
        for (std::size_t i = 0; kInt8 && i < 2 * dim; ++i) {
            const bool adversarial = kind.twist == Twist::kAdversarialScales;
            const double step = adversarial ? std::exp2(-20 * uniform(3, i)) : (0.8 + 0.4 * uniform(3, i)) / 40;
            const double offset = 32 * uniform(4, i) - 16;
            const bool common_key = is_common(i);
            channel_scale.push_back(static_cast<float>(common_key ? 16 : step * factor(i % dim)));
            channel_offset.push_back(static_cast<float>(common_key ? 1 : adversarial ? 126.25 : offset));
        }
    }

    void fill(std::vector<T>& elements, std::uint64_t stream, std::size_t first_channel, double mean) {
        elements.resize(static_cast<std::size_t>(tokens) * dim);
        for (std::size_t i = 0; i < elements.size(); ++i) {
            const double x = normal(stream, i) + mean;
            const std::size_t channel = i % dim;
            if constexpr (kInt8) elements[i] = stored(x, is_common(first_channel + channel));
            else
                elements[i] =
                    static_cast<T>(static_cast<float>(is_common(first_channel + channel) ? 2048 : x * factor(channel)));
        }
    }
    std::int8_t stored(double x, bool common) const {
        const double integer = kind.twist == Twist::kAdversarialScales ? x - 126 : 40 * x;
        return static_cast<std::int8_t>(common ? 127 : std::clamp(std::rint(integer), -128.0, 127.0));
    }

    // The standard deviation of q.k over the first tokens.
    double score_deviation() const {
        constexpr std::size_t kTokens = 512;
        std::vector<double> row(dim);
        double sum = 0, squares = 0;
        for (std::size_t token = 0; token < kTokens; ++token) {
            dequantise(key, token, 0, row);
            double dot = 0;
            for (std::size_t d = 0; d < dim; ++d) dot += double{query[d]} * row[d];
            sum += dot / kTokens, squares += dot * dot / kTokens;
        }
        return std::sqrt(squares - sum * sum);
    }

    // Float32 has nothing finer than 2^-149; and what is no standard data by its scales is held to the general bound.
    double bound(const reference::Row& row, double tau) const {
        const bool adversarial = kind.twist == Twist::kAdversarialScales;
        return (adversarial ? support::general_bound(row, tau) : support::allowed_error(row, tau)) +
               0x1p-149 * std::sqrt(static_cast<double>(dim));
    }
};

// Calls visit(precision, tau, name) for both.
template <class T, class Visit>
void for_each_precision(const Visit& visit) {
    constexpr bool kInt8 = std::is_same_v<T, std::int8_t>;
    visit(ifa::HighPrecision{}, support::kTau, "HighPrecision");
    visit(ifa::HighPerformance{}, kInt8 ? support::kTauInt8HighPerformance : support::kTau, "HighPerformance");
}

}  // namespace study
