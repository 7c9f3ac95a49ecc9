"""Compares ifa with the formula in float64, written plainly in NumPy, over a seeded grid of calls; then makes calls
that are wrong. Exit code 1 if an error is above its bound, or a wrong call does not raise what it should."""

import itertools
import sys

import accuracy
import ifa
import numpy

LAYOUTS = ("BSH", "BNSD", "BSND")
GROUPS = (1, 3, 4, 8)  # query heads that share a key/value head
# By column of the table: bound, inner_precise, element type of the cache or None for the query's, those of the query.
COLUMNS = {
    "float32": (accuracy.BOUND, 1, None, ["float32"]),
    "float16": (accuracy.BOUND, 1, None, ["float16"]),
    "int8": (accuracy.INT8_BOUND, 1, "int8", ["float16", "float32"]),
    "int8, precise": (accuracy.BOUND, 0, "int8", ["float16", "float32"]),
}


def poison(dtype):
    """What must neither be read nor be left in an output."""
    return 99 if dtype == "int8" else numpy.nan


class Step:
    """A decode step in numbers, query [B, N, D], key and value [B, kvN, S, D]; and the arguments that go with them."""

    def __init__(self, random, layout, group, dtype, cache, inner_precise):
        self.random, self.layout, self.dtype = random, layout, dtype
        self.batch, self.kv_heads, self.tokens = (int(random.integers(1, most)) for most in (4, 4, 600))
        self.heads, self.head_dim = group * self.kv_heads, int(random.choice([16, 48, 64, 80, 128]))
        self.query = random.standard_normal((self.batch, self.heads, self.head_dim)).astype(dtype)
        self.cache = [self._cache(cache or dtype) for _ in ("key", "value")]
        self.window = numpy.ones((self.batch, self.tokens), bool)  # the tokens that lengths and padding leave
        self.hidden = numpy.zeros((self.batch, self.tokens), bool)
        self.bias = numpy.zeros((1, self.heads, 1, self.tokens))
        self.columns = self.tokens  # of masks and biases
        self.store = contiguous
        self.mean_of_hidden = self.planned = False
        self.post_quant = None  # scale and offset of [N, D]
        self.arguments = {
            "num_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "input_layout": layout,
            "scale_value": self.head_dim**-0.5,
            "inner_precise": inner_precise,
        }
        if cache == "int8":
            self._antiquant()

    def _cache(self, dtype):
        shape = (self.batch, self.kv_heads, self.tokens, self.head_dim)
        if dtype == "int8":
            return self.random.integers(-128, 128, shape, dtype)
        return (self.random.standard_normal(shape) + 0.25).astype(dtype)

    def _antiquant(self):
        per_channel = (2, 1, self.kv_heads, 1, self.head_dim)
        scale = self.random.uniform(0.005, 0.02, per_channel).astype(self.dtype)
        offset = self.random.uniform(-16, 16, per_channel).astype(self.dtype)
        heads, dim = self.kv_heads, self.head_dim
        shape = {"BSH": (2, heads * dim), "BNSD": (2, heads, 1, dim), "BSND": (2, heads, dim)}[self.layout]
        self.arguments |= {"antiquant_scale": scale.reshape(shape), "antiquant_offset": offset.reshape(shape)}
        self.antiquant = scale.astype(float), offset.astype(float)

    def numbers(self):
        """Key and value as they stand in the formula."""
        if self.cache[0].dtype != numpy.int8:
            return [x.astype(float) for x in self.cache]
        scale, offset = self.antiquant
        return [(x + offset[part]) * scale[part] for part, x in enumerate(self.cache)]

    def visible(self):
        visible = self.window & ~self.hidden
        if self.mean_of_hidden:
            return numpy.where(visible.any(axis=1, keepdims=True), visible, self.window)
        return visible

    def poison_what_is_not_read(self):
        """As in a cache that was never written there."""
        for x in self.cache:
            x.swapaxes(1, 2)[~self.visible()] = poison(x.dtype)


def formula(step):
    out = numpy.zeros((step.batch, step.heads, step.head_dim))
    key, value = step.numbers()
    bias = numpy.broadcast_to(step.bias, (step.batch, step.heads, 1, step.tokens)).astype(float)
    for b, h in itertools.product(range(step.batch), range(step.heads)):
        k = h // (step.heads // step.kv_heads)
        tokens = numpy.flatnonzero(step.visible()[b])
        if not len(tokens):
            continue
        scores = key[b, k, tokens] @ step.query[b, h].astype(float) * step.arguments["scale_value"]
        scores += bias[b, h, 0, tokens]
        if step.hidden[b, tokens].any():  # all of them, and their mean was asked for
            scores[:] = 0
        weights = numpy.exp(scores - scores.max())
        out[b, h] = weights @ value[b, k, tokens] / weights.sum()
    return out


# Where keys and values lie.


def laid_out(x, layout):
    """[B, heads, S, D] as the document's layouts have it."""
    if layout == "BNSD":
        return x
    x = numpy.ascontiguousarray(x.swapaxes(1, 2))
    batch, tokens, heads, dim = x.shape
    return x.reshape(batch, tokens, heads * dim) if layout == "BSH" else x


