// The operations on vectors and rows as any target has them, in one program with those of this target.
#ifndef IFA_FORCE_PORTABLE
#define IFA_FORCE_PORTABLE
#endif
#define SIMD_SUITE SimdPortable
#define ROW_SUITE RowPortable
#include "simd/operations.hpp"
#include "simd/rows.hpp"
