// flags: -ffinite-math-only
// expect: ifa: compile without -ffast-math, -ffinite-math-only and -fassociative-math: hidden tokens are -inf scores
#include <ifa/config.hpp>
