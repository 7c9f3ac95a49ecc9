// What the examples share: random tensors, the formula in float64 they are held against, and what each reports.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ifa/kv/contiguous.hpp>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "../../tests/support/reference.hpp"

namespace tour {

using ifa::Index;

// What one example found.
struct Result {
    std::string shape;   // B, N/kvN, S, D
    double error = 0;    // || out - exact || / || exact || of the row that comes nearest to its bound
    double bound = 0;    // of that row: what the accuracy contract allows
    double seconds = 0;  // of one call
    double bytes = 0;    // of keys and values that one call reads
    bool failed = false;
    std::string note;  // printed below the table
};

// Tensors that are the same whatever the compiler: multiples of (high - low) / 1024, from the generator's integers.
class Random {
   public:
    template <class T>
    std::vector<T> values(Index count, float low = -2, float high = 2) {
        std::vector<T> result(static_cast<std::size_t>(count));
        for (T& x : result) x = static_cast<T>(low + (high - low) / 1024 * static_cast<float>(generator_() % 1024));
        return result;
    }
    // 1 for one in `one_in` on average, else 0.
    std::vector<std::uint8_t> flags(Index count, std::uint64_t one_in) {
        std::vector<std::uint8_t> result(static_cast<std::size_t>(count));
        for (std::uint8_t& x : result) x = generator_() % one_in == 0;
        return result;
    }

   private:
    std::mt19937_64 generator_;
};

// What the accuracy contract says of an element type.
struct ElementType {
    double bytes = 0;
    double cache_error = 0;        // relative error of a float32 row of output over a cache of this type
    double relative_rounding = 0;  // what storing output as this type costs a number x: this times |x|,
    double absolute_rounding = 0;  // and this in any case
};
inline constexpr ElementType kFloat32{4, 2e-6, 0x1p-24};
inline constexpr ElementType kFloat16{2, 2e-6, 0x1p-11, 0x1p-25};
inline constexpr ElementType kBfloat16{2, 2e-6, 0x1p-8};
inline constexpr ElementType kInt8{1, 1e-3};

template <class T>
inline constexpr ElementType kTypeOf = {};
template <>
inline constexpr ElementType kTypeOf<float> = kFloat32;
template <>
inline constexpr ElementType kTypeOf<ifa::float16> = kFloat16;
template <>
inline constexpr ElementType kTypeOf<ifa::bfloat16> = kBfloat16;
template <>
inline constexpr ElementType kTypeOf<std::int8_t> = kInt8;

// A tensor as the formula sees it: extents, what it is stored as, and at(b, h, s, d) in float64.
template <class At>
struct Numbers {
    ifa::Shape shape = {};
    ElementType type = {};
    At at;
};
template <class At>
Numbers(ifa::Shape, ElementType, At) -> Numbers<At>;

template <class T>
double number(T x) {
    return static_cast<double>(static_cast<float>(x));
}

// The layouts by their definition.
template <class T>
auto from_bnsd(const std::vector<T>& x, const ifa::Shape& shape) {
    const auto at = [&x, shape](Index b, Index h, Index s, Index d) {
        const Index row = (b * shape.heads + h) * shape.seq + s;
        return number(x[static_cast<std::size_t>(row * shape.head_dim + d)]);
    };
    return Numbers{shape, kTypeOf<T>, at};
}
template <class T>
auto from_bsh(const std::vector<T>& x, const ifa::Shape& shape) {
    const auto at = [&x, shape](Index b, Index h, Index s, Index d) {
        const Index row = (b * shape.seq + s) * shape.heads + h;
        return number(x[static_cast<std::size_t>(row * shape.head_dim + d)]);
    };
    return Numbers{shape, kTypeOf<T>, at};
}

// What int8 keys (part 0) or values (part 1) stand for, by scale and offset per channel: [2, kvN, D].
template <class At, class T>
auto dequantised(const Numbers<At>& stored, const std::vector<T>& scale, const std::vector<T>& offset, Index part) {
    const auto at = [&scale, &offset, part, stored](Index b, Index h, Index s, Index d) {
        const Index channel = (part * stored.shape.heads + h) * stored.shape.head_dim + d;
        const auto i = static_cast<std::size_t>(channel);
        return (stored.at(b, h, s, d) + number(offset[i])) * number(scale[i]);
    };
    return Numbers{stored.shape, stored.type, at};
}

// [batch, heads, seq, head_dim]
template <class At>
std::vector<double> dense(const Numbers<At>& tensor) {
    const ifa::Shape& shape = tensor.shape;
    std::vector<double> result;
    result.reserve(static_cast<std::size_t>(shape.batch * shape.heads * shape.seq * shape.head_dim));
    for (Index b = 0; b < shape.batch; ++b)
        for (Index h = 0; h < shape.heads; ++h)
            for (Index s = 0; s < shape.seq; ++s)
                for (Index d = 0; d < shape.head_dim; ++d) result.push_back(tensor.at(b, h, s, d));
    return result;
}

// The formula's operands. An example narrows the window [begin, end), or adds a bias, a mask or a term.
struct Formula : reference::Problem {
    template <class Query, class Key, class Value>
    Formula(const Query& q, const Key& k, const Value& v, double factor) : cache(k.type) {
        const auto extent = [](Index x) { return static_cast<std::size_t>(x); };
        batch = extent(q.shape.batch);
        heads = extent(q.shape.heads);
        kv_heads = extent(k.shape.heads);
        columns = extent(k.shape.seq);
        key_dim = extent(k.shape.head_dim);
        value_dim = extent(v.shape.head_dim);
        query = dense(q);
        key = dense(k);
        value = dense(v);
        begin.assign(batch, 0);
        end.assign(batch, k.shape.seq);
        scale = factor;
    }

