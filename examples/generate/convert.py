"""Turns the model's GGUF file into what the engine and the tokenizer read.

    convert.py MODEL.gguf FOLDER

writes into FOLDER

    weights.f32          a text header and the weights, dequantised to float32 (layout below)
    tokenizer.json       the vocabulary and merges, for the tokenizers package
    chat_template.jinja  how the model wants a conversation spelled

The header of weights.f32 is one line "name value" per hyperparameter, then "floats COUNT"; COUNT native float32 follow
the end of that line. Matrices are [out, in], row by row, in the order of use:

    embedding          [vocab_size, hidden_size]              also the output head
    for each layer
      attention_norm   [hidden_size]
      query_key_value  [(N + 2 kvN) D, hidden_size]           the three stacked
      attention_output [hidden_size, N D]
      ffn_norm         [hidden_size]
      gate_up          [2 intermediate_size, hidden_size]     the two stacked
      down             [hidden_size, intermediate_size]
    output_norm        [hidden_size]

Rows of query and key stay as GGUF has them: each head's rotary pairs lie side by side, (0, 1), (2, 3), ...
"""

import sys
from pathlib import Path

import gguf
import numpy
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

LAYER_TENSORS = (
    "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down",
)  # fmt: skip


def hyperparameters(metadata):
    heads = metadata["llama.attention.head_count"]
    hidden_size = metadata["llama.embedding_length"]
    return {
        "num_layers": metadata["llama.block_count"],
        "hidden_size": hidden_size,
        "intermediate_size": metadata["llama.feed_forward_length"],
        "num_heads": heads,
        "num_kv_heads": metadata["llama.attention.head_count_kv"],
        "head_dim": hidden_size // heads,
        "vocab_size": metadata["llama.vocab_size"],
        "max_positions": metadata["llama.context_length"],
        "rope_theta": metadata["llama.rope.freq_base"],
        "rms_norm_epsilon": metadata["llama.attention.layer_norm_rms_epsilon"],
    }


def tensor_order(num_layers):
    yield "token_embd.weight"
    for layer in range(num_layers):
        for name in LAYER_TENSORS:
            yield f"blk.{layer}.{name}.weight"
    yield "output_norm.weight"


def write_weights(reader, metadata, path):
    config = hyperparameters(metadata)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    order = list(tensor_order(config["num_layers"]))
    if set(order) != set(tensors):
        sys.exit(f"convert: unexpected tensors {sorted(set(order) ^ set(tensors))}")
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        for name, value in config.items():
            file.write(f"{name} {value}\n".encode())
        file.write(f"floats {sum(tensor.n_elements for tensor in reader.tensors)}\n".encode())
        for name in order:
            tensor = tensors[name]
            gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32).tofile(file)
    partial.rename(path)  # so that what is there is whole


def write_tokenizer(metadata, path):
    """Byte-level BPE; the model was trained with each digit on its own."""
    tokens = metadata["tokenizer.ggml.tokens"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"]
    control = [token for token, kind in zip(tokens, kinds) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    tokenizer.save(str(path))


def main():
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    reader = gguf.GGUFReader(source)
    metadata = {name: field.contents() for name, field in reader.fields.items()}
    if metadata["general.architecture"] != "llama" or metadata["tokenizer.ggml.pre"] != "smollm":
        sys.exit("convert: expected a SmolLM model of the llama architecture")
    write_tokenizer(metadata, folder / "tokenizer.json")
    (folder / "chat_template.jinja").write_text(metadata["tokenizer.chat_template"])
    write_weights(reader, metadata, folder / "weights.f32")


if __name__ == "__main__":
    main()