def contiguous(step, x):
    return laid_out(x, step.layout)


def listed(step, x):
    """A tensor for each sequence, with an S of its own."""
    return [laid_out(x[b : b + 1, :, : step.window[b].sum()], step.layout) for b in range(step.batch)]


def paged(step, x):
    """A pool of blocks: [blocks, kvN, block_size, D], or [blocks, block_size, kvN * D] for the token-major layouts."""
    table, size = step.arguments["block_table"], step.arguments["block_size"]
    pool = numpy.full((table.max() + 3, step.kv_heads, size, step.head_dim), poison(x.dtype), x.dtype)
    for b, j in zip(*numpy.nonzero(table >= 0)):
        tokens = x[b, :, j * size : (j + 1) * size]
        pool[table[b, j], :, : tokens.shape[1]] = tokens
    return laid_out(pool, "BNSD" if step.layout == "BNSD" else "BSH")


# What a step can have, alone or together.


def lengths(step):
    lengths = step.random.integers(0, step.tokens + 1, step.batch)
    step.window &= numpy.arange(step.tokens) < lengths[:, None]
    as_given = step.random.choice(["list", "int32", "int64"])
    step.arguments["actual_seq_lengths"] = lengths.tolist() if as_given == "list" else lengths.astype(as_given)


def left_padding(step):
    """Some windows start before the first token: those sequences give zeros."""
    lengths = step.random.integers(0, step.tokens + 1, step.batch)
    padding = int(step.random.integers(0, step.tokens + 1)) // 2
    end = step.tokens - padding
    begin = end - lengths[:, None]
    tokens = numpy.arange(step.tokens)
    step.window &= (begin >= 0) & (tokens >= begin) & (tokens < end)
    step.arguments |= {"actual_seq_lengths": lengths, "kv_padding_size": padding}


def mask(step):
    hidden = step.random.random((step.batch, step.columns)) < 0.3
    if step.random.random() < 0.3:
        hidden[0] = True
    ones = [1] * step.random.integers(3)
    dtype = step.random.choice(["bool", "int8", "uint8"])
    step.arguments["attn_mask"] = hidden.astype(dtype).reshape(step.batch, *ones, step.columns)
    step.hidden = hidden[:, : step.tokens]


def mean_of_hidden_rows(step):
    mask(step)
    step.mean_of_hidden = step.arguments["mean_of_wholly_hidden_rows"] = True


def pse_shift(step):
    batch = step.random.choice([1, step.batch])
    bias = step.random.uniform(-4, 4, (batch, step.heads, 1, step.columns)).astype(step.dtype)
    step.arguments["pse_shift"] = bias
    step.bias = bias[..., : step.tokens]


def tensor_list(step):
    lengths(step)
    del step.arguments["actual_seq_lengths"]
    longest = step.window.sum(axis=1).max()
    step.cache = [x[:, :, :longest] for x in step.cache]
    step.window, step.hidden = step.window[:, :longest], step.hidden[:, :longest]
    step.bias = step.bias[..., :longest]
    step.tokens = step.columns = int(longest)
    step.store = listed


