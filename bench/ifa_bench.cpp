// How fast decode steps run against what the machine can do. See README.md beside this file.
//
//   ifa_bench [flags]           rows of the default set, or the one that the flags describe
//   ifa_bench summary [flags]   the same, then one screen of medians and of interleaved pairs against the targets
#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>

#include <map>

#include "summary.hpp"

namespace bench {
namespace {

struct Flags {
    bool summary = false;
    double seconds = 0.5;
    int pairs = 101;
    bool custom = false, peers = false, huge_pages = false;
    bool warm = false;
    Case row = {};
};

constexpr double kProbeTolerance = 1.03;  // noise that a float row may stand above its own floor

// Integer products may pass a floor of float32 operations; a row of floating-point elements may not.
bool probe_undersells(const Result& row) {
    return row.which.cache != Element::kInt8 && row.roofline() > kProbeTolerance;
}

void report(benchmark::State& state, const Result& row) {
    state.SetIterationTime(row.seconds);
    state.counters["kv_bytes_per_second"] = row.visible_bytes / row.seconds;
    state.counters["flops_per_second"] = row.flops / row.seconds;
    state.counters["read_bandwidth"] = row.read_bandwidth;
    state.counters["fma_peak"] = row.fma_peak;
    state.counters["floor_memory_us"] = row.floor_memory() * 1e6;
    state.counters["floor_fma_us"] = row.floor_fma() * 1e6;
    state.counters["products_us"] = row.products * 1e6;
    state.counters["roofline"] = row.roofline();
    state.counters["reachable"] = row.reachable();
    state.counters["spread"] = row.spread;
    state.counters["rel_error"] = row.relative_error;
    if (probe_undersells(row)) state.SkipWithError("faster than its floor: the probe undersells this machine");
}

void report(benchmark::State& state, const Comparison& comparison) {
    state.SetLabel(comparison.peer);
    state.SetIterationTime(comparison.seconds);
    state.counters["time_ratio"] = comparison.ratio.median;
    state.counters["time_ratio_low"] = comparison.ratio.low;
    state.counters["time_ratio_high"] = comparison.ratio.high;
    state.counters["rel_error"] = comparison.its_error;
    state.counters["our_rel_error"] = comparison.our_error;
}

// Registers a row. `measured` takes its samples when Google Benchmark runs it.
template <class Measured, class Kept>
void add(const std::string& row_name, const Measured& measured, std::vector<Kept>& results) {
    benchmark::RegisterBenchmark(row_name.c_str(),
                                 [=, &results](benchmark::State& state) {
                                     for (auto _ : state) {
                                         results.push_back(measured());
                                         report(state, results.back());
                                     }
                                 })
        ->UseManualTime()
        ->Iterations(1)
        ->Unit(benchmark::kMicrosecond);
}

struct Results {
    std::vector<Result> rows;
    std::vector<Comparison> comparisons;
};

void add_rows(const Flags& flags, CacheMemory& memory, Results& results) {
    for (const Case& c : flags.custom ? std::vector<Case>{flags.row} : default_rows())
        add(
            "decode/" + name(c),
            [=, &memory, least_seconds = flags.seconds] {
                Decode decode(c, memory);
                return measure(decode, least_seconds);
            },
            results.rows);
    if (!flags.peers) return;
    for (const Case& c : flags.custom ? std::vector<Case>{flags.row} : default_comparisons())
        for (const PeerKind& kind : peer_kinds())
            if (kind.takes(c))
                add(
                    "peer/" + kind.name + "/" + name(c),
                    [=, &memory, pairs = flags.pairs] { return compare(kind, c, memory, pairs); }, results.comparisons);
}

// Own flags are read here; what is left belongs to Google Benchmark.
Flags read_flags(CLI::App& app, int argc, char** argv) {
    Flags flags;
    const std::map<std::string, Element> elements{
        {"f32", Element::kFloat32}, {"f16", Element::kFloat16}, {"bf16", Element::kBfloat16}, {"int8", Element::kInt8}};
    const std::map<std::string, Layout> layouts{{"bnsd", Layout::kBnsd}, {"bsh", Layout::kBsh}};
    Case& row = flags.row;
    app.allow_extras();
    app.add_subcommand("summary", "medians and pairs against the targets")->fallthrough();
    app.add_option("--batch", row.batch, "sequences");
    app.add_option("--heads", row.heads.heads, "query heads");
    app.add_option("--kv_heads", row.heads.kv_heads, "key/value heads");
    app.add_option("--seq", row.seq, "tokens in the cache");
    app.add_option("--head_dim", row.heads.head_dim, "elements of a row");
    app.add_option("--kv_dtype", row.cache, "f32, f16, bf16 or int8")->transform(CLI::CheckedTransformer(elements));
    app.add_option("--layout", row.layout, "bnsd or bsh")->transform(CLI::CheckedTransformer(layouts));
    app.add_option("--block_size", row.block_size, "tokens per block of a paged cache");
    app.add_option("--threads", row.threads, "threads of the call and of the probes");
    app.add_flag("--warm,!--cold", flags.warm, "one cache again and again; by default a ring larger than the caches");
    const std::vector<CLI::Option*> of_row =
        app.get_options([](const CLI::Option* o) { return o->get_name() != "--help"; });
    app.add_option("--seconds", flags.seconds, "least time spent on a row");
    app.add_option("--pairs", flags.pairs, "interleaved pairs of a comparison");
    app.add_flag("--huge_pages", flags.huge_pages, "caches in pages of 2 MiB, where the system has them");
    app.add_flag("--peers", flags.peers, "compare with other libraries too");
    app.parse(argc, argv);
    flags.summary = app.got_subcommand("summary");
    row.cold = !flags.warm;
    for (const CLI::Option* option : of_row) flags.custom |= option->count() > 0;
    return flags;
}

int run(const Flags& flags, std::vector<std::string> rest, const char* program) {
    CacheMemory memory(flags.huge_pages);
    Results results;
    add_rows(flags, memory, results);
    rest.insert(rest.begin(), program);
    std::vector<char*> arguments;
    for (std::string& argument : rest) arguments.push_back(argument.data());
    int count = static_cast<int>(arguments.size());
    benchmark::AddCustomContext("ifa_isa", ifa::isa());
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    if (flags.summary) {
        print_rows(results.rows);
        print_comparisons(results.comparisons);
        print_pairs(memory, flags.pairs);
        const Interval fixed = fixed_cost(memory);
        std::printf("\nfixed cost of a planned call: %.2f us  [%.2f, %.2f] (must 2, aim 1)\n", fixed.median * 1e6,
                    fixed.low * 1e6, fixed.high * 1e6);
    }
    return std::any_of(results.rows.begin(), results.rows.end(), probe_undersells) ? 1 : 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    CLI::App app("How fast decode steps run against what the machine can do.");
    try {
        const bench::Flags flags = bench::read_flags(app, argc, argv);
        return bench::run(flags, app.remaining(true), argv[0]);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
}
