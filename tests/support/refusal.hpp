// What a call says of bad input: by exception and by `check` alike, with the output left as it was.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "ifa/errors.hpp"

namespace support {

inline const char* name(ifa::ErrorKind kind) {
    constexpr const char* kNames[] = {"TypeError", "ValueError", "RuntimeError"};
    return kNames[static_cast<int>(kind)];
}

// The error of a call; accepted when it has none.
struct Refusal {
    bool accepted = true;
    ifa::ErrorKind kind = ifa::ErrorKind::kType;
    std::string message = {};

    bool operator==(const Refusal&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Refusal& refusal) {
    if (refusal.accepted) return out << "accepted";
    return out << name(refusal.kind) << ": " << refusal.message;
}

// What `call` throws, by its class.
template <class Call>
Refusal thrown_by(const Call& call) {
    try {
        call();
        return {};
    } catch (const ifa::TypeError& error) {
        return {false, ifa::ErrorKind::kType, error.what()};
    } catch (const ifa::ValueError& error) {
        return {false, ifa::ErrorKind::kValue, error.what()};
    } catch (const ifa::RuntimeError& error) {
        return {false, ifa::ErrorKind::kRuntime, error.what()};
    }
}

inline Refusal refusal_of(const ifa::CheckResult& result) {
    return result ? Refusal{false, result->kind, result->message} : Refusal{};
}

// One line of a table of bad input: `refused` makes the call, whose message must begin with the argument and go on to
// name what was expected and what came.
struct BadInput {
    const char* name;
    ifa::ErrorKind kind;
    const char* argument;
    const char* expected;
    const char* came;
    std::function<Refusal()> refused;
};

inline void expect_refused(const BadInput& bad) {
    const Refusal refusal = bad.refused();
    EXPECT_FALSE(refusal.accepted) << bad.name;
    if (refusal.accepted) return;
    EXPECT_EQ(name(refusal.kind), std::string(name(bad.kind))) << bad.name << ": " << refusal.message;
    EXPECT_EQ(refusal.message.rfind(bad.argument + std::string(": "), 0), 0u) << bad.name << ": " << refusal.message;
    EXPECT_NE(refusal.message.find(bad.expected), std::string::npos) << bad.name << ": " << refusal.message;
    EXPECT_NE(refusal.message.find(bad.came), std::string::npos) << bad.name << ": " << refusal.message;
}

}  // namespace support
