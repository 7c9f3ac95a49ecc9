"""Compares the operator in MindSpore with a composition of MindSpore's own CPU operators in float32.

    compare.py [--seed N]     in the environment of ./setup

Every case runs in PyNative mode, where its rows are held against the composition's, and under mindspore.jit, which must
give the same bits. Then come calls that must be refused.
"""

import argparse
import inspect
import sys

import mindspore
import numpy
from cases import Operands, further_cases, published_cases
from ifa_mindspore import incre_flash_attention
from mindspore import Tensor, bfloat16, float16, float32, ops

in_graph = mindspore.jit(incre_flash_attention)

# The largest relative error of rounding to 11, 8 or 24 significant bits; no row's L2 error is larger.
ROUNDING = {float16: 2.0**-11, bfloat16: 2.0**-8, float32: 2.0**-24}
# The composition, held against float64: up to 1.3e-6 in a row, from 4 thousand to 262 thousand tokens. The rest is
# room for larger scores; a score of 16 is off by up to 1e-6, and so is its weight.
COMPOSITION = 4e-6
# What ifa promises of its float32 result. By default int8 keys may be multiplied as integers, and bfloat16 by
# instructions that round in between.
HIGH_PRECISION, INT8_CACHE, BFLOAT16_CACHE = 2e-6, 1e-3, 2e-3

LINE = "{:30} {:26} {:8} {:>13}  {:>9}  {:>7}  {:10}  {}"


def bound(case, dtype):
    """For the relative error of a row."""
    promise = HIGH_PRECISION
    if case.inner_precise == 1 and case.int8_cache:
        promise = INT8_CACHE
    elif case.inner_precise == 1 and dtype == bfloat16:
        promise = BFLOAT16_CACHE
    rounding = 0 if case.int8_output else ROUNDING[dtype]
    return rounding + COMPOSITION + promise


