// Legal points of the space of calls: whether a choice can be completed, random completions, and which pairs were seen.
#pragma once

#include <bit>
#include <cstddef>
#include <string>
#include <vector>

#include "combinations.hpp"
#include "support/random.hpp"

namespace properties {

// The values each factor may still take, as bits.
using Domains = std::array<std::uint32_t, kFactors>;

// Calls visit(value) for each value in a domain.
template <class Visit>
void for_each_value(std::uint32_t domain, const Visit& visit) {
    for (; domain; domain &= domain - 1) visit(static_cast<std::size_t>(std::countr_zero(domain)));
}

class Space {
   public:
    static constexpr std::size_t kMostValues = 8;

    Space() {
        for (std::size_t f = 0; f < kFactors; ++f)
            for (std::size_t v = 0; v < descriptions()[f].values.size(); ++v)
                if (*descriptions()[f].values[v]) all_[f] |= 1u << v;
        for (std::size_t f = 0; f < kFactors; ++f)
            for (std::size_t v = 0; v < kMostValues; ++v) allowed_[f][v] = all_;
        for (const Rule& rule : kRules) apply(rule);
    }

    const Domains& all() const { return all_; }

    // Gives a factor a value, and takes from the others what it excludes. False when some factor has no value left.
    bool assign(Domains& domains, std::size_t factor, std::size_t value) const {
        domains[factor] &= 1u << value;
        bool possible = true;
        for (std::size_t f = 0; f < kFactors; ++f) {
            domains[f] &= allowed_[factor][value][f];
            possible = possible && domains[f] != 0;
        }
        return possible;
    }

    // Whether some point has these two values. Exact: searches, the most constrained factor first.
    bool legal(std::size_t f, std::size_t v, std::size_t g, std::size_t w) const {
        Domains domains = all_;
        return assign(domains, f, v) && (domains[g] >> w & 1u) && assign(domains, g, w) && completable(domains, 0);
    }

    // A point with the types of a row and random other values.
    Point complete(std::size_t row, support::Random& random) const {
        Point point = point_of_row(row);
        Domains domains = all_;
        for (std::size_t f = 0; f < kTypeFactors; ++f) assign(domains, f, point.values[f]);
        for (std::size_t f = kTypeFactors; f < kFactors; ++f) {
            point.values[f] = static_cast<std::uint8_t>(pick(domains[f], random));
            assign(domains, f, point.values[f]);
        }
        return point;
    }

   private:
    void apply(const Rule& rule) {
        for_each_value(all_[rule.factor], [&](std::size_t v) {
            for_each_value(all_[rule.other], [&](std::size_t w) {
                if (rule.allows(static_cast<int>(v), static_cast<int>(w))) return;
                allowed_[rule.factor][v][rule.other] &= ~(1u << w);
                allowed_[rule.other][w][rule.factor] &= ~(1u << v);
            });
        });
    }

    static std::size_t pick(std::uint32_t domain, support::Random& random) {
        for (std::size_t skip = random.index(static_cast<std::size_t>(std::popcount(domain))); skip > 0; --skip)
            domain &= domain - 1;
        return static_cast<std::size_t>(std::countr_zero(domain));
    }

    // `assigned` has a bit for each factor whose value has been taken into account.
    bool completable(const Domains& domains, std::uint64_t assigned) const {
        std::size_t next = kFactors;
        for (std::size_t f = 0; f < kFactors; ++f)
            if (!(assigned >> f & 1u) && (next == kFactors || std::popcount(domains[f]) < std::popcount(domains[next])))
                next = f;
        if (next == kFactors) return true;
        bool found = false;
        for_each_value(domains[next], [&](std::size_t value) {
            Domains narrowed = domains;
            found =
                found || (assign(narrowed, next, value) && completable(narrowed, assigned | std::uint64_t{1} << next));
        });
        return found;
    }

    Domains all_ = {};
    std::array<std::array<Domains, kMostValues>, kFactors> allowed_ = {};
};

// Which pairs of values of two factors have been in one call.
class PairCoverage {
   public:
    explicit PairCoverage(const Space& space) : states_(kFactors * kFactors) {
        for_each_pair(kFactors, [&](std::size_t f, std::size_t g) {
            for_each_value(space.all()[f], [&](std::size_t v) {
                for_each_value(space.all()[g], [&](std::size_t w) {
                    if (!space.legal(f, v, g, w)) return;
                    state(f, v, g, w) = kLegal;
                    ++legal_;
                });
            });
        });
    }

    std::size_t legal() const { return legal_; }
    std::size_t covered() const { return covered_; }
    bool complete() const { return covered_ == legal_; }

    // How many pairs of the point are new.
    std::size_t gain(const Point& point) {
        std::size_t fresh = 0;
        for_each_pair(kFactors, [&](std::size_t f, std::size_t g) {
            fresh += state(f, point.values[f], g, point.values[g]) == kLegal;
        });
        return fresh;
    }

    // Notes the pairs of a point of whose factors the first `factors` are known.
    void mark(const Point& point, std::size_t factors = kFactors) {
        for_each_pair(factors, [&](std::size_t f, std::size_t g) {
            State& pair = state(f, point.values[f], g, point.values[g]);
            if (pair == kLegal) ++covered_;
            pair = kCovered;
        });
    }

    // The uncovered pairs of the first `factors` factors, one a line.
    std::string missing(std::size_t factors = kFactors) {
        std::string lines;
        const auto name = [](std::size_t f, std::size_t v) {
            return std::string(descriptions()[f].name) + " = " + descriptions()[f].values[v];
        };
        for_each_pair(factors, [&](std::size_t f, std::size_t g) {
            for (std::size_t v = 0; v < Space::kMostValues; ++v)
                for (std::size_t w = 0; w < Space::kMostValues; ++w)
                    if (state(f, v, g, w) == kLegal) lines += "  " + name(f, v) + " with " + name(g, w) + "\n";
        });
        return lines;
    }

   private:
    enum State : std::uint8_t { kIllegal, kLegal, kCovered };

    template <class Visit>
    static void for_each_pair(std::size_t factors, const Visit& visit) {
        for (std::size_t f = 0; f < factors; ++f)
            for (std::size_t g = f + 1; g < factors; ++g) visit(f, g);
    }

    State& state(std::size_t f, std::size_t v, std::size_t g, std::size_t w) {
        return states_[f * kFactors + g][v * Space::kMostValues + w];
    }

    std::vector<std::array<State, Space::kMostValues * Space::kMostValues>> states_;
    std::size_t legal_ = 0;
    std::size_t covered_ = 0;
};

// Points one after the other, of a seed: each the one among several random candidates that adds the most new pairs,
// until none is missing, then any.
class PointSequence {
   public:
    explicit PointSequence(std::uint64_t seed) : random_(seed), coverage_(space_) {}

    Point next() {
        Point best = candidate();
        for (int i = 1; i < kCandidates && !coverage_.complete(); ++i) {
            const Point other = candidate();
            if (coverage_.gain(other) > coverage_.gain(best)) best = other;
        }
        coverage_.mark(best);
        return best;
    }

    PairCoverage& coverage() { return coverage_; }

   private:
    static constexpr int kCandidates = 16;

    Point candidate() { return space_.complete(random_.index(kRows), random_); }

    support::Random random_;
    Space space_;
    PairCoverage coverage_;
};

}  // namespace properties
