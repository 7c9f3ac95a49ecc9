"""Compares ifa, called through its C ABI, with the attention of ONNX Runtime, OpenVINO and PyTorch on this processor.

In the environment of bench/setup_python_peers, with the library of examples/c/library: all work in one process, on the
same arrays and as many threads, called in turn. README.md beside this file says what each row measures."""

import argparse
import functools
import json
import logging
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

os.environ |= {
    "OMP_WAIT_POLICY": "passive",  # PyTorch's idle threads would spin on the cores that the next in turn needs,
    "OPENBLAS_NUM_THREADS": "1",  # and so would NumPy's
}
logging.disable(logging.WARNING)  # of PyTorch's, that there is no CUDA
sys.setdlopenflags(os.RTLD_LAZY)  # functions are looked for when called: setup_python_peers leaves CUDA's empty
sys.path.insert(0, str(ROOT / "examples/python"))

import ifa  # noqa: E402
import ml_dtypes  # noqa: E402
import numpy  # noqa: E402
import onnx.helper  # noqa: E402
import onnxruntime  # noqa: E402
import openvino  # noqa: E402
import torch  # noqa: E402
from openvino import opset13  # noqa: E402
from openvino.op import _PagedAttentionExtension as PagedAttentionExtension  # noqa: E402
from torch.nn.functional import scaled_dot_product_attention  # noqa: E402

torch.set_grad_enabled(False)

LEAST_PAIRS = 25
SETTLE = 0.003  # seconds between calls, for threads that spin a little before they sleep: OpenVINO's do for 1.2 ms
TYPES = [numpy.float32, numpy.float16, ml_dtypes.bfloat16]
SHORT_NAMES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int32": "i32"}  # and OpenVINO's


@dataclass(frozen=True)
class Shape:
    batch: int
    heads: int
    kv_heads: int
    seq: int
    head_dim: int

    @property
    def group(self):
        return self.heads // self.kv_heads

    def __str__(self):
        return f"B{self.batch}_N{self.heads}_kvN{self.kv_heads}_S{self.seq}_D{self.head_dim}"


# Llama 2 7B, Llama 3 8B, Llama 3 70B, Llama 3 8B for eight users, Qwen2 7B.
SHAPES = [
    Shape(1, 32, 32, 4096, 128),
    Shape(1, 32, 8, 16384, 128),
    Shape(1, 64, 8, 16384, 128),
    Shape(8, 32, 8, 2048, 128),
    Shape(1, 28, 4, 8192, 128),
]


def last_level_cache_bytes():
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    return max((int(size.read_text().strip().removesuffix("K")) << 10 for size in sizes), default=32 << 20)


