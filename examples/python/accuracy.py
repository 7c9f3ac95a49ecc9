"""How far an output is from the formula in float64.

The library's bounds are for the float32 result. An output of fewer bits is that result rounded to nearest: of its
distance from the exact value, half a step of its type is rounding, and only what is beyond counts as an error.
"""

import math

import numpy

# The largest relative L2 error that a row may have in float32.
BOUND = 2e-6
INT8_BOUND = 1e-3  # over an int8 cache with inner_precise 1

# Of the 16-bit types: bits of the significand, the leading one among them, and the exponent of the smallest step.
SIGNIFICANDS = {"float16": (11, -24), "bfloat16": (8, -133)}


def beyond_rounding(got, exact, dtype):
    """What of |got - exact| is not explained by rounding to a floating-point type."""
    difference = numpy.abs(got - exact)
    if dtype not in SIGNIFICANDS:
        return difference
    bits, smallest_step = SIGNIFICANDS[dtype]
    exponents = numpy.frexp(exact)[1]
    half_steps = numpy.ldexp(0.5, numpy.maximum(exponents - bits, smallest_step))
    return numpy.maximum(difference - half_steps, 0)


def beyond_int8_rounding(got, exact, scale, offset):
    """The same for round(exact * scale + offset) in int8, in units of `exact`."""
    got, exact = got.astype(float), exact * scale + offset
    saturated = ((got == 127) & (exact > 127)) | ((got == -128) & (exact < -128))
    return numpy.where(saturated, 0, numpy.maximum(numpy.abs(got - exact) - 0.5, 0)) / numpy.abs(scale)


def worst_row(excess, exact):
    """The largest relative L2 error of a row, the last axis. A row of zeros has to be met exactly."""
    errors, norms = numpy.linalg.norm(excess, axis=-1), numpy.linalg.norm(exact, axis=-1)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        errors = numpy.where(errors == 0, 0, errors / norms)
    return float(numpy.nan_to_num(errors, nan=math.inf).max(initial=0))


class Table:
    """The worst error of each group of cases, and how many cases those are: a row for a feature, a column for types."""

    def __init__(self, bounds):
        self._bounds = bounds  # by column
        self._cells = {}

    def add(self, row, column, error):
        cases, worst = self._cells.setdefault(row, {}).get(column, (0, 0.0))
        self._cells[row][column] = (cases + 1, max(worst, error))

    def print(self):
        print(" " * 24 + "".join(f"{column:>18}" for column in self._bounds))
        print(f"{'bound':24}" + "".join(f"{bound:18.1e}" for bound in self._bounds.values()))
        for row, cells in self._cells.items():
            texts = ("{1:.1e} of {0:3}".format(*cells[column]) if column in cells else "" for column in self._bounds)
            print(f"{row:24}" + "".join(f"{text:>18}" for text in texts))

    def within_bounds(self):
        return all(
            worst <= self._bounds[column] for cells in self._cells.values() for column, (_, worst) in cells.items()
        )
