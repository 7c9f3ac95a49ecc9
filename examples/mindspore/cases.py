"""The operator's own published test cases, and random tensors for them."""

import dataclasses

import mindspore
import numpy
from mindspore import Tensor, bfloat16, float16, float32


@dataclasses.dataclass(frozen=True)
class Case:
    """What is special about a call; the rest is as the operator has it by default."""

    name: str
    batch: int
    heads: int
    kv_heads: int
    tokens: int
    head_dim: int
    layout: str = "BSH"
    dtypes: tuple = (float16, bfloat16, float32)
    ones: bool = False  # query, key and value are all ones
    alibi: bool = False  # pse_shift
    hidden: float = 0  # the share of the tokens that attn_mask hides; 0: no mask
    mask_dtype: str = "bool"
    mask_axes: int = 2
    lengths: tuple = None
    lengths_kind: type = Tensor
    padding: int = None
    block_size: int = 0
    list_tokens: tuple = None  # key and value as lists, with so many tokens for each sequence
    int8_cache: bool = False
    int8_output: str = None  # "per tensor" or "per channel"
    inner_precise: int = 1

    def __str__(self):
        tokens = "/".join(map(str, self.list_tokens or [self.tokens]))
        return f"B{self.batch} {self.heads}/{self.kv_heads} S{tokens} D{self.head_dim} {self.layout}"

    @property
    def columns(self):
        """Of masks and biases. A block table has room for one block more than the tokens fill."""
        return self.tokens + self.block_size

    @property
    def cache_elements(self):
        return 2 * self.batch * self.kv_heads * self.tokens * self.head_dim

    def shape(self, batch, heads, tokens):
        if self.layout == "BNSD":
            return batch, heads, tokens, self.head_dim
        return batch, tokens, heads * self.head_dim

    def cache_shapes(self):
        if self.block_size:
            blocks = self.batch * self.tokens // self.block_size
            return [(blocks, self.block_size, self.kv_heads * self.head_dim)]
        if self.list_tokens:
            return [self.shape(1, self.kv_heads, tokens) for tokens in self.list_tokens]
        return [self.shape(self.batch, self.kv_heads, self.tokens)]

    def windows(self):
        """The columns that each sequence sees: [begin, end)."""
        lengths = self.lengths or self.list_tokens or (self.tokens,) * self.batch
        end = [self.tokens - self.padding] * self.batch if self.padding is not None else lengths
        return [(e - length, e) if e >= length else (0, 0) for e, length in zip(end, lengths)]


def published_cases():
    """Batch and tokens of the odd dimensions are ours; all other sizes are as published."""
    alibi = Case("ALiBi, random mask", 1, 5, 1, 4096, 128, alibi=True, hidden=0.5, lengths=(4096,))
    int8_cache = Case("int8 cache", 4, 32, 16, 1024, 128, int8_cache=True)
    lengths = tuple(0 if b % 7 == 3 else 1022 - 21 * b for b in range(48))
    ragged = Case("int8 cache and output, ragged", 48, 12, 4, 1023, 128, lengths=lengths, padding=1, int8_cache=True,
                  int8_output="per tensor")
    odd = Case("odd dimension", 2, 3, 1, 1024, 127)
    for layout in ("BSH", "BNSD"):
        yield dataclasses.replace(alibi, layout=layout)
        yield dataclasses.replace(alibi, layout=layout, name="the same in blocks of 128", block_size=128)
    yield Case("ALiBi, mask, lengths, batch 32", 32, 32, 32, 2048, 128, dtypes=(float16,), alibi=True, hidden=0.3,
               mask_dtype="int8", mask_axes=3, lengths=(2048, *range(61, 61 * 32, 61)), lengths_kind=list)
    yield Case("all ones, all masked: zeros", 1, 1, 1, 32, 32, layout="BNSD", ones=True, hidden=1)
    for layout in ("BSH", "BNSD"):
        yield Case("ten tokens", 1, 4, 1, 10, 128, layout=layout)
    for layout in ("BSH", "BNSD"):
        yield dataclasses.replace(int8_cache, layout=layout)
        yield dataclasses.replace(int8_cache, layout=layout, inner_precise=0)
    yield Case("one token", 8, 18, 18, 1, 57)
    yield Case("left padding", 1, 3, 1, 567, 128, lengths=(500,), lengths_kind=tuple, padding=67)
    yield odd
    yield dataclasses.replace(odd, heads=11, kv_heads=11)
    yield dataclasses.replace(odd, heads=16, kv_heads=16, head_dim=120)
    yield dataclasses.replace(odd, heads=32, kv_heads=16, head_dim=31)
    yield Case("left padding, int8 per channel", 4, 256, 8, 511, 64, layout="BNSD", hidden=0.25, mask_dtype="uint8",
               mask_axes=4, lengths=(345, 0, 138, 475), padding=14, int8_output="per channel")
    yield ragged
    yield dataclasses.replace(ragged, inner_precise=0)
    yield Case("a long sequence", 1, 4, 4, 262144, 256, layout="BNSD", dtypes=(float16,))


