"""Asks the model: questions go in as text, answers are printed as they are generated.

Started through ./run, which finds the Python environment that ./setup made.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import jinja2
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

HERE = Path(__file__).resolve().parent
DEFAULT_ENGINE = HERE.parents[1] / "build" / "gcc" / "examples" / "generate" / "ifa_generate"


class Chat:
    """The tokenizer and the chat template in a folder that ./setup has filled."""

    def __init__(self, folder):
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.end_of_turn = self.tokenizer.token_to_id("<|im_end|>")
        self._template = jinja2.Template((folder / "chat_template.jinja").read_text())

    def question(self, text):
        """Token ids of a conversation in which it is the model's turn to answer."""
        return self._tokens([{"role": "user", "content": text}], add_generation_prompt=True)

    def conversation(self, question, answer):
        return self._tokens([{"role": "user", "content": question}, {"role": "assistant", "content": answer}])

    def _tokens(self, messages, **options):
        return self.tokenizer.encode(self._template.render(messages=messages, **options)).ids


class Engine:
    """Runs ifa_generate."""

    def __init__(self, binary, folder, chat):
        if not binary.is_file():
            sys.exit(f"{binary} is not there; build the target ifa_generate, or name the binary with --engine")
        self._command = [str(binary), "--weights", str(folder / "weights.f32")]
        self._calibration = folder / "calibration.tokens"
        # Conversations stand between lines of ---, the question on the first line of each.
        texts = (HERE / "calibration.txt").read_text().split("---\n")
        self._calibration.write_text(lines_of(chat.conversation(*text.split("\n", 1)) for text in texts))
        self.summary = []

    def generate(self, prompts, options):
        """Yields (index of the prompt, token) as tokens come. Afterwards `summary` says how fast they came."""
        command = [*self._command, "--calibration", str(self._calibration), *options]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with process:
            process.stdin.write(lines_of(prompts))
            process.stdin.close()
            for line in process.stdout:
                if line.startswith("#"):
                    self.summary.append(line[1:].strip())
                else:
                    sequence, token = line.split()
                    yield int(sequence), int(token)
        if process.returncode != 0:
            sys.exit(process.returncode)


def lines_of(sequences):
    return "".join(" ".join(map(str, tokens)) + "\n" for tokens in sequences)


class Transcript:
    """Prints answers in the order of the questions: one as it comes, those after it once it has ended."""

    def __init__(self, chat, questions):
        self._chat = chat
        self._questions = questions
        self._streams = [DecodeStream(skip_special_tokens=True) for _ in questions]
        self._unprinted = ["" for _ in questions]
        self._ended = [False for _ in questions]
        self._current = -1
        self._next()

    def add(self, sequence, token):
        self._unprinted[sequence] += self._streams[sequence].step(self._chat.tokenizer, token) or ""
        self._ended[sequence] = token == self._chat.end_of_turn
        self._print()

    def end(self):
        self._ended = [True for _ in self._questions]
        self._print()

    def _print(self):
        while self._current < len(self._questions):
            print(self._unprinted[self._current], end="", flush=True)
            self._unprinted[self._current] = ""
            if not self._ended[self._current]:
                return
            print("\n")
            self._next()

    def _next(self):
        self._current += 1
        if self._current < len(self._questions):
            print(f"> {self._questions[self._current]}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="run", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="build folder that setup has filled")
    parser.add_argument("--prompt", action="append", required=True, help="a question; repeat it to ask several at once")
    parser.add_argument("--kv", choices=["float16", "int8"], default="float16", help="element type of the cache")
    parser.add_argument("--tokens", type=int, default=128, help="most tokens per answer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engine", type=Path, default=DEFAULT_ENGINE, help="the binary ifa_generate")
    return parser.parse_args()


def main():
    given = arguments()
    chat = Chat(given.folder)
    engine = Engine(given.engine, given.folder, chat)
    transcript = Transcript(chat, given.prompt)
    options = ["--kv", given.kv, "--tokens", str(given.tokens), "--threads", str(given.threads)]
    options += ["--stop", str(chat.end_of_turn)]
    for sequence, token in engine.generate([chat.question(text) for text in given.prompt], options):
        transcript.add(sequence, token)
    transcript.end()
    print("\n".join(engine.summary))


if __name__ == "__main__":
    main()
