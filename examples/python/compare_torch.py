"""Compares ifa, called with PyTorch's tensors, with torch.nn.functional.scaled_dot_product_attention in float64, over
a seeded grid of calls. Exit code 1 if an error is above its bound."""

import itertools
import math
import sys

import accuracy
import ifa
import torch
from torch.nn.functional import scaled_dot_product_attention

LAYOUTS = ("BSH", "BNSD")
GROUPS = (1, 3, 4, 8)  # query heads that share a key/value head
HEAD_DIMS = (48, 64, 128)
# By column of the table: bound, and element types of the query; the cache has the same, or int8.
COLUMNS = {
    "float32": (accuracy.BOUND, [torch.float32]),
    "float16": (accuracy.BOUND, [torch.float16]),
    "bfloat16": (accuracy.BOUND, [torch.bfloat16]),
    "int8": (accuracy.INT8_BOUND, [torch.float32, torch.float16, torch.bfloat16]),
}


class Step:
    """A decode step: query [B, N, 1, D], key and value [B, kvN, S, D], and a bias [B, N, 1, S] in float64 with -inf for
    tokens that are hidden."""

    def __init__(self, random, layout, group, dtypes, quantised):
        self.random, self.layout = random, layout
        self.dtype = dtypes[self.integer(0, len(dtypes) - 1)]
        self.batch, self.kv_heads, self.tokens = (self.integer(1, most) for most in (3, 3, 600))
        self.heads, self.head_dim = group * self.kv_heads, HEAD_DIMS[self.integer(0, len(HEAD_DIMS) - 1)]
        self.query = self.normal(self.batch, self.heads, 1, self.head_dim)
        self.lengths = [self.tokens] * self.batch
        self.bias = torch.zeros(self.batch, self.heads, 1, self.tokens, dtype=torch.float64)
        self.store = self.laid_out
        self.arguments = {
            "num_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "input_layout": layout,
            "scale_value": self.head_dim**-0.5,
        }
        shape = (self.batch, self.kv_heads, self.tokens, self.head_dim)
        if quantised:
            self._quantised_cache(shape)
        else:
            self.cache = list(self.normal(2, *shape) + 0.25)
            self.numbers = [x.double() for x in self.cache]

    def integer(self, least, most):
        return int(torch.randint(least, most + 1, (), generator=self.random))

    def normal(self, *shape):
        return torch.randn(shape, generator=self.random).to(self.dtype)

    def laid_out(self, x):
        return x.transpose(1, 2).flatten(2) if self.layout == "BSH" else x.contiguous()

    def _quantised_cache(self, shape):
        """With a scale and an offset for each channel."""
        per_channel = (2, self.kv_heads, 1, self.head_dim)
        integers = torch.randint(-128, 128, (2, *shape), generator=self.random, dtype=torch.int8)
        self.cache = list(integers)
        scale = 0.015 + 0.002 * self.normal(*per_channel)
        offset = 4 * self.normal(*per_channel)
        self.numbers = [(x + offset[part].double()) * scale[part].double() for part, x in enumerate(self.cache)]
        given = (2, self.kv_heads * self.head_dim) if self.layout == "BSH" else per_channel
        self.arguments |= {"antiquant_scale": scale.view(given), "antiquant_offset": offset.view(given)}


def exact(step):
    """Each sequence by itself, for the lengths differ. PyTorch has no answer to no tokens; the operator's is zero."""
    out = torch.zeros(step.query.shape, dtype=torch.float64)
    for b, length in enumerate(step.lengths):
        if length == 0:
            continue
        query, bias = step.query[b : b + 1].double(), step.bias[b : b + 1, ..., :length]
        key, value = (x[b : b + 1, :, :length] for x in step.numbers)
        scale = step.arguments["scale_value"]
        out[b] = scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale, enable_gqa=True)[0]
    return out


# What a step can have.


def lengths(step):
    step.lengths = [step.integer(0, step.tokens) for _ in range(step.batch)]
    step.arguments["actual_seq_lengths"] = torch.tensor(step.lengths)


def mask(step):
    """The first token always stays: of a row without any, PyTorch and the operator have different opinions."""
    hidden = torch.rand((step.batch, step.tokens), generator=step.random) < 0.3
    hidden[:, 0] = False
    step.arguments["attn_mask"] = hidden
    step.bias.masked_fill_(hidden[:, None, None], -math.inf)


def pse_shift(step):
    pse = step.normal(*step.bias.shape)
    step.arguments["pse_shift"] = pse
    step.bias += pse.double()


def views(step):
    """Halves of a memory twice as wide, token-major whatever the layout: read in place, by their strides."""
    lengths(step)

    def store(x):
        token_major = x.transpose(1, 2) if step.layout == "BNSD" else step.laid_out(x)
        *outer, width = token_major.shape
        half = token_major.new_empty(*outer, 2 * width)[..., width:].copy_(token_major)
        return half.transpose(1, 2) if step.layout == "BNSD" else half

    step.store = store


def tensor_list(step):
    step.lengths = [step.integer(0, step.tokens) for _ in range(step.batch)]
    step.store = lambda x: [step.laid_out(x[b : b + 1, :, :n]) for b, n in enumerate(step.lengths)]


FEATURES = {
    "all tokens": [],
    "lengths": [lengths],
    "mask": [mask],
    "pse_shift": [pse_shift],
    "lengths, mask and pse": [lengths, mask, pse_shift],
    "views by strides": [views],
    "list of tensors": [tensor_list],
}


def error_of(step):
    """Makes the call, and returns the error of its worst row."""
    query = step.laid_out(step.query)
    out = torch.full_like(query, math.nan)
    key, value = (step.store(x) for x in step.cache)
    ifa.incre_flash_attention(query, key, value, **step.arguments, out=out)
    expected = exact(step).numpy()
    got = out.view(expected.shape).double().numpy()
    return accuracy.worst_row(accuracy.beyond_rounding(got, expected, str(step.dtype).removeprefix("torch.")), expected)


def main():
    print(f"ifa {ifa.version()}, {ifa.isa()} kernels; PyTorch {torch.__version__}")
    print("\nWorst errors, of how many calls:\n")
    random = torch.Generator().manual_seed(20)
    table = accuracy.Table({name: bound for name, (bound, _) in COLUMNS.items()})
    for feature, column, layout, group in itertools.product(FEATURES, COLUMNS, LAYOUTS, GROUPS):
        step = Step(random, layout, group, COLUMNS[column][1], quantised=column == "int8")
        for apply in FEATURES[feature]:
            apply(step)
        table.add(feature, column, error_of(step))
    table.print()
    print("\n" + ("All as it should be." if table.within_bounds() else "NOT as it should be."))
    sys.exit(0 if table.within_bounds() else 1)


if __name__ == "__main__":
    main()
