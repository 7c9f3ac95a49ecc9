// What each of two units, built for an instruction set of its own, offers the program that links both.
#pragma once

#include <ifa/kernel/plan.hpp>

namespace odr {

constexpr ifa::Shape kQuery{.batch = 2, .heads = 4, .head_dim = 11};
constexpr ifa::Shape kCache{.batch = 2, .heads = 2, .seq = 1000, .head_dim = 11};

// query and out [2, 4, 1, 11], key and value [2, 2, 1000, 11].
struct Operands {
    const float* query;
    const float* key;
    const float* value;
    float* out;
};

enum class Caught { kNothing, kRuntimeError, kError, kOther };

struct Unit {
    const char* (*isa)();
    void (*compute)(const Operands& operands);
    ifa::Plan (*plan)(const Operands& operands);
    void (*compute_planned)(const Operands& operands, const ifa::Plan& plan, std::byte* workspace);
    void (*throw_runtime_error)();
    // As what this unit sees an error, catching the narrowest type first, or the library's base alone.
    Caught (*catch_narrowest)(void (*thrower)());
    Caught (*catch_base)(void (*thrower)());
    // Uses the rest of the library, so that the check of symbols sees it. True if all of it went well.
    bool (*use_everything)();
};

extern const Unit kBaselineUnit;
extern const Unit kAvx2Unit;

}  // namespace odr
