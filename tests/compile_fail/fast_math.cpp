// Hidden tokens have a score of -inf, which these modes assume away.
// flags: -ffast-math
// expect: ifa: compile without -ffast-math, -ffinite-math-only and -fassociative-math: hidden tokens are -inf scores
#include <ifa/config.hpp>