    ElementType cache;
};

// The output as numbers: at(b, h, d).
struct Output {
    ElementType type = {};
    std::function<double(std::size_t b, std::size_t h, std::size_t d)> at;

    template <class At>
    Output(const Numbers<At>& output) : type(output.type) {
        at = [element = output.at](std::size_t b, std::size_t h, std::size_t d) {
            return element(static_cast<Index>(b), static_cast<Index>(h), 0, static_cast<Index>(d));
        };
    }
};

// Seconds that one call takes: the median of five, after one that touches all memory.
double seconds_of(const std::function<void()>& call);

// Holds every row of the output against the formula, and adds what it finds to the result.
void compare(const Formula& exact, const Output& output, Result& result);

// Runs and times the call, then compares what it wrote.
Result check(const Formula& exact, const std::function<void()>& call, const Output& output);

struct Sizes {
    Index B = 1, N = 1, kvN = 1, S = 1, D = 1;
};

// The operands of one layer, to hang a feature on: token-major, float32 query and output. It can be moved, not copied.
template <class Element>
struct Layer {
    Layer(Random& random, const Sizes& sizes)
        : q_shape{.batch = sizes.B, .heads = sizes.N, .head_dim = sizes.D},
          kv_shape{.batch = sizes.B, .heads = sizes.kvN, .seq = sizes.S, .head_dim = sizes.D},
          scale(1 / std::sqrt(sizes.D)),
          q_values(random.values<float>(sizes.B * sizes.N * sizes.D)),
          k_values(random.values<Element>(sizes.B * sizes.S * sizes.kvN * sizes.D)),
          v_values(random.values<Element>(sizes.B * sizes.S * sizes.kvN * sizes.D)),
          out_values(q_values.size()) {}
    Layer(Layer&&) = default;

    Formula formula() const {
        return {from_bsh(q_values, q_shape), from_bsh(k_values, kv_shape), from_bsh(v_values, kv_shape), scale};
    }
    Output output() const { return from_bsh(out_values, q_shape); }

    ifa::Shape q_shape, kv_shape;
    double scale;
    std::vector<float> q_values;              // [B, 1, N * D]
    std::vector<Element> k_values, v_values;  // [B, S, kvN * D]
    std::vector<float> out_values;            // [B, 1, N * D]

    ifa::TensorView<float> q = ifa::bsh(q_values, q_shape);
    ifa::ContiguousKv<Element, Element> kv = {ifa::bsh(k_values, kv_shape), ifa::bsh(v_values, kv_shape)};
    ifa::TensorView<float> out = ifa::bsh(out_values, q_shape);
};

}  // namespace tour
