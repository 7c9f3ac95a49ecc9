// The policies of one call, found by role.
#pragma once

#include "concepts.hpp"

namespace ifa::inline IFA_ISA {

template <class P>
concept DeclaresRole = requires { typename P::role; };

// What a policy declares, ScoreTerm for a plain callable, void for what is no policy.
template <class P>
struct RoleOf {
    using type = std::conditional_t<ScoreTerm<P>, role::ScoreTerm, void>;
};
template <DeclaresRole P>
struct RoleOf<P> {
    using type = typename P::role;
};

template <class P, class Role>
concept PlaysRole = std::is_same_v<typename RoleOf<P>::type, Role>;

// References to the policies, in the order of the call.
template <class... Policies>
struct PolicyPack {
    template <class Role>
    static constexpr int kCount = 0;
    static constexpr bool kTermsShiftInvariant = true;

    template <class Role, class Visit>
    IFA_INLINE constexpr void each(const Visit&) const {}
    template <class Visit>
    IFA_INLINE constexpr void each_policy(const Visit&) const {}
    template <class Role, class Default>
    IFA_INLINE constexpr const Default& find(const Default& otherwise) const {
        return otherwise;
    }
};

template <class P, class... Rest>
struct PolicyPack<P, Rest...> {
    IFA_INLINE constexpr explicit PolicyPack(const P& p, const Rest&... others) : first(p), rest(others...) {}

    template <class Role>
    static constexpr int kCount = PolicyPack<Rest...>::template kCount<Role> + (PlaysRole<P, Role> ? 1 : 0);

    // No score term can tell scores from the same scores plus a constant.
    static constexpr bool kTermsShiftInvariant =
        PolicyPack<Rest...>::kTermsShiftInvariant &&
        (!PlaysRole<P, role::ScoreTerm> || requires { requires P::kShiftInvariant; });

    // Calls visit(policy) for each policy of a role.
    template <class Role, class Visit>
    IFA_INLINE constexpr void each(const Visit& visit) const {
        if constexpr (PlaysRole<P, Role>) visit(first);
        rest.template each<Role>(visit);
    }

    template <class Visit>
    IFA_INLINE constexpr void each_policy(const Visit& visit) const {
        visit(first);
        rest.each_policy(visit);
    }

    // The first policy of a role, or `otherwise`.
    template <class Role, class Default>
    IFA_INLINE constexpr const auto& find(const Default& otherwise) const {
        if constexpr (PlaysRole<P, Role>) return first;
        else return rest.template find<Role>(otherwise);
    }

    const P& first;
    PolicyPack<Rest...> rest;
};

}  // namespace ifa::inline IFA_ISA
