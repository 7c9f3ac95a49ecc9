// Everything one call's kernels see, as one type: the operands, and the policies by role.
#pragma once

#include "../policy_pack.hpp"
#include "workspace.hpp"

namespace ifa::inline IFA_ISA {

// Query heads that an item has at most, and so kv heads, where it has several: their states stay in the second-level
// cache.
inline constexpr Index kMostItemHeads = 64;

// The query rows of a run of kv heads, against one chunk of one sequence, or against a span of them.
struct Work {
    Index sequence = 0;
    Index kv_head = 0;
    Index kv_heads = 1;
    Index first_head = 0;
    Index group = 1;  // query heads per kv head
    Window tokens = {};
    Index window_begin = 0;
    bool mean_of_values = false;  // every mask is ignored and all scores are equal

    IFA_INLINE Index heads() const { return kv_heads * group; }
    IFA_INLINE Row row(Index i) const { return {sequence, first_head + i, 0}; }
    // The part of it that reads the i-th chunk.
    IFA_INLINE Work chunk(Index i, Index chunk_tokens) const {
        Work part = *this;
        part.tokens.begin += i * chunk_tokens;
        if (part.tokens.length() > chunk_tokens) part.tokens.end = part.tokens.begin + chunk_tokens;
        return part;
    }
    // The part of it that reads one kv head, counted from the first.
    IFA_INLINE Work of(Index i) const {
        Work part = *this;
        part.kv_head += i;
        part.kv_heads = 1;
        part.first_head += i * group;
        return part;
    }
};

// The tokens of a sequence that the windows of all policies leave, never beyond the cache.
template <class Storage, class Policies>
inline Window visible_window(const Storage& kv, const Policies& policies, Index sequence) {
    Window all{0, kv.length(sequence)};
    policies.template each<role::Visibility>([&](const auto& visibility) {
        if constexpr (WindowVisibility<std::remove_cvref_t<decltype(visibility)>>) {
            const Window one = visibility.window(sequence, kv.length(sequence));
            if (one.begin > all.begin) all.begin = one.begin;
            if (one.end < all.end) all.end = one.end;
        }
    });
    return all;
}

// Whether the rows of a token's kv heads lie nearer to each other than those of a head's tokens. A storage that does
// not say is read head by head.
template <class Storage>
IFA_INLINE bool is_token_major(const Storage& kv) {
    if constexpr (requires { kv.token_major(); }) return kv.token_major();
    else return false;
}

// Whether a term has nothing to say in this call. One that does not tell has something.
template <class Term>
IFA_INLINE bool is_absent(const Term& term) {
    if constexpr (requires { term.absent(); }) return term.absent();
    else return false;
}

template <class Query, class Storage, class Codec, class Sink, class Groups, class Precision, class Executor,
          class Policies>
struct Problem {
    using key_type = typename Storage::key_type;
    using value_type = typename Storage::value_type;

    static constexpr bool kQuantised = Codec::kQuantised;
    // Value offsets are added to the stored integers tile by tile.
    static constexpr bool kShiftsValues = kQuantised && Precision::kExactOffsets;
    // int8 elements are multiplied in integers where precision allows.
    using Products = std::conditional_t<kQuantised && Precision::kIntegerProducts, IntegerProducts, FloatProducts>;

    static constexpr bool kKeepsLogSumExp = Sink::kKeepsLogSumExp;

    Query query;
    const Storage& kv;
    const Codec& codec;
    Sink sink;
    const Groups& groups;
    const Executor& executor;
    Policies policies;
    Geometry geometry;
    double scale = 1;

    // Something can tell scores from the same scores plus a constant, so what folding left out is added.
    static constexpr bool kNeedsKeyConstant = kQuantised && (kKeepsLogSumExp || !Policies::kTermsShiftInvariant);

    // A bit for each column of [first_column, first_column + count) that some policy hides.
    IFA_INLINE std::uint64_t hidden(Index sequence, Index first_column, int count) const {
        std::uint64_t bits = 0;
        policies.template each<role::Visibility>([&](const auto& visibility) {
            if constexpr (ColumnVisibility<std::remove_cvref_t<decltype(visibility)>>)
                bits |= visibility.hidden(sequence, first_column, count);
        });
        return bits;
    }

    inline Work work(const Plan& plan, const PlanItem& item, const Workspace& workspace) const {
        const Window& window = plan.window(item.sequence);
        const Index group = groups.group(geometry);
        const Index begin = window.begin + item.span * plan.span_tokens();
        const Index tokens = window.end - begin;
        const Index left = geometry.kv_heads - item.kv_head;
        return {.sequence = item.sequence,
                .kv_head = item.kv_head,
                .kv_heads = plan.parts().run < left ? plan.parts().run : left,
                .first_head = item.kv_head * group,
                .group = group,
                .tokens = {begin, plan.span_tokens() < tokens ? begin + plan.span_tokens() : window.end},
                .window_begin = window.begin,
                .mean_of_values = workspace.wholly_hidden[item.sequence] != 0};
    }
};

}  // namespace ifa::inline IFA_ISA
