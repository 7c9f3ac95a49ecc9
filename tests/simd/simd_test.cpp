// The operations on vectors, in the instruction set this unit is compiled for.
#define SIMD_SUITE Simd
#include "simd/operations.hpp"
