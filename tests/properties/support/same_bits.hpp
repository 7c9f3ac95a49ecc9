// The ways of storing, batching, planning and running one problem, none of which may change a bit of its result.
#pragma once

#include "execute.hpp"
#include "hash.hpp"
#include "staging.hpp"

namespace properties {

constexpr Combination combine(const Elements& e, Storage storage, Padding padding, Planning planning) {
    const auto quant = e.output == ElementType::kInt8 ? Quant::kPerTensor : Quant::kPlain;
    return {e.query, e.cache, e.codec,  e.scale,          e.output, quant,      LogSumExp::kKept,
            storage, padding, planning, Masking::kMasked, e.query,  Cap::kNone, e.precision};
}

// Computes a call of a variant's storage, padding and planning.
template <std::size_t index>
void execute_variant(const Variant& variant, const Call& call) {
    constexpr const Elements& e = kElements[index];
    const bool planned = variant.planning == Planning::kPlanned, left = variant.padding == Padding::kLeft;
    constexpr auto kDirect = Planning::kUnplanned, kAhead = Planning::kPlanned;
    constexpr auto kRight = Padding::kRight, kLeft = Padding::kLeft;
    if (variant.storage == Storage::kList) return execute<combine(e, Storage::kList, kRight, kDirect)>(call);
    if (variant.storage == Storage::kPaged)
        return planned ? execute<combine(e, Storage::kPaged, kRight, kAhead)>(call)
                       : execute<combine(e, Storage::kPaged, kRight, kDirect)>(call);
    if (planned) return execute<combine(e, Storage::kContiguous, kRight, kAhead)>(call);
    return left ? execute<combine(e, Storage::kContiguous, kLeft, kDirect)>(call)
                : execute<combine(e, Storage::kContiguous, kRight, kDirect)>(call);
}

inline std::vector<Variant> layouts() {
    return {{.name = "cache in BSH", .cache_layout = Layout::kBsh},
            {.name = "query and output in BSH", .row_layout = Layout::kBsh},
            {.name = "everything in BSND", .row_layout = Layout::kBsnd, .cache_layout = Layout::kBsnd},
            {.name = "everything strided", .row_layout = Layout::kStrided, .cache_layout = Layout::kStrided}};
}

inline std::vector<Variant> lists() {
    return {{.name = "list in BNSD", .storage = Storage::kList},
            {.name = "list in BSH", .storage = Storage::kList, .cache_layout = Layout::kBsh}};
}

inline std::vector<Variant> pages() {
    std::vector<Variant> all;
    for (const Index size : {1, 7, 16, 24, 128})
        for (const Layout layout : {Layout::kBsh, Layout::kBnsd})
            all.push_back({.name = "pages of " + std::to_string(size) +
                                   (layout == Layout::kBsh ? ", token" : ", head") + "-major",
                           .storage = Storage::kPaged,
                           .cache_layout = layout,
                           .block_size = size});
    return all;
}

inline std::vector<Variant> left_paddings() {
    return {{.name = "left, padding 0", .padding = Padding::kLeft},
            {.name = "left, padding 11", .padding = Padding::kLeft, .cache_layout = Layout::kBsh, .kv_padding = 11}};
}

inline std::vector<Variant> repeated_heads() {
    return {{.name = "repeated heads", .repeats_heads = true},
            {.name = "repeated heads in pages", .storage = Storage::kPaged, .block_size = 16, .repeats_heads = true}};
}

inline std::vector<Variant> threads() {
    std::vector<Variant> all;
    for (int workers = 2; workers <= 8; ++workers)
        all.push_back(
            {.name = std::to_string(workers) + " threads", .executor = ExecutorKind::kEigenPool, .workers = workers});
    return all;
}

inline std::vector<Variant> odd_executors() {
    std::vector<Variant> all;
    for (const auto kind : {ExecutorKind::kReversed, ExecutorKind::kOneByOne, ExecutorKind::kShortHanded})
        for (const int workers : {2, 5})
            all.push_back({.name = std::string(descriptions()[kExecutor].values[static_cast<std::size_t>(kind)]) +
                                   ", " + std::to_string(workers) + " jobs",
                           .executor = kind,
                           .workers = workers});
    return all;
}

inline std::vector<Variant> plans() {
    constexpr auto kPlanned = Planning::kPlanned;
    return {{.name = "planned", .planning = kPlanned},
            {.name = "planned pages", .storage = Storage::kPaged, .planning = kPlanned, .block_size = 16},
            {.name = "planned threads", .planning = kPlanned, .executor = ExecutorKind::kEigenPool, .workers = 3}};
}

inline std::vector<Variant> workspaces() {
    return {{.name = "aligned workspace", .workspace = WorkspaceKind::kAligned},
            {.name = "odd workspace", .workspace = WorkspaceKind::kOdd},
            {.name = "odd workspace of a plan", .planning = Planning::kPlanned, .workspace = WorkspaceKind::kOdd}};
}

// Each sequence alone, and all in reverse.
inline std::vector<Variant> batches(const Scene& scene) {
    std::vector<Variant> all = {{.name = "in reverse"}};
    for (Index b = 0; b < as_index(scene.lengths.size()); ++b) {
        all[0].sequences.insert(all[0].sequences.begin(), b);
        all.push_back({.name = "sequence " + std::to_string(b) + " alone", .sequences = {b}});
    }
    return all;
}

inline std::vector<Variant> every_variant(const Scene& scene) {
    std::vector<Variant> all;
    for (const auto& some : {layouts(), lists(), pages(), left_paddings(), repeated_heads(), threads(), odd_executors(),
                             plans(), workspaces(), batches(scene)})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

// Computes with elements of a cache type, by their index. Each type is a unit of its own.
template <ElementType cache>
void execute_elements(std::size_t index, const Variant& variant, const Call& call) {
    const auto try_elements = [&]<std::size_t i>() {
        if constexpr (kElements[i].cache == cache)
            if (index == i) execute_variant<i>(variant, call);
    };
    [&]<std::size_t... indices>(std::index_sequence<indices...>) {
        (try_elements.template operator()<indices>(), ...);
    }(std::make_index_sequence<kElements.size()>{});
}

void execute_elements_over_float32(std::size_t index, const Variant& variant, const Call& call);
void execute_elements_over_float16(std::size_t index, const Variant& variant, const Call& call);
void execute_elements_over_bfloat16(std::size_t index, const Variant& variant, const Call& call);
void execute_elements_over_int8(std::size_t index, const Variant& variant, const Call& call);

// The results of a variant's sequences.
inline std::map<Index, std::vector<std::byte>> results(const Scene& scene, std::size_t index, const Variant& variant) {
    Staging staging(scene, kElements[index], variant);
    switch (kElements[index].cache) {
        case ElementType::kFloat16: execute_elements_over_float16(index, variant, staging.call); break;
        case ElementType::kBfloat16: execute_elements_over_bfloat16(index, variant, staging.call); break;
        case ElementType::kInt8: execute_elements_over_int8(index, variant, staging.call); break;
        default: execute_elements_over_float32(index, variant, staging.call); break;
    }
    return staging.results();
}

// Of the results of variants_of(scene), over all scenes and elements.
template <class VariantsOf>
Hash hash_of_results(const VariantsOf& variants_of) {
    Hash hash;
    for (const Scene& scene : scenes())
        for (std::size_t elements = 0; elements < kElements.size(); ++elements)
            for (const Variant& variant : variants_of(scene))
                for (const auto& [sequence, bytes] : results(scene, elements, variant)) hash.add(bytes);
    return hash;
}

}  // namespace properties
