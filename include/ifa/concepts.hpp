// The roles: what each policy must answer, and so the map of the library.
//
// One decode step is
//
//     for every sequence and every kv head, for the query heads that share it, tile by tile of its visible window:
//         scores = scale * Q K^T  ->  score terms  ->  online softmax  ->  accumulate P V
//
// and every word of that sentence is a policy. A policy is a small class that names its role,
//
//     using role = ifa::role::Visibility;
//
// and has the members listed below; no base class, no macro. Anything callable with a `const ScoreTile&` is a score
// term without saying so. A policy may also have
//
//     void check(const Geometry&, Contracts&) const    reports what is wrong with its run-time values
//     void each_region(const Geometry&, visitor) const calls visitor(name, view) for each tensor it reads
#pragma once

#include <concepts>

#include "errors.hpp"
#include "tensor_view.hpp"

namespace ifa {

namespace role {
struct QuerySource {};   // how a row of Dk is read as float                         query.hpp
struct OutputSink {};    // where a finished row goes                                sink.hpp, quant/post_quant.hpp
struct KvStorage {};     // where the rows of the cache are                          kv/
struct KvCodec {};       // how stored elements stand for numbers                    quant/antiquant.hpp
struct HeadGroups {};    // which query heads share which kv head                    gqa.hpp
struct Visibility {};    // which tokens a sequence sees; any number, intersected    visibility/
struct ScoreTerm {};     // changes visible scores; any number, in order             score/
struct SoftmaxStart {};  // an initial (max, sum) per head; at most one              none yet
struct Precision {};     // what inner_precise chooses                               precision.hpp
struct Executor {};      // whose threads run the jobs                               executor.hpp
}  // namespace role

// The extents of one call, agreed on by all its operands.
struct Geometry {
    Index batch = 0;
    Index heads = 0;
    Index kv_heads = 0;
    Index key_dim = 0;    // of query and key
    Index value_dim = 0;  // of value and output
    Index columns = 0;    // what masks and biases must cover: S, the largest S_b of a list, or max_blocks * block_size
};

// The tokens [begin, end) of a sequence that take part, in columns of its cache.
struct Window {
    Index begin = 0;
    Index end = 0;

    IFA_INLINE constexpr Index length() const { return end > begin ? end - begin : 0; }
};

// One query row: a sequence, a query head, and a position within the query (0: a decode step has one).
struct Row {
    Index sequence = 0;
    Index head = 0;
    Index query = 0;
};

// The scores of one row against one tile of tokens, in natural units: scale * q.k and what earlier terms made of it.
// scores[i] belongs to column first_column + i. What is written to a hidden column is ignored; -inf removes the token.
struct ScoreTile {
    Span<float> scores;
    Index sequence = 0;
    Index head = 0;
    Index query = 0;
    Index first_column = 0;
    Index window_begin = 0;
};

// One row of the result. log_sum_exp is the natural logarithm of sum_j exp(s_j), -inf when nothing is visible; only of
// a sink that keeps it.
struct FinishedRow {
    Row row;
    Span<const float> values;  // [Dv], normalised and in the units of the dequantised values
    float log_sum_exp = 0;
};

template <class T>
concept QuerySource = requires(const T& source, Row row, float* to) {
    source.read(row, to);  // writes Dk floats
    { source.shape() } -> std::convertible_to<Shape>;
};

template <class T>
concept OutputSink = requires(const T& sink, const FinishedRow& row) {
    sink.store(row);
    { T::kKeepsLogSumExp } -> std::convertible_to<bool>;  // the log-sum-exp is wanted
    { sink.shape() } -> std::convertible_to<Shape>;
};

// A storage whose token_major() is true has the rows of a token's kv heads side by side; they are read together.
template <class T>
concept KvStorage = requires(const T& kv, Index i, int count, typename T::key_type const** keys,
                             typename T::value_type const** values) {
    { kv.batch() } -> std::convertible_to<Index>;
    { kv.heads() } -> std::convertible_to<Index>;
    { kv.key_dim() } -> std::convertible_to<Index>;
    { kv.value_dim() } -> std::convertible_to<Index>;
    { kv.columns() } -> std::convertible_to<Index>;
    { kv.length(i) } -> std::convertible_to<Index>;  // tokens that sequence i can hold
    kv.gather(i, i, i, count, keys, values);         // (sequence, kv head, first column, count): the rows' addresses
};

template <class T>
concept QuantisedKvCodec = requires(const T& codec, const Geometry& geometry, Index head, const float* row,
                                    double* folded, float* shift, float* values) {
    requires T::kQuantised;
    codec.fold_query(geometry, head, 1.0, row, folded);  // folded[Dk] = scale * query[Dk], in units of stored keys
    { codec.key_constant(geometry, head, folded) } -> std::convertible_to<double>;  // what that leaves out of a score
    codec.value_shift(geometry, head, shift);            // [Dv] whole parts of the offsets, for exact sums
    codec.unfold_output(geometry, head, shift, values);  // values [Dv] to real units; shift is null or was added
};
// One that is not quantised says that elements are the numbers.
template <class T>
concept KvCodec = QuantisedKvCodec<T> || requires { requires !T::kQuantised; };

template <class T>
concept HeadGroups = requires(const T& groups, const Geometry& geometry) {
    { groups.group(geometry) } -> std::convertible_to<Index>;  // query heads per kv head
};

// Windows are clamped to the cache. One that may lie outside by mistake can say so: check_windows(batch, limit,
// contracts), where limit(sequence) is the number of tokens a sequence can hold.
template <class T>
concept WindowVisibility = requires(const T& visibility, Index i) {
    { visibility.window(i, i) } -> std::convertible_to<Window>;  // (sequence, tokens it can hold)
};
template <class T>
concept ColumnVisibility = requires(const T& visibility, Index i, int count) {
    { visibility.hidden(i, i, count) } -> std::convertible_to<std::uint64_t>;  // (sequence, first column, count): a bit
};  // for each hidden column
template <class T>
concept Visibility = WindowVisibility<T> || ColumnVisibility<T>;

// A term with `static constexpr bool kShiftInvariant = true` commutes with adding one constant to all scores of a row.
// One that has absent() is not called while it is true.
template <class T>
concept ScoreTerm = std::invocable<const T&, const ScoreTile&>;

template <class T>
concept Precision = requires {
    { T::kExactOffsets } -> std::convertible_to<bool>;     // value offsets are added to the stored integers first
    { T::kIntegerProducts } -> std::convertible_to<bool>;  // int8 values are summed in integers
};

// run(jobs, body) calls body(job) for jobs numbered [0, jobs), at most concurrency() of them, and returns, or throws,
// when all that it started have ended. body(job) does not throw. Job 0 alone is enough to finish the work. Executors
// are passed by const reference: one with state of its own is a handle to it, as EigenPool is.
template <class T>
concept Executor = requires(const T& executor, int jobs, void (*body)(int)) {
    { executor.concurrency() } -> std::convertible_to<int>;
    executor.run(jobs, body);
};

}  // namespace ifa
