// The policies of a call, found by role.
#include "ifa/policy_pack.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "ifa/resolve.hpp"

namespace {

using ifa::PolicyPack;

struct Term {
    using role = ifa::role::ScoreTerm;
    int id = 0;

    void operator()(const ifa::ScoreTile&) const {}
};
struct Shifting {
    using role = ifa::role::ScoreTerm;
    static constexpr bool kShiftInvariant = true;

    void operator()(const ifa::ScoreTile&) const {}
};
const auto lambda = [](const ifa::ScoreTile&) {};
using Lambda = std::remove_const_t<decltype(lambda)>;

TEST(PolicyPack, KnowsTheRoleOfEachPolicy) {
    static_assert(ifa::PlaysRole<ifa::Inline, ifa::role::Executor>);
    static_assert(ifa::PlaysRole<ifa::AttnMask, ifa::role::Visibility>);
    static_assert(ifa::PlaysRole<Lambda, ifa::role::ScoreTerm>);
    static_assert(!ifa::PlaysRole<Lambda, ifa::role::Visibility>);
    static_assert(ifa::PlaysRole<int, void>);
}

TEST(PolicyPack, CountsRoles) {
    using Pack = PolicyPack<Term, ifa::AttnMask, Lambda, ifa::Inline>;
    static_assert(Pack::kCount<ifa::role::ScoreTerm> == 2);
    static_assert(Pack::kCount<ifa::role::Visibility> == 1);
    static_assert(Pack::kCount<ifa::role::Precision> == 0);
    static_assert(PolicyPack<>::kCount<ifa::role::ScoreTerm> == 0);
}

TEST(PolicyPack, VisitsARoleInTheOrderOfTheCall) {
    const Term first{1}, second{2};
    const ifa::Inline executor;
    const PolicyPack<Term, ifa::Inline, Term> pack(first, executor, second);
    std::vector<int> ids;
    pack.each<ifa::role::ScoreTerm>([&](const Term& term) { ids.push_back(term.id); });
    EXPECT_EQ(ids, (std::vector<int>{1, 2}));
}

TEST(PolicyPack, RefersToThePoliciesThemselves) {
    const Term term{7};
    const PolicyPack<Term> pack(term);
    EXPECT_EQ(&pack.find<ifa::role::ScoreTerm>(term), &term);
    const Term other{8};
    EXPECT_EQ(&PolicyPack<>().find<ifa::role::ScoreTerm>(other), &other);
}

TEST(PolicyPack, VisitsEveryPolicy) {
    const Term term;
    const ifa::Inline executor;
    int visited = 0;
    PolicyPack<Term, ifa::Inline, Lambda>(term, executor, lambda).each_policy([&](const auto&) { ++visited; });
    EXPECT_EQ(visited, 3);
}

TEST(PolicyPack, TermsAreShiftInvariantWhenAllSayTheyAre) {
    static_assert(PolicyPack<>::kTermsShiftInvariant);
    static_assert(PolicyPack<Shifting, ifa::PseShift<float>, ifa::Inline>::kTermsShiftInvariant);
    static_assert(!PolicyPack<Shifting, Term>::kTermsShiftInvariant);
    static_assert(!PolicyPack<Lambda>::kTermsShiftInvariant);
}

}  // namespace
