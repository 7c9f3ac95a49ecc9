// How fast decode steps run, one row per case: decode/<cache type>/<layout>/<storage>/<shape>/t<threads>.
//
// A row measures what an engine does: planned once, then one call per layer, each with a cache of its own. The caches
// together are larger than any processor's, so that keys and values come from memory.
#define EIGEN_USE_THREADS
#include <benchmark/benchmark.h>

#include <ifa/ifa.hpp>
#include <string>
#include <type_traits>
#include <unsupported/Eigen/CXX11/ThreadPool>
#include <vector>

namespace {

using ifa::Index;

constexpr std::size_t kCacheBytes = std::size_t{256} << 20;  // of all layers together
constexpr Index kBlockSize = 16;

struct Step {
    Index batch, heads, kv_heads, tokens, head_dim;

    ifa::Shape query() const { return {.batch = batch, .heads = heads, .head_dim = head_dim}; }
    ifa::Shape cache() const { return {.batch = batch, .heads = kv_heads, .seq = tokens, .head_dim = head_dim}; }
    Index elements() const { return batch * kv_heads * tokens * head_dim; }
    // One multiplication and one addition for each product of a query element with a key, and of a weight with a value.
    double flops() const { return 4. * static_cast<double>(batch * heads * tokens * head_dim); }
    std::string name() const {
        return "B" + std::to_string(batch) + "_N" + std::to_string(heads) + "_kvN" + std::to_string(kv_heads) + "_S" +
               std::to_string(tokens) + "_D" + std::to_string(head_dim);
    }
};

// Numbers around 0, different in every row.
template <class T>
std::vector<T> numbers(Index count) {
    std::vector<T> all(static_cast<std::size_t>(count));
    std::uint32_t bits = 1;
    for (T& x : all) {
        bits = bits * 1664525u + 1013904223u;
        const auto byte = static_cast<std::int8_t>(bits >> 24);
        if constexpr (std::is_same_v<T, std::int8_t>) x = byte;
        else x = static_cast<T>(static_cast<float>(byte) / 64.f);
    }
    return all;
}

template <class T>
struct Layer {
    std::vector<T> key, value;
};

template <class T>
std::vector<Layer<T>> layers(const Step& step) {
    const std::size_t bytes = 2 * sizeof(T) * static_cast<std::size_t>(step.elements());
    return std::vector<Layer<T>>(kCacheBytes / bytes + 1, {numbers<T>(step.elements()), numbers<T>(step.elements())});
}

// Storages, each made from one layer.
struct Contiguous {
    template <class T>
    auto operator()(const Step& step, const Layer<T>& layer) const {
        return ifa::ContiguousKv{ifa::bnsd(layer.key, step.cache()), ifa::bnsd(layer.value, step.cache())};
    }
};
struct TokenMajor {
    template <class T>
    auto operator()(const Step& step, const Layer<T>& layer) const {
        return ifa::ContiguousKv{ifa::bsh(layer.key, step.cache()), ifa::bsh(layer.value, step.cache())};
    }
};
// Consecutive tokens lie in blocks far from each other.
class Paged {
   public:
    explicit Paged(const Step& step) : table_(static_cast<std::size_t>(blocks(step))) {
        for (Index i = 0; i < blocks(step); ++i)
            table_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i * 1009 % blocks(step));
    }
    template <class T>
    auto operator()(const Step& step, const Layer<T>& layer) const {
        const ifa::Shape pool{
            .batch = blocks(step), .heads = step.kv_heads, .seq = kBlockSize, .head_dim = step.head_dim};
        return ifa::PagedKv{ifa::bsh(layer.key, pool), ifa::bsh(layer.value, pool),
                            ifa::block_table(table_, {.batch = step.batch, .max_blocks = step.tokens / kBlockSize})};
    }

   private:
    static Index blocks(const Step& step) { return step.batch * step.tokens / kBlockSize; }

    std::vector<std::int32_t> table_;
};

template <class T, class Storage>
auto quantised(const Storage& storage, const std::vector<float>& scale) {
    if constexpr (std::is_same_v<T, std::int8_t>) return ifa::antiquant(storage, ifa::per_channel(scale));
    else return storage;
}

template <class T, class MakeStorage>
void decode(benchmark::State& state, const Step& step, int threads, const MakeStorage& make_storage) {
    const auto all_layers = layers<T>(step);
    const auto query = numbers<float>(step.batch * step.heads * step.head_dim);
    const std::vector<float> scale(static_cast<std::size_t>(2 * step.kv_heads * step.head_dim), 1.f / 64.f);
    std::vector<float> out(query.size());

    Eigen::ThreadPool pool(threads - 1);  // the calling thread works too
    const ifa::EigenPool executor(pool);
    const ifa::RightPadding all_tokens{step.tokens};
    const ifa::Plan plan = ifa::plan(step.query(), make_storage(step, all_layers[0]), executor, all_tokens);
    std::vector<std::byte> workspace(plan.workspace_bytes());
    std::size_t layer = 0;
    for (auto _ : state) {
        ifa::incre_flash_attention(
            ifa::bnsd(query, step.query()), quantised<T>(make_storage(step, all_layers[layer]), scale),
            ifa::bnsd(out, step.query()), {.scale = 0.1, .plan = &plan, .workspace = workspace}, executor);
        benchmark::DoNotOptimize(out.data());
        layer = (layer + 1) % all_layers.size();
    }
    using Counter = benchmark::Counter;
    const double kv_bytes = 2. * sizeof(T) * static_cast<double>(step.elements());
    state.counters["kv_bytes_per_second"] = Counter(kv_bytes, Counter::kIsIterationInvariantRate);
    state.counters["flops_per_second"] = Counter(step.flops(), Counter::kIsIterationInvariantRate);
}

template <class T, class MakeStorage>
void add_row(const std::string& prefix, const Step& step, int threads, const MakeStorage& make_storage) {
    const std::string name = "decode/" + prefix + "/" + step.name() + "/t" + std::to_string(threads);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State& state) { decode<T>(state, step, threads, make_storage); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
}

void add_rows() {
    const Step one{1, 32, 8, 4096, 128};
    const Step eight{8, 32, 8, 4096, 128};
    add_row<float>("f32/bnsd/contiguous", one, 1, Contiguous{});
    add_row<ifa::float16>("f16/bnsd/contiguous", one, 1, Contiguous{});
    add_row<ifa::bfloat16>("bf16/bnsd/contiguous", one, 1, Contiguous{});
    add_row<std::int8_t>("int8/bnsd/contiguous", one, 1, Contiguous{});
    add_row<ifa::float16>("f16/bsh/contiguous", one, 1, TokenMajor{});
    add_row<ifa::float16>("f16/bsh/paged16", one, 1, Paged{one});
    add_row<std::int8_t>("int8/bsh/paged16", one, 1, Paged{one});
    add_row<ifa::float16>("f16/bnsd/contiguous", one, 2, Contiguous{});
    add_row<ifa::float16>("f16/bsh/paged16", eight, 2, Paged{eight});
}

}  // namespace

int main(int argc, char** argv) {
    add_rows();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
