// A row: a case and the machine's limits, measured in turn. A pair: two cases in turn.
#pragma once

#include "peer.hpp"
#include "probe.hpp"
#include "products.hpp"

namespace bench {

struct Result {
    Case which;
    double seconds = 0;         // median of a call
    double spread = 0;          // 90 % quantile over 10 % quantile
    double read_bandwidth = 0;  // bytes per second: the best median of all ways of reading
    double fma_peak = 0;        // float32 operations per second, likewise by median
    double products = 0;        // seconds of the two products alone, over tiles in the first-level cache
    double visible_bytes = 0, flops = 0;
    double relative_error = 0;

    double floor_memory() const { return visible_bytes / read_bandwidth; }
    double floor_fma() const { return flops / fma_peak; }
    double floor() const { return std::max(floor_memory(), floor_fma()); }
    double roofline() const { return floor() / seconds; }
    // The roofline of a call that hid the shorter of memory and products behind the other, and did nothing else.
    double reachable() const { return floor() / std::max(floor_memory(), products); }
};

// Rounds of one call, one reading of a cache, one burst of multiply-adds and a few products, so that a drifting machine
// drifts for all.
struct Rounds {
    static constexpr std::size_t kWays = std::size(kReadings), kLeast = 3 * kWays, kMost = 125 * kWays;

    std::vector<double> calls, peaks, products, bandwidths[kWays];

    Rounds(Decode& decode, double least_seconds) {
        const Team team{decode.which().threads};
        const ProductsProbe products_alone = products_probe(decode.which(), decode.layer(0).key);
        Index layer = 0;
        double spent = 0;
        decode.run();
        for (std::size_t round = 0; round < kLeast || (spent < least_seconds && round < kMost); ++round) {
            const std::size_t way = round % kWays;
            layer = (layer + decode.layers() / 2 + 1) % decode.layers();
            spent += seconds([&] {
                calls.push_back(seconds([&] { decode.run(); }));
                bandwidths[way].push_back(
                    read_bandwidth(kReadings[way], decode.layer(layer).key, decode.layer_bytes(), team));
                peaks.push_back(fma_peak(team));
                products.push_back(products_alone());
            });
        }
    }

    double best_bandwidth() const {
        double best = 0;
        for (const auto& way : bandwidths) best = std::max(best, median(way));
        return best;
    }
};

inline Result measure(Decode& decode, double least_seconds) {
    const Rounds rounds(decode, least_seconds);
    return {.which = decode.which(),
            .seconds = median(rounds.calls),
            .spread = quantile(rounds.calls, 0.9) / quantile(rounds.calls, 0.1),
            .read_bandwidth = rounds.best_bandwidth(),
            .fma_peak = median(rounds.peaks),
            .products = median(rounds.products),
            .visible_bytes = decode.visible_bytes(),
            .flops = decode.flops(),
            .relative_error = decode.relative_error()};
}

// The times of two functions called in turn.
struct Turns {
    std::vector<double> a, b;

    // Time of a over time of b.
    Interval ratio() const {
        std::vector<double> ratios;
        for (std::size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
        return bootstrap(ratios);
    }
};

// A turn is one call, or as many as take a tenth of a millisecond: what is called again and again, as for the layers of
// a model, finds its own instructions in the caches.
template <class A, class B>
Turns take_turns(const A& a, const B& b, int pairs) {
    constexpr double kLeastSeconds = 1e-4;
    Turns turns;
    a(), b();
    const int calls = static_cast<int>(kLeastSeconds / seconds(b)) + 1;
    const auto turn = [calls](const auto& call) {
        return seconds([&] {
            for (int i = 0; i < calls; ++i) call();
        });
    };
    for (int i = 0; i < 2 * pairs; ++i) {
        const bool is_a = i % 4 == 0 || i % 4 == 3;  // who goes first alternates
        if (is_a) turns.a.push_back(turn(a));
        else turns.b.push_back(turn(b));
    }
    return turns;
}

// A peer against ours.
struct Comparison {
    Case which;
    std::string peer;
    double seconds = 0;  // median of its calls
    Interval ratio;      // its time over ours
    double must = 0, its_error = 0, our_error = 0;
};

inline Comparison compare(const PeerKind& kind, const Case& c, CacheMemory& memory, int pairs) {
    const auto peer = kind.make(c, memory);
    Decode ours(c, memory);
    const int turns_each = peer->must() > 0 ? pairs : pairs / 10 + 1;
    const Turns turns = take_turns([&] { peer->run(); }, [&] { ours.run(); }, turns_each);
    return {.which = c,
            .peer = peer->name(),
            .seconds = median(turns.a),
            .ratio = turns.ratio(),
            .must = peer->must(),
            .its_error = peer->relative_error(),
            .our_error = ours.relative_error()};
}

}  // namespace bench