def pages(step):
    """Blocks in any order, as many as the lengths need; what the tables have beyond them is -1."""
    lengths(step)
    unit = 32 if step.cache[0].dtype == numpy.int8 else 16
    block_size = unit * int(step.random.integers(1, 4))
    needed = -(-step.window.sum(axis=1) // block_size)
    table = numpy.full((step.batch, -(-step.tokens // block_size)), -1, "int32")
    table[numpy.arange(table.shape[1]) < needed[:, None]] = step.random.permutation(needed.sum() + 3)[: needed.sum()]
    step.arguments |= {"block_table": table, "block_size": block_size}
    step.columns = table.shape[1] * block_size
    step.store = paged


def int8_output(step):
    """With one scale, or one for each head and channel, which pages do not have."""
    shape = [(1,), (1, step.heads, 1, step.head_dim)][step.random.integers(2)]
    scale = step.random.uniform(20, 90, shape).astype("float32")
    offset = step.random.uniform(-5, 5, shape).astype("float32")
    step.arguments |= {"quant_scale2": scale, "quant_offset2": offset}
    step.post_quant = [x.astype(float).reshape(-1, shape[-1]) for x in (scale, offset)]


def planned(step):
    lengths(step)
    step.planned = True


FEATURES = {
    "all tokens": [],
    "lengths": [lengths],
    "left padding": [left_padding],
    "mask": [mask],
    "mean of hidden rows": [lengths, mean_of_hidden_rows],
    "pse_shift": [pse_shift],
    "padding, mask and pse": [left_padding, mask, pse_shift],
    "list of tensors": [tensor_list],
    "list, mask and pse": [tensor_list, mask, pse_shift],
    "pages": [pages],
    "pages, mask and pse": [pages, mask, pse_shift],
    "int8 output": [lengths, int8_output],
    "int8 output, padding": [left_padding, pse_shift, int8_output],
    "plan, 2 threads": [planned],
}


# Calls.


class PoisonedOutput:
    """An output full of poison, in memory that goes on beyond both ends."""

    MARGIN = 64

    def __init__(self, shape, dtype):
        size = int(numpy.prod(shape))
        self._all = numpy.full(size + 2 * self.MARGIN, poison(dtype), dtype)
        self._margins = self._margin_bytes()
        self.tensor = self._all[self.MARGIN : self.MARGIN + size].reshape(shape)

    def _margin_bytes(self):
        return self._all[: self.MARGIN].tobytes() + self._all[-self.MARGIN :].tobytes()

    def stayed_inside(self):
        return self._margin_bytes() == self._margins


def call(arguments, plan_first, out, pool):
    if not plan_first:
        return ifa.incre_flash_attention(**arguments, out=out)
    with ifa.plan(**arguments, thread_pool=pool) as plan:
        memory = bytearray(plan.workspace_bytes)
        without = {name: x for name, x in arguments.items() if name != "actual_seq_lengths"}
        return ifa.incre_flash_attention(**without, out=out, plan=plan, workspace=memory, thread_pool=pool)


def error_of(step, pool):
    """Makes the call, and returns the error of its worst row."""
    step.poison_what_is_not_read()
    query = laid_out(step.query[:, :, None], step.layout)
    out = PoisonedOutput(query.shape, "int8" if step.post_quant else step.dtype)
    key, value = (step.store(step, x) for x in step.cache)
    call({"query": query, "key": key, "value": value} | step.arguments, step.planned, out.tensor, pool)
    exact = formula(step)
    got = out.tensor.reshape(exact.shape)
    if step.post_quant:
        excess = accuracy.beyond_int8_rounding(got, exact, *step.post_quant)
    else:
        excess = accuracy.beyond_rounding(got.astype(float), exact, step.dtype)
    return accuracy.worst_row(excess, exact) if out.stayed_inside() else numpy.inf


def compare(random):
    table = accuracy.Table({name: bound for name, (bound, *_) in COLUMNS.items()})
    with ifa.ThreadPool(2) as pool:
        for feature, column, layout, group in itertools.product(FEATURES, COLUMNS, LAYOUTS, GROUPS):
            _, inner_precise, cache, dtypes = COLUMNS[column]
            step = Step(random, layout, group, random.choice(dtypes), cache, inner_precise)
            for apply in FEATURES[feature]:
                apply(step)
            table.add(feature, column, error_of(step, pool))
    table.print()
    return table.within_bounds()


def read_only(tensor):
    tensor.flags.writeable = False
    return tensor


def wrong_calls():
    """A call that is right, and for each that is wrong the error it raises and what is different in it."""
    batch, heads, tokens, dim = 2, 8, 32, 64
    query = numpy.ones((batch, heads, 1, dim), "float16")
    cache = numpy.ones((batch, 2, tokens, dim), "float16")
    right = {"query": query, "key": [cache], "value": [cache], "num_heads": heads, "num_key_value_heads": 2}
    return right | {"input_layout": "BNSD"}, [
        (TypeError, {"query": query.astype(float)}),
        (TypeError, {"value": [cache.astype("float32")]}),
        (TypeError, {"key": [cache, None]}),
        (TypeError, {"scale_value": 1}),
        (TypeError, {"num_heads": True}),
        (ValueError, {"actual_seq_lengths": [1, 2, 3]}),
        (ValueError, {"input_layout": "SBH"}),
        (RuntimeError, {"key": []}),
        (RuntimeError, {"actual_seq_lengths": [tokens, tokens + 1]}),
        (RuntimeError, {"attn_mask": numpy.zeros((batch, heads, 1, tokens), bool)}),
        (RuntimeError, {"quant_scale1": numpy.ones(1, "float32")}),
        (RuntimeError, {"value": [numpy.ones((*cache.shape[:3], 2 * dim), "float16")[..., ::2]]}),
        (RuntimeError, {"out": read_only(numpy.empty_like(query))}),
        (RuntimeError, {"out": query}),
    ]


def refuse_wrong_calls():
    """Whether each raises what it should, and leaves its output as it was."""
    right, wrong = wrong_calls()
    all_right = ifa.check(**right) is None
    for expected, different in wrong:
        out = PoisonedOutput(right["query"].shape, "float16")
        before = out.tensor.tobytes()
        arguments = right | {"out": out.tensor} | different
        try:
            ifa.incre_flash_attention(**arguments)
            raised = None
        except (TypeError, ValueError, RuntimeError) as error:
            raised = error
        print(f"{type(raised).__name__}: {raised}")
        same = repr(ifa.check(**arguments)) == repr(raised)
        all_right = all_right and same and type(raised) is expected and out.tensor.tobytes() == before
    return all_right


def main():
    print(f"ifa {ifa.version()}, {ifa.isa()} kernels; NumPy {numpy.__version__}")
    print("\nWorst errors, of how many calls:\n")
    within = compare(numpy.random.default_rng(20))
    print("\nWrong calls:\n")
    refused = refuse_wrong_calls()
    print("\n" + ("All as it should be." if within and refused else "NOT as it should be."))
    sys.exit(0 if within and refused else 1)


if __name__ == "__main__":
    main()
