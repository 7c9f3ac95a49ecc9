// The rows and pairs that are measured when no flag asks for others.
#pragma once

#include <thread>

#include "case.hpp"

namespace bench {

inline int all_threads() {
    return static_cast<int>(std::thread::hardware_concurrency());
}

inline std::vector<Case> default_rows() {
    constexpr Index kLong = 16384;
    std::vector<Case> rows;
    for (const Element cache : {Element::kFloat16, Element::kInt8})
        for (const Heads& heads : kHeads) rows.push_back({.cache = cache, .heads = heads, .seq = kLong});
    const Case core{.seq = kLong};
    const auto add = [&](auto change) {
        Case row = core;
        change(row);
        rows.push_back(row);
    };
    for (const Element cache : {Element::kFloat32, Element::kBfloat16}) add([&](Case& c) { c.cache = cache; });
    add([](Case& c) { c.batch = 8, c.seq = 512; });
    add([](Case& c) { c.batch = 32, c.seq = 512; });
    add([](Case& c) { c.batch = 8, c.seq = 4096; });
    add([](Case& c) { c.seq = 131072; });
    add([](Case& c) { c.seq = 1024, c.cold = false; });
    add([](Case& c) { c.heads = {64, 8, 128}, c.seq = 1024, c.cold = false; });
    add([](Case& c) { c.heads = {9, 3, 64}, c.seq = 1024, c.cold = false; });
    add([](Case& c) { c.layout = Layout::kBsh; });
    add([](Case& c) { c.layout = Layout::kBsh, c.block_size = 16; });
    add([](Case& c) { c.layout = Layout::kBsh, c.block_size = 128; });
    add([](Case& c) { c.block_size = 16; });
    if (all_threads() > 1) {
        for (const Heads& heads : {kHeads[0], kHeads[1], kHeads[2]})
            add([&](Case& c) { c.heads = heads, c.threads = all_threads(); });
        add([](Case& c) { c.layout = Layout::kBsh, c.block_size = 16, c.threads = all_threads(); });
    }
    return rows;
}

// What other libraries compute too: multi-head and grouped caches of every type, and ever longer ones for the error.
inline std::vector<Case> default_comparisons() {
    std::vector<Case> cases;
    for (const Element cache : {Element::kFloat16, Element::kInt8, Element::kBfloat16, Element::kFloat32})
        for (const Heads& heads : {kHeads[0], kHeads[1], kHeads[2]})
            cases.push_back({.cache = cache, .heads = heads, .seq = 16384});
    for (Index seq = 1024; seq <= 262144; seq *= 4) cases.push_back({.heads = {4, 1, 128}, .seq = seq});
    return cases;
}

// A pair of cases and what time(a) / time(b) must be, and aims to be.
struct Pair {
    std::string name;
    Case a, b;
    double must, aim = 0;  // at most; 0 where there is no aim
};

inline std::vector<Pair> default_pairs() {
    const Case core{.seq = 16384}, multi_head{.heads = kHeads[0], .seq = 16384};
    const auto with = [](Case c, auto change) {
        change(c);
        return c;
    };
    const auto int8 = [](Case& c) { c.cache = Element::kInt8; };
    const auto high_precision = [](Case& c) { c.cache = Element::kInt8, c.extra = Extra::kHighPrecision; };
    const auto extra = [&](Extra e) { return with(core, [&](Case& c) { c.extra = e; }); };
    const auto paged = [&](Index block_size) { return with(core, [&](Case& c) { c.block_size = block_size; }); };
    const Case bsh = with(core, [](Case& c) { c.layout = Layout::kBsh; });
    std::vector<Pair> pairs{
        {"int8 against f16, memory-bound (G = 1)", with(multi_head, int8), multi_head, 1 / 1.7, 0.5},
        {"int8 against f16, G = 4", with(core, int8), core, 1 / 1.25, 0.5},
        {"int8 HighPrecision against f16, G = 1", with(multi_head, high_precision), multi_head, 1 / 0.9},
        {"int8 HighPrecision against f16, G = 4", with(core, high_precision), core, 1 / 0.9},
        {"pages of 16 against plain", paged(16), core, 1.05, 1},
        {"pages of 128 against plain", paged(128), core, 1.05, 1},
        {"pse_shift against plain", extra(Extra::kPseShift), core, 1.05, 1},
        {"left padding against plain", extra(Extra::kLeftPadding), core, 1.05, 1},
        {"lengths against plain", extra(Extra::kLengths), core, 1.05, 1},
        {"BSH against BNSD", bsh, core, 1.15, 1.05},
        {"mask, half hidden in runs of 64, against none", extra(Extra::kMaskRuns), core, 1 / 1.5},
        {"mask, half hidden at random, against none", extra(Extra::kMaskRandom), core, 1.0},
    };
    if (all_threads() > 1) {
        Case ragged{.layout = Layout::kBsh, .block_size = 16, .batch = 32, .seq = 65536, .ragged = true};
        const Case alone = ragged;
        ragged.threads = all_threads();
        pairs.push_back({"ragged 64k + 31 x 512, all threads against one", ragged, alone, 1.1 / all_threads()});
    }
    return pairs;
}

// Steps that both doors are measured with.
inline std::vector<Case> default_doors() {
    const Case core{.seq = 16384};
    std::vector<Case> cases(6, core);
    cases[1].heads = kHeads[0];
    cases[2].cache = Element::kInt8;
    cases[3].block_size = 128;
    cases[4].seq = 1024, cases[4].cold = false;
    cases[5].seq = 64, cases[5].cold = false;
    return cases;
}

}  // namespace bench
