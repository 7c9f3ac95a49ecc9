// Which tokens of the cache are filled: all, the first `length` (right padding), or those before a tail (left padding).
#pragma once

#include "../lengths.hpp"
#include "../view_checks.hpp"

namespace ifa::inline IFA_ISA {

// One length for all or one each.
inline void check_lengths(const Lengths& lengths, const Geometry& geometry, Contracts& contracts) {
    if (lengths.given() && lengths.count() != 1 && lengths.count() != geometry.batch)
        contracts.fail(ErrorKind::kValue, "actual_seq_lengths: expected 1 or {} elements (the batch), got {}",
                       geometry.batch, lengths.count());
    if (lengths.null()) contracts.fail(ErrorKind::kRuntime, "actual_seq_lengths: expected data, got a null pointer");
}

// Each within [0, limit(sequence)].
template <class Limit>
inline void check_length_values(const Lengths& lengths, Index batch, const Limit& limit, Contracts& contracts) {
    if (!lengths.given()) return;
    for (Index b = 0; b < batch; ++b)
        if (lengths[b] < 0 || lengths[b] > limit(b))
            return contracts.fail(ErrorKind::kRuntime,
                                  "actual_seq_lengths[{}]: expected 0 to {} (the tokens the cache can "
                                  "hold), got {}",
                                  lengths.count() == 1 ? Index{0} : b, limit(b), lengths[b]);
}

IFA_INLINE TensorView<const unsigned char> as_view(const Lengths& lengths) {
    return as_view(static_cast<const unsigned char*>(lengths.data()), lengths.bytes());
}

// Every token of the cache. The same as naming no padding.
struct NoPadding {
    using role = role::Visibility;
    using is_padding = std::true_type;

    static constexpr bool bounds() { return false; }
    IFA_INLINE constexpr Window window(Index, Index kv_length) const { return {0, kv_length}; }
};

// Tokens [0, length) of each sequence: the document's actual_seq_lengths. Absent lengths mean every token.
struct RightPadding {
    using role = role::Visibility;
    using is_padding = std::true_type;

    Lengths lengths = {};

    IFA_INLINE bool bounds() const { return lengths.given(); }
    IFA_INLINE Window window(Index sequence, Index kv_length) const {
        return {0, lengths.given() ? lengths[sequence] : kv_length};
    }
    inline void check(const Geometry& geometry, Contracts& contracts) const {
        check_lengths(lengths, geometry, contracts);
    }
    template <class Limit>
    inline void check_windows(Index batch, const Limit& limit, Contracts& contracts) const {
        check_length_values(lengths, batch, limit, contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("actual_seq_lengths", as_view(lengths));
    }
};

// Tokens [S - p - length, S - p) of each sequence, p = max(padding, 0): the document's kv_padding_size. A window that
// would start before 0 is empty. Without lengths it is ignored.
struct LeftPadding {
    using role = role::Visibility;
    using is_padding = std::true_type;
    static constexpr bool kLeft = true;

    Lengths lengths = {};
    Index padding = 0;

    IFA_INLINE bool bounds() const { return lengths.given(); }
    IFA_INLINE Window window(Index sequence, Index kv_length) const {
        if (!lengths.given()) return {0, kv_length};
        const Index end = kv_length - (padding > 0 ? padding : 0);
        const Index begin = end - lengths[sequence];
        return begin < 0 ? Window{} : Window{begin, end};
    }
    inline void check(const Geometry& geometry, Contracts& contracts) const {
        check_lengths(lengths, geometry, contracts);
    }
    template <class Limit>
    inline void check_windows(Index batch, const Limit& limit, Contracts& contracts) const {
        check_length_values(lengths, batch, limit, contracts);
    }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("actual_seq_lengths", as_view(lengths));
    }
};

}  // namespace ifa::inline IFA_ISA