class Composition:
    """Attention by MindSpore's own operators in float32, a sequence at a time."""

    def __init__(self, operands):
        self._operands, self._case = operands, operands.case

    def rows(self):
        """[batch, heads, head_dim]."""
        return numpy.stack([self._sequence(b).asnumpy() for b in range(self._case.batch)])

    def _sequence(self, b):
        """[heads, head_dim]."""
        case, operands = self._case, self._operands
        visible = self._visible(b)
        by_groups = (case.kv_heads, case.heads // case.kv_heads, -1)
        query = operands.query[b].astype(float32).reshape(by_groups)
        scores = ops.BatchMatMul(transpose_b=True)(query, self._cache_rows(0, b)) * case.head_dim**-0.5
        if operands.pse_shift is not None:
            scores = scores + operands.pse_shift[0, :, 0, : len(visible)].astype(float32).reshape(by_groups)
        scores = scores + Tensor(numpy.where(visible, 0, -1e30), float32)
        rows = ops.BatchMatMul()(ops.softmax(scores, -1), self._cache_rows(1, b))
        return rows.reshape(case.heads, case.head_dim) * float(visible.any())

    def _visible(self, b):
        """Which of a sequence's tokens."""
        begin, end = self._case.windows()[b]
        columns = numpy.arange(self._case.list_tokens[b] if self._case.list_tokens else self._case.tokens)
        return (begin <= columns) & (columns < end) & ~self._operands.hidden[b, : len(columns)]

    def _cache_rows(self, which, b):
        """A sequence's keys (0) or values (1), dequantised: [kv_heads, tokens, head_dim]."""
        case, operands = self._case, self._operands
        rows = self._stored_rows((operands.key, operands.value)[which], b)
        if case.layout == "BSH" or case.block_size:
            rows = rows.reshape(-1, case.kv_heads, case.head_dim).transpose(1, 0, 2)
        if not case.int8_cache:
            return rows
        by_channel = (2, case.kv_heads, 1, case.head_dim)
        scale = operands.antiquant_scale.astype(float32).reshape(by_channel)[which]
        offset = operands.antiquant_offset.astype(float32).reshape(by_channel)[which]
        return (rows + offset) * scale

    def _stored_rows(self, caches, b):
        """In float32 from here on; for one, MindSpore gathers no bfloat16 on CPUs."""
        if self._case.block_size:
            return caches[0].astype(float32)[self._operands.block_table[b, :-1]]
        cache = caches[b][0] if self._case.list_tokens else caches[0][b]
        return cache.astype(float32)


def error_before_rounding(out, exact, operands):
    """How far the exact rows are from the nearest ones that would have given these integers."""

    def by_channel(factor):
        return factor.asnumpy().reshape(-1, operands.case.head_dim if factor.size > 1 else 1)

    scale, offset = by_channel(operands.quant_scale2), by_channel(operands.quant_offset2)
    steps = numpy.abs(out - numpy.clip(exact * scale + offset, -128, 127))
    return numpy.maximum(steps - 0.5, 0) / scale


def worst_row_error(out, operands):
    """Relative, in L2. Where zeros are expected nothing else will do."""
    exact = Composition(operands).rows()
    out = out.astype(float32).asnumpy().reshape(exact.shape)
    error = error_before_rounding(out, exact, operands) if operands.case.int8_output else out - exact
    errors, norms = numpy.linalg.norm(error, axis=-1), numpy.linalg.norm(exact, axis=-1)
    unexpected = numpy.where(errors > 0, numpy.inf, errors)
    return numpy.where(norms > 0, errors / numpy.where(norms > 0, norms, 1), unexpected).max()


def has_same_bits(a, b):
    return a.dtype == b.dtype and a.asnumpy().tobytes() == b.asnumpy().tobytes()


def as_variables(arguments):
    """For a graph: the tensors of a list are constants to MindSpore unless it is marked."""
    return {**arguments, "key": mindspore.mutable(arguments["key"]), "value": mindspore.mutable(arguments["value"])}


def compare(case, dtype, seed):
    """Prints a line; returns whether all is well."""
    operands = Operands(case, dtype, numpy.random.default_rng(seed))
    arguments = operands.arguments()
    out = incre_flash_attention(**arguments)
    error, most = worst_row_error(out, operands), bound(case, dtype)
    graph_agrees = has_same_bits(out, in_graph(**as_variables(arguments)))
    good = error <= most and graph_agrees
    print(LINE.format(case.name, str(case), str(dtype).lower(), case.inner_precise, f"{error:.1e}", f"{most:.1e}",
                      "same bits" if graph_agrees else "DIFFERS", "ok" if good else "FAILED"), flush=True)
    return good


def compare_all(title, cases, seed):
    print(f"\n{title}\n")
    print(LINE.format("", "", "", "inner_precise", "row error", "bound", "in a graph", ""))
    return all([compare(case, dtype, (seed, i)) for i, case in enumerate(cases) for dtype in case.dtypes])


def small_call(**changes):
    """The arguments of a call that is right but for the changes."""
    floats = numpy.random.default_rng(0).standard_normal
    query, cache = Tensor(floats((2, 1, 4 * 64)), float16), Tensor(floats((2, 16, 4 * 64)), float16)
    return {"query": query, "key": cache, "value": cache, "num_heads": 4, **changes}


def refused_calls():
    """(changes to a call that is right, class of the error, how it begins)"""
    zeros = ops.zeros
    int8_cache = zeros((2, 16, 4 * 64), mindspore.int8)
    pool, table = zeros((4, 16, 4 * 64), float16), Tensor([[0, 1], [2, 9]], mindspore.int32)
    pages = {"key": pool, "value": pool, "block_table": table, "block_size": 16}
    yield {"query": zeros((2, 1, 256), mindspore.int32)}, TypeError, "query: expected float16, bfloat16"
    yield {"key": numpy.zeros((2, 16, 256))}, TypeError, "key: expected a tuple or list of Tensors"
    yield {"value": zeros((2, 16, 256), float32)}, TypeError, "value: expected float16"
    yield {"attn_mask": zeros((2, 16), float16)}, TypeError, "attn_mask: expected bool, int8 or uint8"
    yield {"actual_seq_lengths": (16, 2.0)}, TypeError, "actual_seq_lengths[1]: expected an int"
    yield {"quant_scale2": zeros((1,), float16)}, TypeError, "quant_scale2: expected float32"
    yield {"num_heads": 4.0}, TypeError, "num_heads: expected an int, got float"
    yield {"input_layout": 3}, TypeError, "input_layout: expected a str, got int"
    yield {"scale_value": 1}, TypeError, "scale_value: expected a float, got int"
    yield {"kv_padding_size": 1}, TypeError, "kv_padding_size: expected a Tensor or None"
    yield {"actual_seq_lengths": (16, 2, 3)}, ValueError, "actual_seq_lengths: expected 1 or 2 elements"
    yield {"input_layout": "SBH"}, ValueError, "input_layout: expected BSH, BNSD"
    yield {"num_heads": 3}, ValueError, "num_heads: expected a divisor of query's H"
    yield {"num_key_value_heads": 3}, ValueError, "num_heads: expected a multiple of num_key_value_heads"
    yield {"num_heads": 0}, RuntimeError, "num_heads: expected at least 1, got 0"
    yield {"attn_mask": zeros((2, 4, 1, 16), mindspore.bool_)}, RuntimeError, "attn_mask: expected shape"
    yield {"actual_seq_lengths": [16, 17]}, RuntimeError, "actual_seq_lengths[1]: expected 0 to 16"
    yield {"quant_scale1": zeros((1,), float32)}, RuntimeError, "quant_scale1: expected none (not enabled)"
    yield {"key": int8_cache, "value": int8_cache}, RuntimeError, "antiquant_scale: expected with int8"
    yield {**pages, "actual_seq_lengths": (32, 32)}, RuntimeError, "block_table[1][1]: expected a block in [0, 4)"


def error_of(function, arguments):
    try:
        function(**arguments).asnumpy()
    except (TypeError, ValueError, RuntimeError) as error:
        return error
    return None


def is_refused(changes, expected_class, expected_start):
    error = error_of(incre_flash_attention, small_call(**changes))
    good = type(error) is expected_class and str(error).startswith(expected_start)
    print(f"{type(error).__name__:12} {error}  {'ok' if good else 'FAILED'}")
    return good


def is_refused_in_a_graph():
    """MindSpore makes a RuntimeError of what a kernel throws, with the library's message in it."""
    error = error_of(in_graph, small_call(actual_seq_lengths=[16, 17]))
    good = type(error) is RuntimeError and "RuntimeError: actual_seq_lengths[1]: expected 0 to 16" in str(error)
    print(f"in a graph: {str(error).splitlines()[0]}  {'ok' if good else 'FAILED'}")
    return good


def has_the_signature():
    same = inspect.signature(incre_flash_attention) == inspect.signature(ops.incre_flash_attention)
    print(f"signature: {'that of mindspore.ops.incre_flash_attention  ok' if same else 'another  FAILED'}")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="of the random data")
    parser.add_argument("--quick", action="store_true", help="leave out the cases of more than 5 million elements")
    options = parser.parse_args()
    seed, most_elements = options.seed, 5e6 if options.quick else numpy.inf
    cases = [case for case in published_cases() if case.cache_elements <= most_elements]
    print(f"MindSpore {mindspore.__version__}, seed {seed}, {len(cases)} cases")
    good = [
        has_the_signature(),
        compare_all("The published cases, at their sizes", cases, seed),
        compare_all("Beyond them", further_cases(), seed),
    ]
    print("\nCalls that are refused")
    good += [is_refused(*call) for call in refused_calls()]
    good.append(is_refused_in_a_graph())
    print("\nAll is well." if all(good) else "\nSomething is off.")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
