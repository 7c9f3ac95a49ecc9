// The operations on rows, in the instruction set this unit is compiled for.
#define ROW_SUITE Row
#include "simd/rows.hpp"