def further_cases():
    """What the document has and no published case."""
    for layout in ("BSH", "BNSD"):
        yield Case("a list of caches", 3, 8, 2, 300, 64, layout=layout, list_tokens=(300, 1, 77))
    yield Case("int8 cache in blocks of 32", 2, 8, 2, 256, 64, lengths=(250, 33), block_size=32, int8_cache=True)


class Operands:
    """The tensors of a call, and what is in them."""

    def __init__(self, case, dtype, generator):
        self.case, self._dtype, self._generator = case, dtype, generator
        self.query = self._floats(case.shape(case.batch, case.heads, 1))
        # Values have a mean: that of many without one is so small that any error is large beside it.
        self.key, self.value = self._cache(mean=0), self._cache(mean=0.5)
        self.hidden = generator.random((case.batch, case.columns)) < case.hidden
        self.pse_shift = self._alibi() if case.alibi else None
        self.block_table = self._block_table() if case.block_size else None
        self.antiquant_scale, self.antiquant_offset = self._antiquant() if case.int8_cache else (None, None)
        self.quant_scale2, self.quant_offset2 = self._post_quant() if case.int8_output else (None, None)

    def arguments(self):
        case = self.case
        tensors = ("query", "key", "value", "pse_shift", "quant_scale2", "quant_offset2", "antiquant_scale",
                   "antiquant_offset", "block_table")
        return {
            **{name: getattr(self, name) for name in tensors},
            "attn_mask": self._attn_mask() if case.hidden else None,
            "actual_seq_lengths": self._actual_seq_lengths() if case.lengths else None,
            "num_heads": case.heads,
            "input_layout": case.layout,
            "scale_value": case.head_dim**-0.5,
            "num_key_value_heads": case.kv_heads,
            "block_size": case.block_size,
            "inner_precise": case.inner_precise,
            "kv_padding_size": None if case.padding is None else Tensor([case.padding], mindspore.int64),
        }

    def _of_dtype(self, elements):
        return Tensor.from_numpy(elements.astype(numpy.float32, copy=False)).astype(self._dtype)

    def _floats(self, shape, mean=0.0):
        if self.case.ones:
            return self._of_dtype(numpy.ones(shape))
        elements = self._generator.standard_normal(shape, dtype=numpy.float32)
        elements += numpy.float32(mean)
        return self._of_dtype(elements)

    def _cache(self, mean):
        if self.case.int8_cache:
            integers = self._generator.integers
            return [Tensor(integers(-128, 128, shape, numpy.int8)) for shape in self.case.cache_shapes()]
        return [self._floats(shape, mean) for shape in self.case.cache_shapes()]

    def _alibi(self):
        """Heads fall off at their own pace with the distance from the last token."""
        distances = self.case.tokens - 1 - numpy.arange(self.case.columns)
        slopes = 2.0 ** -(1 + numpy.arange(self.case.heads) % 8)
        return self._of_dtype(-slopes[None, :, None, None] * distances)

    def _attn_mask(self):
        shape = (self.case.batch, *[1] * (self.case.mask_axes - 2), self.case.columns)
        return Tensor(self.hidden.reshape(shape).astype(self.case.mask_dtype))

    def _actual_seq_lengths(self):
        if self.case.lengths_kind is Tensor:
            return Tensor(self.case.lengths, mindspore.int64)
        return self.case.lengths_kind(self.case.lengths)

    def _block_table(self):
        """Blocks in any order, and a last column of padding."""
        case = self.case
        blocks = case.tokens // case.block_size
        table = numpy.full((case.batch, blocks + 1), -1, numpy.int32)
        table[:, :blocks] = self._generator.permutation(case.batch * blocks).reshape(case.batch, blocks)
        return Tensor(table)

    def _antiquant(self):
        """Scales that make of integers up to 127, whose spread is 74, numbers with a spread of about 1."""
        case = self.case
        shape = (2, case.kv_heads, 1, case.head_dim) if case.layout == "BNSD" else (2, case.kv_heads * case.head_dim)
        uniform = self._generator.uniform
        return self._of_dtype(uniform(0.5, 1.5, shape) / 74), self._of_dtype(uniform(-16, 16, shape))

    def _post_quant(self):
        count = self.case.heads * self.case.head_dim if self.case.int8_output == "per channel" else 1
        uniform = self._generator.uniform
        return (Tensor(uniform(20, 90, count), mindspore.float32), Tensor(uniform(-8, 8, count), mindspore.float32))
