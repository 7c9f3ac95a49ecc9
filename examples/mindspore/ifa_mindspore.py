"""mindspore.ops.incre_flash_attention on CPUs, computed by ifa.

    from ifa_mindspore import incre_flash_attention

It works in PyNative mode, in graph mode and under mindspore.jit. ./library builds the operator's shared library; if
that is moved, the environment variable IFA_MINDSPORE_LIBRARY says where it is.
"""

import ctypes
import functools
import os
from pathlib import Path

import numpy
from mindspore import Tensor, ops
from mindspore import dtype as mstype

_BUILT = Path(__file__).resolve().parents[2] / "build" / "mindspore" / "libifa_mindspore.so"
_PATH = os.environ.get("IFA_MINDSPORE_LIBRARY", str(_BUILT))
if not Path(_PATH).is_file():
    raise ImportError(f"{_PATH} is not there; build it with {Path(__file__).with_name('library')}")

# MindSpore closes the library with the last kernel made from it; held open here, it keeps its threads.
_LIBRARY = ctypes.CDLL(_PATH)
_ERRORS = {1: TypeError, 2: ValueError, 3: RuntimeError, 4: MemoryError, 5: RuntimeError}  # by ifa_status
_QUERY = 3  # among the inputs of the operator, as in ifa_mindspore.cpp


def _check(inputs, output_type):
    """Raises what the library has against these inputs and an output of that type, shaped as query.

    An address is known once what is under it has been computed, so this waits for the inputs.
    """
    query = inputs[_QUERY]
    output = numpy.empty(query.nbytes, numpy.uint8)  # of which the check reads no more than the address
    addresses = [None if tensor is None else tensor.data_ptr() for tensor in inputs] + [output.ctypes.data]
    shapes = [() if tensor is None else tensor.shape for tensor in inputs] + [query.shape]
    types = ["none" if tensor is None else str(tensor.dtype).lower() for tensor in inputs] + [output_type]
    count = len(shapes)
    message = ctypes.create_string_buffer(1024)
    status = _LIBRARY.incre_flash_attention_check(
        count,
        (ctypes.c_void_p * count)(*addresses),
        (ctypes.c_int * count)(*[len(shape) for shape in shapes]),
        (ctypes.POINTER(ctypes.c_int64) * count)(*[(ctypes.c_int64 * len(shape))(*shape) for shape in shapes]),
        (ctypes.c_char_p * count)(*[name.encode() for name in types]),
        message,
        ctypes.c_size_t(len(message)),
    )
    if status != 0:
        raise _ERRORS[status](message.value.decode())


class _Operator(ops.Custom):
    """The custom operator, with an output of query's type or of int8.

    Called from Python it raises the library's errors as what they are. A graph calls its kernel only, whose errors all
    come as RuntimeErrors, when they come.
    """

    def __init__(self, output_type=None):
        super().__init__(
            f"{_PATH}:incre_flash_attention",
            out_shape=lambda *shapes: shapes[_QUERY],
            out_dtype=output_type or (lambda *types: types[_QUERY]),
            func_type="aot",
        )
        self._output_type = output_type

    def __call__(self, *inputs):
        inputs = [None if tensor is None else tensor.contiguous() for tensor in inputs]
        _check(inputs, str(self._output_type or inputs[_QUERY].dtype).lower())
        return super().__call__(*inputs)


_OPERATOR = _Operator()
_OPERATOR_TO_INT8 = _Operator(mstype.int8)


def _expect(holds, name, expected, value):
    if not holds:
        raise TypeError(f"{name}: expected {expected}, got {type(value).__name__}")


def _expect_tensors_or_none(**values):
    for name, value in values.items():
        _expect(value is None or isinstance(value, Tensor), name, "a Tensor or None", value)


def _tensors(name, value):
    """The tensors of key or value, which may also be a single one."""
    if isinstance(value, Tensor):
        return (value,)
    _expect(isinstance(value, (tuple, list)), name, "a tuple or list of Tensors, or a Tensor", value)
    for i, tensor in enumerate(value):
        _expect(isinstance(tensor, Tensor), f"{name}[{i}]", "a Tensor", tensor)
    return value


def _lengths(value):
    """actual_seq_lengths as a Tensor or None."""
    if not isinstance(value, (tuple, list)):
        _expect(value is None or isinstance(value, Tensor), "actual_seq_lengths",
                "a Tensor, a tuple or list of ints, or None", value)
        return value
    for i, length in enumerate(value):
        _expect(isinstance(length, int), f"actual_seq_lengths[{i}]", "an int", length)
    return Tensor(value, mstype.int64)


@functools.lru_cache(maxsize=256)
def _parameter_tensors(integers, scale_value, input_layout):
    characters = numpy.frombuffer(input_layout.encode() + b"\0", numpy.uint8)
    return Tensor(numpy.array(integers)), Tensor(numpy.array([scale_value])), Tensor(characters)


@ops.constexpr
def _parameters(num_heads, input_layout, scale_value, num_key_value_heads, block_size, inner_precise, key_count):
    """What is not a tensor, in tensors: as attributes they would be float32 and fixed when an operator is made."""
    _expect(isinstance(num_heads, int), "num_heads", "an int", num_heads)
    _expect(isinstance(input_layout, str), "input_layout", "a str", input_layout)
    _expect(isinstance(scale_value, float), "scale_value", "a float", scale_value)
    _expect(isinstance(num_key_value_heads, int), "num_key_value_heads", "an int", num_key_value_heads)
    _expect(isinstance(block_size, int), "block_size", "an int", block_size)
    _expect(isinstance(inner_precise, int), "inner_precise", "an int", inner_precise)
    integers = (num_heads, num_key_value_heads, block_size, inner_precise, key_count)
    return _parameter_tensors(integers, scale_value, input_layout)


def incre_flash_attention(query, key, value, attn_mask=None, actual_seq_lengths=None, pse_shift=None,
                          dequant_scale1=None, quant_scale1=None, dequant_scale2=None, quant_scale2=None,
                          quant_offset2=None, antiquant_scale=None, antiquant_offset=None, block_table=None,
                          num_heads=1, input_layout="BSH", scale_value=1.0, num_key_value_heads=0, block_size=0,
                          inner_precise=1, kv_padding_size=None):
    """As mindspore.ops.incre_flash_attention. With quant_scale2 the output is int8, otherwise of query's type."""
    _expect(isinstance(query, Tensor), "query", "a Tensor", query)
    keys = _tensors("key", key)
    values = _tensors("value", value)
    _expect_tensors_or_none(attn_mask=attn_mask)
    lengths = _lengths(actual_seq_lengths)
    _expect_tensors_or_none(pse_shift=pse_shift, dequant_scale1=dequant_scale1, quant_scale1=quant_scale1,
                            dequant_scale2=dequant_scale2, quant_scale2=quant_scale2, quant_offset2=quant_offset2,
                            antiquant_scale=antiquant_scale, antiquant_offset=antiquant_offset,
                            block_table=block_table)
    integers, scale, layout = _parameters(num_heads, input_layout, scale_value, num_key_value_heads, block_size,
                                          inner_precise, len(keys))
    _expect_tensors_or_none(kv_padding_size=kv_padding_size)
    operator = _OPERATOR if quant_scale2 is None else _OPERATOR_TO_INT8
    return operator(integers, scale, layout, query, attn_mask, lengths, pse_shift, dequant_scale1, quant_scale1,
                    dequant_scale2, quant_scale2, quant_offset2, antiquant_scale, antiquant_offset, block_table,
                    kv_padding_size, *keys, *values)
