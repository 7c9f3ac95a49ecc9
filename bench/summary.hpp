// One screen: where the library stands against its targets.
#pragma once

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>

#include "doors.hpp"
#include "measure.hpp"
#include "rows.hpp"

namespace bench {

// A group of rows that share a target.
struct Group {
    const char* name;
    double median, least, aim;  // rooflines to reach; 0 where there is no target
};

inline Group group_of(const Result& row) {
    const double memory = row.floor_memory(), fma = row.floor_fma();
    if (row.which.threads > 1) return {"all threads", 0, 0, 0};
    if (row.which.cache == Element::kInt8) return {"int8", 0, 0, 0};
    if (row.which.cache == Element::kFloat32) return {"float32", 0, 0, 0};
    if (fma >= 1.3 * memory && row.which.heads.head_dim < 128) return {"16-bit, compute-bound, D < 128", 0.65, 0, 0.9};
    if (fma >= 1.3 * memory) return {"16-bit, compute-bound", 0.75, 0.65, 0.9};
    if (memory >= 1.3 * fma) return {"16-bit, memory-bound", 0.85, 0.75, 0.95};
    return {"16-bit, in between", 0.75, 0.65, 0.85};
}

inline void print_group(const Group& group, const std::vector<const Result*>& rows) {
    std::vector<double> rooflines, reachable;
    const Result* worst = rows[0];
    for (const Result* row : rows) {
        rooflines.push_back(row->roofline());
        reachable.push_back(row->reachable());
        if (row->roofline() < worst->roofline()) worst = row;
    }
    std::printf("%-34s %5zu %8.2f %8.2f %10.2f", group.name, rooflines.size(), median(rooflines), worst->roofline(),
                median(reachable));
    if (group.median > 0) std::printf("  %4.2f/%4.2f %5.2f", group.median, group.least, group.aim);
    else std::printf("%17s", "");
    std::printf("   %s\n", name(worst->which).c_str());
}

// Rows on all threads against the same on one.
inline void print_scaling(const std::vector<Result>& rows) {
    std::vector<double> ratios;
    for (const Result& all : rows) {
        Case alone = all.which;
        alone.threads = 1;
        for (const Result& one : rows)
            if (all.which.threads > 1 && name(one.which) == name(alone))
                ratios.push_back(all.roofline() / one.roofline());
    }
    if (ratios.empty()) return;
    std::printf("%-34s %5zu %8.2f %8.2f %10s  %4.2f\n", "all threads over one", ratios.size(), median(ratios),
                *std::min_element(ratios.begin(), ratios.end()), "", 0.95);
}

inline void print_rows(const std::vector<Result>& rows) {
    if (rows.empty()) return;
    std::map<std::string, std::vector<const Result*>> groups;
    for (const Result& row : rows) groups[group_of(row).name].push_back(&row);
    std::printf("\n%-34s %5s %8s %8s %10s %10s %5s   %s\n", "roofline", "rows", "median", "worst", "reachable", "must",
                "aim", "worst row");
    for (const auto& [name, members] : groups) print_group(group_of(*members[0]), members);
    print_scaling(rows);
}

inline const char* verdict(const Interval& ratio, double must, double aim) {
    constexpr double kWithin = 0.02;
    if (aim > 0 && ratio.high <= aim + kWithin) return "met, and the aim";
    if (ratio.high <= must + kWithin) return "met";
    return ratio.low > must ? "missed" : "not resolved";
}

inline void print_pair(const std::string& name, const Interval& ratio, double must, double aim) {
    std::printf("%-76s %7.3f  [%6.3f, %6.3f] %7.3f", name.c_str(), ratio.median, ratio.low, ratio.high, must);
    if (aim > 0) std::printf(" %7.3f", aim);
    else std::printf("%8s", "");
    std::printf("  %s\n", verdict(ratio, must, aim));
    std::fflush(stdout);
}

inline void print_pairs(CacheMemory& memory, int pairs) {
    std::printf("\n%-76s %7s %17s %7s %7s\n", "time against", "ratio", "95 % interval", "must", "aim");
    for (const Pair& pair : default_pairs()) {
        Decode a(pair.a, memory), b(pair.b, memory);
        print_pair(pair.name, take_turns([&] { a.run(); }, [&] { b.run(); }, pairs).ratio(), pair.must, pair.aim);
    }
    for (const Case& c : default_doors()) {
        Doors doors(c, memory);
        const Turns turns = take_turns([&] { doors.run_dynamic(); }, [&] { doors.run_typed(); }, pairs);
        print_pair("run-time door against typed, " + name(c), turns.ratio(), 1.03, 0);
    }
}

inline void print_comparisons(const std::vector<Comparison>& comparisons) {
    if (comparisons.empty()) return;
    std::printf("\n%-76s %6s %17s %5s   %s\n", "time of others over ours", "ratio", "95 % interval", "must",
                "their error, ours");
    for (const Comparison& each : comparisons)
        std::printf("%-76s %6.2f  [%6.2f, %6.2f] %5.2f   %7.0e %7.0e\n", (each.peer + ", " + name(each.which)).c_str(),
                    each.ratio.median, each.ratio.low, each.ratio.high, each.must, each.its_error, each.our_error);
}

// The line through (x[i], y[i]) at x = 0.
inline double intercept(const std::vector<double>& x, const std::vector<double>& y) {
    double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        sum_x += x[i], sum_y += y[i], sum_xx += x[i] * x[i], sum_xy += x[i] * y[i];
    const auto n = static_cast<double>(x.size());
    const double slope = (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
    return (sum_y - slope * sum_x) / n;
}

// The time that a call takes whatever its length, in seconds: the intercept over S = 8 to 64. The lengths take turns,
// so that a machine that slows down does so for all of them.
inline Interval fixed_cost(CacheMemory& memory) {
    constexpr int kRounds = 201, kCalls = 20;
    std::vector<double> lengths, intercepts;
    std::deque<Decode> calls;
    for (Index seq = 8; seq <= 64; seq += 8) {
        lengths.push_back(static_cast<double>(seq));
        calls.emplace_back(Case{.seq = seq, .cold = false}, memory);
    }
    for (int round = 0; round < kRounds; ++round) {
        std::vector<double> times;
        for (Decode& decode : calls)
            times.push_back(seconds([&] {
                                for (int call = 0; call < kCalls; ++call) decode.run();
                            }) /
                            kCalls);
        intercepts.push_back(intercept(lengths, times));
    }
    return bootstrap(intercepts);
}

}  // namespace bench
