"""The operator in Python: the document's own signature over NumPy arrays, PyTorch tensors, or whatever speaks DLPack.

    import ifa
    out = ifa.incre_flash_attention(query, [key], [value], num_heads=32, input_layout="BNSD", scale_value=D**-0.5)

Nothing is copied: the library reads and writes the tensors' own memory. It is found through the environment variable
IFA_LIBRARY, or where examples/c/library puts it. Needs nothing but Python's standard library.
"""

import array
import ctypes
import inspect
import os
import reprlib
import sys
import weakref
from collections.abc import Callable
from ctypes import c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import NamedTuple


def _load_library():
    built = Path(__file__).resolve().parents[2] / "build/c/libifa_c.so"
    try:
        return ctypes.CDLL(os.environ.get("IFA_LIBRARY") or str(built))
    except OSError as error:
        raise ImportError(f"{error}; run examples/c/library, or let IFA_LIBRARY name the shared library") from error


# What ifa/c_api.h declares. Pointers are c_void_p throughout, so that addresses can be assigned as they are.


class _Tensor(ctypes.Structure):
    """ifa_tensor, which is DLPack's DLTensor."""

    _fields_ = [
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("code", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("byte_offset", c_uint64),
    ]


_OPTIONAL_TENSORS = (
    "attn_mask",
    "actual_seq_lengths",
    "pse_shift",
    "dequant_scale1",
    "quant_scale1",
    "dequant_scale2",
    "quant_scale2",
    "quant_offset2",
    "antiquant_scale",
    "antiquant_offset",
    "block_table",
)


class _Arguments(ctypes.Structure):
    """ifa_arguments."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("query", c_void_p),
        ("key", c_void_p),
        ("key_count", c_size_t),
        ("value", c_void_p),
        ("value_count", c_size_t),
        ("attention_out", c_void_p),
        *((name, c_void_p) for name in _OPTIONAL_TENSORS),
        ("num_heads", c_int64),
        ("input_layout", c_char_p),
        ("scale_value", c_double),
        ("num_key_value_heads", c_int64),
        ("block_size", c_int64),
        ("inner_precise", c_int64),
        ("kv_padding_size", c_void_p),
        ("plan", c_void_p),
        ("workspace", c_void_p),
        ("workspace_bytes", c_size_t),
        ("executor", c_void_p),
        ("thread_pool", c_void_p),
        ("mean_of_wholly_hidden_rows", c_int32),
    ]


_library = _load_library()


def _declare(name, result, *arguments):
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function


_MESSAGE = (c_char_p, c_size_t)
_attend = _declare("ifa_incre_flash_attention", c_int32, c_void_p, *_MESSAGE)
_check = _declare("ifa_check", c_int32, c_void_p, *_MESSAGE)
_plan_create = _declare("ifa_plan_create", c_int32, c_void_p, c_void_p, *_MESSAGE)
_plan_workspace_bytes = _declare("ifa_plan_workspace_bytes", c_size_t, c_void_p)
_plan_destroy = _declare("ifa_plan_destroy", None, c_void_p)
_thread_pool_create = _declare("ifa_thread_pool_create", c_int32, c_int32, c_void_p, *_MESSAGE)
_thread_pool_destroy = _declare("ifa_thread_pool_destroy", None, c_void_p)
_version = _declare("ifa_version", c_int32)
_isa = _declare("ifa_isa", c_char_p)

_ERRORS = {1: TypeError, 2: ValueError, 3: RuntimeError, 4: MemoryError}
_MESSAGE_BYTES = 512


def _run(function, *arguments):
    """Calls a function that returns a status, and raises what that stands for."""
    message = ctypes.create_string_buffer(_MESSAGE_BYTES)
    status = function(*arguments, message, _MESSAGE_BYTES)
    if status:
        raise _ERRORS.get(status, RuntimeError)(message.value.decode(errors="replace"))


# Tensors, lent to the library for the length of a call.


class _Lent(NamedTuple):
    address: int  # of its ifa_tensor
    owner: object  # of the memory at that address
    read_only: bool = False


class _DlManagedTensorVersioned(ctypes.Structure):
    _fields_ = [
        ("major", c_uint32),
        ("minor", c_uint32),
        ("manager_context", c_void_p),
        ("deleter", c_void_p),
        ("flags", c_uint64),
        ("tensor", _Tensor),
    ]


_DLPACK_READ_ONLY = 1
_CPU = 1

# Prototypes of our own: ctypes.pythonapi's functions are everybody's, and so would be their argtypes.
_capsule_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_capsule_pointer = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))


def _lend_capsule(capsule):
    """The capsule keeps its name: we read the tensor inside and leave it to the capsule to free it."""
    if _capsule_is_valid(capsule, b"dltensor_versioned"):
        managed = _DlManagedTensorVersioned.from_address(_capsule_pointer(capsule, b"dltensor_versioned"))
        return _Lent(ctypes.addressof(managed.tensor), capsule, bool(managed.flags & _DLPACK_READ_ONLY))
    return _Lent(_capsule_pointer(capsule, b"dltensor"), capsule)  # a DLManagedTensor begins with its DLTensor


def _dlpack_capsule(tensor):
    try:
        return tensor.__dlpack__(max_version=(1, 0))  # the first that can say that a tensor is read-only
    except TypeError:  # from before that version
        return tensor.__dlpack__()


_DLPACK_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_BFLOAT = 4


def _make_tensor(data, code, bits, shape, strides, owner):
    """An ifa_tensor on the CPU. Strides are in elements, or None."""
    shape, strides = array.array("q", shape), array.array("q", strides) if strides is not None else None
    tensor = _Tensor(data, _CPU, 0, len(shape), code, bits, 1, shape.buffer_info()[0])
    tensor.strides = strides.buffer_info()[0] if strides is not None else None
    return ctypes.addressof(tensor), (tensor, shape, strides, owner)


def _element_type(name, tensor, typestr):
    """DLPack's code and the bytes of an element. NumPy knows bfloat16 by name only, and has no type string for it."""
    order, kind, size = typestr[0], typestr[1], typestr[2:]
    if kind == "V" and str(getattr(tensor, "dtype", None)) == "bfloat16":
        return _BFLOAT, int(size)
    foreign = ">" if sys.byteorder == "little" else "<"
    if kind not in _DLPACK_CODES or order == foreign:
        raise TypeError(f"{name}: expected numbers in this machine's byte order, got {typestr!r}")
    return _DLPACK_CODES[kind], int(size)


def _lend_array(name, tensor):
    """Through NumPy's older protocol, for what DLPack does not let through."""
    interface = tensor.__array_interface__
    if not isinstance(interface.get("data"), tuple):
        raise RuntimeError(f"{name}: expected the address of memory in __array_interface__, got none")
    code, size = _element_type(name, tensor, interface["typestr"])
    strides = interface.get("strides")
    if strides is not None:
        if any(stride % size for stride in strides):
            raise RuntimeError(f"{name}: expected strides of whole elements, got {strides} bytes")
        strides = [stride // size for stride in strides]
    data, read_only = interface["data"]
    return _Lent(*_make_tensor(data, code, 8 * size, interface["shape"], strides, (tensor, interface)), read_only)


def _lend_integers(values):
    values = array.array("q", values)
    return _Lent(*_make_tensor(values.buffer_info()[0], _DLPACK_CODES["i"], 64, [len(values)], None, values))


def _lend(name, tensor):
    try:
        return _lend_capsule(_dlpack_capsule(tensor))
    except Exception as error:  # frameworks differ in what they raise
        if hasattr(tensor, "__array_interface__"):
            return _lend_array(name, tensor)
        kind = type(tensor).__name__
        raise RuntimeError(f"{name}: expected a tensor that DLPack lets through, got {kind}: {error}") from error


def _lend_value(name, value):
    if isinstance(value, int):
        return _lend_integers([value])
    if isinstance(value, (list, tuple)):
        return _lend_integers(value)
    return _lend(name, value)


# What kinds of values there are, where C has no choice but to believe it.


def _is_tensor(value):
    # NumPy's arrays have both. Its scalars have the second alone, and what that points to is gone when we look.
    return hasattr(value, "__dlpack__") or (hasattr(value, "__array_interface__") and not hasattr(value, "item"))


def _is_integer(value, bits=64):
    limit = 1 << (bits - 1)
    return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit


def _is_list_of(is_element):
    return lambda value: isinstance(value, (list, tuple)) and all(map(is_element, value))


def _is_workspace(value):
    try:
        with memoryview(value) as view:
            return view.c_contiguous and not view.readonly
    except TypeError:
        return False


def _either(first, second):
    return lambda value: first(value) or second(value)


def _is_a(kind):
    return lambda value: isinstance(value, kind)


def _describe(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return reprlib.repr(value)
    if isinstance(value, (list, tuple)):
        kinds = sorted({type(element).__name__ for element in value})
        return f"{type(value).__name__} of {' and '.join(kinds)}"
    return type(value).__name__


# What callers own.


class _Owned:
    """Something of the library's, destroyed by close(), at the end of a `with`, or when nobody refers to it any more.
    Not to be closed during a call that uses it."""

    def __init__(self, create, destroy):
        """create(pointer) puts the handle where that points to."""
        handle = c_void_p()
        create(ctypes.byref(handle))
        self._address = handle.value
        self.close = weakref.finalize(self, destroy, handle.value)
        self.close.atexit = False  # the threads of a pool do not survive a fork, and would be waited for

    @property
    def _handle(self):
        if not self.close.alive:
            raise RuntimeError(f"{type(self).__name__}: expected an open one, got one that was closed")
        return self._address

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class ThreadPool(_Owned):
    """A pool of `threads` threads, the calling one among them. It serves any number of calls at once."""

    def __init__(self, threads):
        if not _is_integer(threads, bits=32):
            raise TypeError(f"threads: expected a 32-bit Python int, got {_describe(threads)}")
        super().__init__(lambda pool: _run(_thread_pool_create, threads, pool), _thread_pool_destroy)


class Plan(_Owned):
    """The layout of a decode step; made by plan()."""

    def __init__(self, call):
        super().__init__(lambda plan: call.run(_plan_create, plan), _plan_destroy)

    @property
    def workspace_bytes(self):
        """What a workspace of this plan must hold: bytearray(plan.workspace_bytes) will do."""
        return _plan_workspace_bytes(self._handle)


# What a call takes.


class _Kind(NamedTuple):
    accepts: Callable
    text: str
    optional: bool = False


_TENSORS = _Kind(_either(_is_tensor, _is_list_of(_is_tensor)), "a tensor or a list of tensors")
_LENGTHS = _Kind(_either(_is_tensor, _is_list_of(_is_integer)), "a tensor, a list of 64-bit Python ints", optional=True)
_PADDING = _Kind(_either(_is_tensor, _is_integer), "a tensor, a 64-bit Python int", optional=True)
_WORKSPACE = _Kind(_is_workspace, "a writable buffer without gaps, such as a bytearray,", optional=True)
_OPTIONAL_TENSOR = _Kind(_is_tensor, "a tensor", optional=True)
_INTEGER = _Kind(_is_integer, "a 64-bit Python int")

# In the order of the signature, which is that of the errors.
_KINDS = {
    "query": _Kind(_is_tensor, "a tensor"),
    "key": _TENSORS,
    "value": _TENSORS,
    **dict.fromkeys(_OPTIONAL_TENSORS, _OPTIONAL_TENSOR),
    "actual_seq_lengths": _LENGTHS,
    "num_heads": _INTEGER,
    "input_layout": _Kind(lambda value: isinstance(value, str) and "\0" not in value, "a str without null characters"),
    "scale_value": _Kind(_is_a(float), "a float"),
    "num_key_value_heads": _INTEGER,
    "block_size": _INTEGER,
    "inner_precise": _INTEGER,
    "kv_padding_size": _PADDING,
    "out": _OPTIONAL_TENSOR,
    "plan": _Kind(_is_a(Plan), "a Plan", optional=True),
    "workspace": _WORKSPACE,
    "thread_pool": _Kind(_is_a(ThreadPool), "a ThreadPool", optional=True),
    "mean_of_wholly_hidden_rows": _Kind(_is_a(bool), "a bool"),
}


def _check_kinds(given):
    for name, kind in _KINDS.items():
        value = given[name]
        if (value is None and kind.optional) or kind.accepts(value):
            continue
        raise TypeError(f"{name}: expected {kind.text}{' or None' if kind.optional else ''}, got {_describe(value)}")


def _empty_like(query, as_int8):
    """Without importing what the caller may not have."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy and isinstance(query, numpy.ndarray):
        return numpy.empty_like(query, dtype="int8" if as_int8 else None, order="C", subok=False)
    if torch and isinstance(query, torch.Tensor):
        dtype = torch.int8 if as_int8 else query.dtype
        return torch.empty_like(query, dtype=dtype, memory_format=torch.contiguous_format)
    raise TypeError(f"out: expected for a query that is neither NumPy's nor PyTorch's ({_describe(query)}), got None")


class _Call:
    """ifa_arguments, and what has to stay in memory as long as they are used."""

    def __init__(self, given):
        _check_kinds(given)
        self._kept = []
        self._arguments = _Arguments(
            struct_size=ctypes.sizeof(_Arguments),
            num_heads=given["num_heads"],
            input_layout=given["input_layout"].encode(),
            scale_value=given["scale_value"],
            num_key_value_heads=given["num_key_value_heads"],
            block_size=given["block_size"],
            inner_precise=given["inner_precise"],
            mean_of_wholly_hidden_rows=given["mean_of_wholly_hidden_rows"],
        )
        self._lend_tensors(given)
        self._lend_output(given)
        self._lend_tools(given)

    def run(self, function, *arguments):
        _run(function, ctypes.byref(self._arguments), *arguments)

    def _keep(self, lent):
        self._kept.append(lent)
        return lent.address

    def _lend_tensors(self, given):
        a = self._arguments
        a.query = self._keep(_lend("query", given["query"]))
        a.key, a.key_count = self._lend_list("key", given["key"])
        a.value, a.value_count = self._lend_list("value", given["value"])
        for name in (*_OPTIONAL_TENSORS, "kv_padding_size"):
            if given[name] is not None:
                setattr(a, name, self._keep(_lend_value(name, given[name])))

    def _lend_list(self, name, value):
        """The address of a C array of tensors, and their number."""
        if isinstance(value, (list, tuple)):
            addresses = [self._keep(_lend(f"{name}[{i}]", tensor)) for i, tensor in enumerate(value)]
        else:
            addresses = [self._keep(_lend(name, value))]
        pointers = (c_void_p * len(addresses))(*addresses)
        self._kept.append(pointers)
        return ctypes.addressof(pointers), len(addresses)

    def _lend_output(self, given):
        self.out = given["out"]
        if self.out is None:
            self.out = _empty_like(given["query"], as_int8=given["quant_scale2"] is not None)
        lent = _lend("out", self.out)
        if lent.read_only:
            raise RuntimeError("out: expected a tensor to write to, got a read-only one")
        self._arguments.attention_out = self._keep(lent)

    def _lend_tools(self, given):
        a, plan, pool, workspace = self._arguments, given["plan"], given["thread_pool"], given["workspace"]
        a.plan = plan._handle if plan is not None else None
        a.thread_pool = pool._handle if pool is not None else None
        if workspace is not None and (size := memoryview(workspace).nbytes) > 0:
            first = ctypes.c_char.from_buffer(workspace)
            a.workspace, a.workspace_bytes = ctypes.addressof(first), size
            self._kept.append(first)


def incre_flash_attention(
    query,
    key,
    value,
    attn_mask=None,
    actual_seq_lengths=None,
    pse_shift=None,
    dequant_scale1=None,
    quant_scale1=None,
    dequant_scale2=None,
    quant_scale2=None,
    quant_offset2=None,
    antiquant_scale=None,
    antiquant_offset=None,
    block_table=None,
    num_heads=1,
    input_layout="BSH",
    scale_value=1.0,
    num_key_value_heads=0,
    block_size=0,
    inner_precise=1,
    kv_padding_size=None,
    *,
    out=None,
    plan=None,
    workspace=None,
    thread_pool=None,
    mean_of_wholly_hidden_rows=False,
):
    """Computes one decode step of attention and returns it.

    The parameters up to kv_padding_size are those of mindspore.ops.incre_flash_attention; ifa/dynamic/arguments.hpp
    says what shapes and types they may have. key and value are a tensor each, or as many of batch 1 as query has
    sequences. actual_seq_lengths may be ints, kv_padding_size an int. Beyond the document:

    out                         where to write, instead of a new tensor of query's kind
    plan                        from plan(); replaces actual_seq_lengths and kv_padding_size
    workspace                   a writable buffer of plan.workspace_bytes, for one call at a time
    thread_pool                 a ThreadPool, instead of the calling thread
    mean_of_wholly_hidden_rows  rows with every token hidden by attn_mask give the mean of value, instead of zeros

    Raises TypeError, ValueError or RuntimeError with the argument, what was expected and what came; `out` is then as it
    was. The interpreter is free for other threads during the call.
    """
    call = _Call(locals())  # the parameters by name
    call.run(_attend)
    return call.out


_signature = inspect.signature(incre_flash_attention)


def _arguments(positional, named):
    bound = _signature.bind(*positional, **named)
    bound.apply_defaults()
    return bound.arguments


def check(*positional, **named):
    """The error that incre_flash_attention would raise for these arguments, or None."""
    given = _arguments(positional, named)
    try:
        _Call(given).run(_check)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        return error
    return None


def plan(*positional, **named):
    """Lays out a decode step once, for the calls of all layers, from the arguments of any of them.

    The calls themselves then go with plan=... and without actual_seq_lengths and kv_padding_size.
    """
    return Plan(_Call(_arguments(positional, named)))


check.__signature__ = plan.__signature__ = _signature


def version():
    """Of the library, not of this file: "1.2.3"."""
    number = _version()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def isa():
    """The kernels that this machine runs: "avx512", "avx2", "neon" or "portable"."""
    return _isa().decode()