def layers_of(layer_bytes):
    """As many as four last-level caches do not hold. An odd number, so that over the turns of two, with who goes first
    alternating, both meet every layer."""
    return max(3, -(-4 * last_level_cache_bytes() // layer_bytes)) | 1


class Step:
    """The numbers of a decode step: query [B, N, 1, D] and, for each layer, key and value [B, kvN, S, D]."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype, self.scale = shape, numpy.dtype(dtype), shape.head_dim**-0.5  # as others default to
        self._random = numpy.random.default_rng(1)
        self.query = self._numbers(shape.batch, shape.heads, 1, shape.head_dim)
        # Query heads that share keys, as the rows of one head. Exact, as nothing is masked, for whoever has no groups.
        self.folded = self.query.reshape(shape.batch, shape.kv_heads, shape.group, shape.head_dim)
        cache = (shape.batch, shape.kv_heads, shape.seq, shape.head_dim)
        layers = layers_of(2 * self.dtype.itemsize * numpy.prod(cache, dtype=int))
        self.layers = [(self._numbers(*cache), self._numbers(*cache)) for _ in range(layers)]

    def _numbers(self, *shape):
        return (4 * self._random.random(shape, numpy.float32) - 2).astype(self.dtype)

    @functools.cached_property
    def exact(self):
        """The formula in float64, over the first layer."""
        out = numpy.empty(self.folded.shape)
        for at in numpy.ndindex(out.shape[:2]):
            query, key, value = (x[at].astype(float) for x in (self.folded, *self.layers[0]))
            scores = self.scale * query @ key.T
            weights = numpy.exp(scores - scores.max(axis=1, keepdims=True))
            out[at] = weights @ value / weights.sum(axis=1, keepdims=True)
        return out

    def error(self, out):
        """Relative L2 error of the first layer's worst row, of wider outputs once rounded to the query's type."""
        got = numpy.asarray(out).astype(self.dtype).astype(float).reshape(self.exact.shape)
        return numpy.max(numpy.linalg.norm(got - self.exact, axis=-1) / numpy.linalg.norm(self.exact, axis=-1))


def last_token(cache):
    """[B, kvN*D], for who wants to append it."""
    return numpy.ascontiguousarray(cache[:, :, -1]).reshape(len(cache), -1)


class Ifa:
    library = f"ifa {ifa.version()}, {ifa.isa()}"

    def __init__(self, step, threads):
        pool, self.out, self._step = ifa.ThreadPool(threads), numpy.empty_like(step.query), step
        self._arguments = {
            "num_heads": step.shape.heads,
            "num_key_value_heads": step.shape.kv_heads,
            "input_layout": "BNSD",
            "scale_value": step.scale,
            "thread_pool": pool,
            "out": self.out,
        }
        plan = ifa.plan(step.query, *step.layers[0], **self._arguments)
        self._arguments |= {"plan": plan, "workspace": bytearray(plan.workspace_bytes)}

    def call(self, layer):
        ifa.incre_flash_attention(self._step.query, *self._step.layers[layer], **self._arguments)


class OnnxRuntime:
    """One operator. Its arguments are bound to the arrays beforehand, its output to `out`."""

    library, only_grouped = f"onnxruntime {onnxruntime.__version__}", False

    def __init__(self, step, threads):
        self.out = numpy.empty_like(step.query)
        self._arguments = [self.arguments(step, *layer) for layer in step.layers]  # bound by address, so kept
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4  # what is logged is raised as well
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = self._model(step, *self._arguments[0]).SerializeToString()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._bindings = [self._bind(*arguments) for arguments in self._arguments]

    def call(self, layer):
        self._session.run_with_iobinding(self._bindings[layer])

    def _model(self, step, inputs, outputs):
        def described(arrays):
            kind = onnx.helper.np_dtype_to_tensor_dtype
            return [onnx.helper.make_tensor_value_info(name, kind(x.dtype), x.shape) for name, x in arrays.items()]

        node = onnx.helper.make_node(self.operator, list(inputs), list(outputs), **self.attributes(step))
        graph = onnx.helper.make_graph([node], "attention", described(inputs), described(outputs))
        versions = [onnx.helper.make_opsetid(domain, version) for domain, version in (("", 23), ("com.microsoft", 1))]
        return onnx.helper.make_model(graph, opset_imports=versions, ir_version=11)

    def _bind(self, inputs, outputs):
        binding = self._session.io_binding()
        for bind, arrays in ((binding.bind_input, inputs), (binding.bind_output, outputs)):
            for name, x in arrays.items():
                bind(name, "cpu", 0, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape, x.ctypes.data)
        return binding


class OnnxGroupQueryAttention(OnnxRuntime):
    """Appends the last token to a cache that is past and present in one, so that only that token is copied."""

    name = operator = "GroupQueryAttention"

    def attributes(self, step):
        return {"domain": "com.microsoft", "num_heads": step.shape.heads, "kv_num_heads": step.shape.kv_heads}

    def arguments(self, step, key, value):
        batch, seq = step.shape.batch, step.shape.seq
        inputs = {
            "query": step.query.reshape(batch, 1, -1),
            "key": last_token(key)[:, None],
            "value": last_token(value)[:, None],
            "past_key": key,
            "past_value": value,
            "seqlens_k": numpy.full(batch, seq - 1, numpy.int32),
            "total_sequence_length": numpy.array(seq, numpy.int32),
        }
        return inputs, {"output": self.out.reshape(batch, 1, -1), "present_key": key, "present_value": value}


class OnnxAttention(OnnxRuntime):
    name, operator = "Attention, folded", "Attention"

    def attributes(self, step):
        return {}

    def arguments(self, step, key, value):
        return {"Q": step.folded, "K": key, "V": value}, {"Y": self.out.reshape(step.folded.shape)}


OPENVINO_CAPABILITIES = {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}


def openvino_type(x):
    return getattr(openvino.Type, SHORT_NAMES[x.dtype.name])


class OpenVino:
    """A model of one operator, computed in the caches' type where the processor can. Each layer has a request, whose
    arguments are set beforehand."""

    library, only_grouped = f"openvino {openvino.__version__.partition('-')[0]}", False

    def __init__(self, step, threads):
        core, self._dtype = openvino.Core(), step.dtype
        native = OPENVINO_CAPABILITIES[step.dtype.name] in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = step.dtype if native else numpy.dtype("float32")
        self._arguments = [self.arguments(step, *layer) for layer in step.layers]
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # nobody else's threads are
            "INFERENCE_PRECISION_HINT": SHORT_NAMES[self.precision.name],
            "KV_CACHE_PRECISION": SHORT_NAMES[step.dtype.name],
        }
        parameters = [opset13.parameter(x.shape, openvino_type(x)) for x in self._arguments[0]]
        model = openvino.Model([self.operator(step, *parameters)], parameters, "attention")
        compiled = core.compile_model(model, "CPU", settings)
        self._requests = [self._request(compiled, arguments) for arguments in self._arguments]

    @property
    def out(self):
        tensor = self._requests[0].get_output_tensor(0)
        return tensor.data.view(self._dtype) if tensor.element_type == openvino.Type.bf16 else tensor.data

    def call(self, layer):
        self._requests[layer].infer(share_outputs=True)

    def _request(self, compiled, arguments):
        request = compiled.create_infer_request()
        for index, x in enumerate(arguments):
            request.set_input_tensor(index, openvino.Tensor(x.view(numpy.uint8), list(x.shape), openvino_type(x)))
        return request


class OpenVinoPagedAttention(OpenVino):
    """Appends the last token to a cache of blocks, which OpenVINO's engine would own: a copy, made beforehand."""

    name, block_size = "PagedAttention", 32

    def arguments(self, step, key, value):
        shape, blocks = step.shape, step.shape.seq // self.block_size
        rows = (step.query.reshape(shape.batch, -1), last_token(key), last_token(value))
        split = (shape.batch, shape.kv_heads, blocks, self.block_size, shape.head_dim)
        caches = (numpy.ascontiguousarray(x.reshape(split).swapaxes(1, 2)) for x in (key, value))
        return [
            *(x.astype(self.precision) for x in rows),
            *(x.reshape(-1, shape.kv_heads, self.block_size, shape.head_dim) for x in caches),
            numpy.full(shape.batch, shape.seq - 1, numpy.int32),  # past_lens
            numpy.arange(shape.batch + 1, dtype=numpy.int32),  # subsequence_begins
            numpy.arange(shape.batch * blocks, dtype=numpy.int32),  # block_indices
            numpy.arange(shape.batch + 1, dtype=numpy.int32) * blocks,  # block_indices_begins
        ]

    def operator(self, step, *parameters):
        for cache in parameters[3:5]:  # stored as the plugin decides, from KV_CACHE_PRECISION and the sizes below
            cache.set_element_type(openvino.Type.dynamic)
            cache.set_partial_shape(openvino.PartialShape([-1] * 4))
        i32, f32 = numpy.int32, numpy.float32
        no_integers, no_numbers = numpy.array([], i32), numpy.array([], f32)
        rest = [
            *(f32(step.scale), i32(0), no_numbers),  # scale, sliding_window, alibi_slopes
            *(i32(step.shape.seq), numpy.zeros(step.shape.batch, i32)),  # max_context_len, score_aggregation_window
            *(no_integers, no_integers, no_numbers),  # rotation of blocks
            *(no_numbers, i32(0), i32(0), no_numbers),  # xattention, sinks
            *(i32(0), no_integers, no_integers, no_integers),  # adaptive_rkv
            *(no_integers, numpy.array([], numpy.uint8), no_integers),  # token_type_ids, qq_bias, qq_bias_begins
        ]
        inputs = [*parameters, *(opset13.constant(numpy.asarray(x)) for x in rest)]
        node = PagedAttentionExtension([x.output(0) for x in inputs])
        for kind in "kv":
            node.get_rt_info()[f"num_{kind}_heads"] = step.shape.kv_heads
            node.get_rt_info()[f"{kind}_head_size"] = step.shape.head_dim
        return node.output(0)


class OpenVinoFolded(OpenVino):
    name = "ScaledDotProductAttention, folded"

    def arguments(self, step, key, value):
        return [step.folded, key, value]

    def operator(self, step, query, key, value):
        return opset13.scaled_dot_product_attention(query, key, value)


class OpenVinoBroadcast(OpenVino):
    """With heads repeated as in exported models."""

    name, only_grouped = "ScaledDotProductAttention, broadcast", True

    def arguments(self, step, key, value):
        return [step.query, key, value]

    def operator(self, step, query, *caches):
        shape = step.shape
        groups = opset13.constant([shape.batch, shape.kv_heads, shape.group, shape.seq, shape.head_dim])
        heads = opset13.constant([shape.batch, shape.heads, shape.seq, shape.head_dim])
        each = (opset13.broadcast(opset13.unsqueeze(x, opset13.constant(2)), groups) for x in caches)
        return opset13.scaled_dot_product_attention(query, *(opset13.reshape(x, heads, False) for x in each))


class Torch:
    library, only_grouped = f"torch {torch.__version__.partition('+')[0]}", False

    def __init__(self, step, threads):
        torch.set_num_threads(threads)
        self.group = step.shape.group
        self._query, self._layers = self.of(self.rows(step)), [tuple(map(self.of, layer)) for layer in step.layers]

    @staticmethod
    def of(x):
        return torch.from_numpy(x.view(numpy.uint8)).view(getattr(torch, x.dtype.name))

    @property
    def out(self):
        return self._out.float().numpy()

    def rows(self, step):
        return step.query

    def call(self, layer):
        self._out = self.attend(self._query, *self._layers[layer])


class TorchGrouped(Torch):
    name = "scaled_dot_product_attention, enable_gqa"

    def attend(self, query, key, value):
        return scaled_dot_product_attention(query, key, value, enable_gqa=True)


class TorchRepeated(Torch):
    name, only_grouped = "scaled_dot_product_attention, repeated", True

    def attend(self, query, *caches):
        return scaled_dot_product_attention(query, *(x.repeat_interleave(self.group, 1) for x in caches))


class TorchFolded(Torch):
    name, only_grouped = "scaled_dot_product_attention, folded", True

    def rows(self, step):
        return step.folded

    def attend(self, query, key, value):
        return scaled_dot_product_attention(query, key, value)


PEERS = [OnnxGroupQueryAttention, OnnxAttention, OpenVinoPagedAttention, OpenVinoFolded, OpenVinoBroadcast]
PEERS += [TorchGrouped, TorchRepeated, TorchFolded]


class Turns:
    """Seconds, and seconds of processor time, of the calls of two, made in turn over all layers."""

    def __init__(self, callers, layers, pairs, budget):
        self.times, self.processor_times = ([], []), [0, 0]
        begin = time.perf_counter()
        for turn in range(2 * pairs):
            if turn % 2 == 0 and turn >= 2 * LEAST_PAIRS and time.perf_counter() - begin > budget:
                break
            self._call(callers, (0, 1, 1, 0)[turn % 4], turn % layers)

    def _call(self, callers, who, layer):
        time.sleep(SETTLE)
        processor, clock = time.process_time(), time.perf_counter()
        callers[who].call(layer)
        self.times[who].append(time.perf_counter() - clock)
        self.processor_times[who] += time.process_time() - processor

    def cores(self):
        """That each had on average: the threads that it asked for, unless others use the machine."""
        return [spent / sum(times) for spent, times in zip(self.processor_times, self.times)]

    def ratio(self):
        """Median of the first's time over the second's, and its 95 % bootstrap interval."""
        ratios = numpy.divide(*self.times)
        resampled = numpy.random.default_rng(1).choice(ratios, (1000, len(ratios)))
        return [numpy.median(ratios), *numpy.quantile(numpy.median(resampled, axis=1), (0.025, 0.975))]


def check_rests(caller):
    """A thread pool that spins on after a call would take its cores from the next in turn."""
    time.sleep(SETTLE)
    begin = time.process_time()
    time.sleep(0.02)
    if (busy := (time.process_time() - begin) / 0.02) > 0.05:
        print(f"unfair: {caller.library} keeps {busy:.1f} cores busy after its calls in the next row", file=sys.stderr)


def compare(theirs, ours, step, options):
    """What was measured. Lists hold the peer's number and ours."""
    errors = []
    for caller in (theirs, ours):
        for layer in reversed(range(len(step.layers))):  # some do things once for each layer. The first is last
            caller.call(layer)
        check_rests(caller)
        errors.append(step.error(caller.out))
    turns = Turns((theirs, ours), len(step.layers), options.pairs, options.seconds)
    seconds = [numpy.median(times) for times in turns.times]
    measured = {"pairs": len(turns.times[0]), "seconds": seconds, "ratio": turns.ratio()}
    return measured | {"errors": errors, "cores": turns.cores()}


def row(kind, ours, step, threads, options):
    names = {"peer": f"{kind.library} {kind.name}", "case": f"{SHORT_NAMES[step.dtype.name]}/{step.shape}/t{threads}"}
    try:
        return names | compare(kind(step, threads), ours, step, options)
    except Exception as reason:  # whatever each library raises for what it does not support
        return names | {"unsupported": " ".join(re.sub(r"Exception from \S+", "", str(reason)).split())}


def print_row(row):
    print("{peer:54} {case:33}".format(**row), end=" ")
    if "unsupported" in row:
        print(row["unsupported"][:100], flush=True)
    else:
        numbers = (*row["ratio"], *row["errors"], *row["cores"])
        print("{:6.2f} [{:6.2f}, {:6.2f}]  {:5.0e} {:5.0e}  {:3.1f} {:3.1f}".format(*numbers), flush=True)


def processor():
    names = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{names[0] if names else os.uname().machine} with {len(os.sched_getaffinity(0))} cores"


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="all shapes, not two; on one thread, and on all cores")
    parser.add_argument("--threads", type=int, nargs="+", help="instead of one")
    parser.add_argument("--pairs", type=int, default=101, help="of calls in turn, while --seconds last")
    parser.add_argument("--seconds", type=float, default=5, help=f"for a row, but for its first {LEAST_PAIRS} pairs")
    parser.add_argument("--only", metavar="NAME", default="", help="peers whose names contain this")
    parser.add_argument("--json", metavar="FILE", help="where to write the numbers")
    options = parser.parse_args()
    options.threads = options.threads or sorted({1, len(os.sched_getaffinity(0)) if options.all else 1})
    options.kinds = [kind for kind in PEERS if options.only.lower() in f"{kind.library} {kind.name}".lower()]
    if not options.kinds:
        parser.error(f"--only {options.only}: no peer has this in its name")
    return options


def rows(options):
    for shape in SHAPES if options.all else SHAPES[:2]:
        fitting = [kind for kind in options.kinds if shape.group > 1 or not kind.only_grouped]
        for dtype in TYPES:
            step = Step(shape, dtype)
            for threads in options.threads:
                ours = Ifa(step, threads)
                yield from (row(kind, ours, step, threads, options) for kind in fitting)


def main():
    options = parse_options()
    about = [*dict.fromkeys(kind.library for kind in (Ifa, *options.kinds)), processor()]
    print(*about, sep="; ")
    print(f"{'time of others over ours':88} ratio  95 % interval     errors       cores", flush=True)
    results = []
    for result in rows(options):
        print_row(result)
        results.append(result)
    if options.json:
        Path(options.json).write_text(json.dumps({"about": about, "rows": results}, indent=1))


if __name__ == "__main__":
    main()
