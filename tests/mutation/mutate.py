"""Builds the tests once over headers that hold many mutants, runs them against each, and lists what no test notices."""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mutants as finder

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "build/mutation"
SOURCE, BUILD, TRIAL = WORK / "source", WORK / "tests", WORK / "trial"
PROGRAM = BUILD / "tests/ifa_tests"
EXPLAINED = Path(__file__).with_name("explained.txt")

EIGEN = os.environ.get("EIGEN_INCLUDE", "/usr/include/eigen3")
ISA = ["-mavx2", "-mfma", "-mf16c"]
QUIET = ["-w", "-Wno-narrowing"]
# The tests of what is mutated; what the others would notice beside these is not looked for.
TESTS = re.compile(
    r"tests/(((kernel|kv|quant|score|simd|visibility)/.*|properties/(differential|same_bits).*)_test.cpp"
    r"|(append|check|edge_cases|errors|errors_cache|incre_flash_attention|sink)_test.cpp)"
)
ENVIRONMENT = {"IFA_CASES": "200", "GTEST_FAIL_FAST": "1", "GTEST_BRIEF": "1"}
QUICK_SECONDS = 0.03  # tests that take no longer come first


def say(text):
    print(text, flush=True)


def read_explained():
    """One mutant a line: its key, and after two spaces and a # why no test here can tell it from the original."""
    lines = [line for line in EXPLAINED.read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split("  # ", 1) for line in lines)


def write_if_other(path, content):
    """Keeps the time stamp of what stays as it is, so that only what changed is compiled."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def write_sources(root, chosen, numbers):
    of_file = {}
    for mutant in chosen:
        of_file.setdefault(mutant.file, []).append(mutant)
    for folder in ["include", "tests", ".cmake"]:
        for path in (path for path in (ROOT / folder).rglob("*") if path.is_file()):
            name, content = path.relative_to(ROOT), path.read_bytes()
            if path.name.endswith("_test.cpp") and not TESTS.fullmatch(name.as_posix()):
                continue
            inside = path.relative_to(ROOT / "include/ifa").as_posix() if folder == "include" else ""
            if inside in of_file:
                content = finder.written(content.decode(), of_file[inside], numbers).encode()
            if inside == "config.hpp":
                content = b'#include "mutant.hpp"\n' + content
            write_if_other(root / name, content)
            shutil.copymode(path, root / name)
    write_if_other(root / "CMakeLists.txt", (ROOT / "CMakeLists.txt").read_bytes())
    write_if_other(root / "include/ifa/mutant.hpp", Path(__file__).with_name("mutant.hpp").read_bytes())


def lines_with_errors():
    """Of the headers, in one unit that includes and instantiates everything."""
    unit = TRIAL / "tests/odr/unit.cpp"
    command = ["g++", "-std=c++20", "-fsyntax-only", *QUIET, *ISA, f"-I{TRIAL}/include", "-isystem", EIGEN, unit]
    result = subprocess.run(command, text=True, capture_output=True)
    errors = set(re.findall(r"include/ifa/(\S+?):(\d+):\d+: error:", result.stderr))
    if result.returncode and not errors:
        sys.exit(result.stderr)
    return {(os.path.normpath(file), int(line)) for file, line in errors}


def choose(candidates, count, seed):
    """`count` mutants that compile; those on a line with an error are replaced by others. The order in which they are
    taken is that of their hashes, so that a change to one line changes the choice of no other."""
    pending = sorted(candidates, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest())
    numbers = {mutant.key: i for i, mutant in enumerate(pending)}
    chosen = []
    while True:
        chosen += [pending.pop(0) for _ in range(min(count - len(chosen), len(pending)))]
        write_sources(TRIAL, chosen, numbers)
        errors = lines_with_errors()
        if not errors:
            return sorted(chosen, key=lambda m: (m.file, m.start)), numbers
        wrong = [m for m in chosen if any(m.file == f and m.line <= line <= m.last_line for f, line in errors)]
        if not wrong:
            sys.exit(f"no mutant explains the errors at {sorted(errors)}")
        say(f"{len(wrong)} mutants do not compile, others take their place")
        chosen = [mutant for mutant in chosen if mutant not in wrong]


def build():
    flags = " ".join(ISA + QUIET)
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_CXX_COMPILER": "g++",
        "CMAKE_CXX_FLAGS": flags,
        "CMAKE_CXX_FLAGS_RELEASE": "-O1",
        **{f"IFA_BUILD_{part}": "OFF" for part in ["EXAMPLES", "BENCH", "C_LIBRARY"]},
    }
    configure = ["cmake", "-G", "Ninja", "-S", SOURCE, "-B", BUILD]
    configure += [f"-D{name}={value}" for name, value in options.items()]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    jobs = str(len(os.sched_getaffinity(0)))
    subprocess.run(["cmake", "--build", BUILD, "--target", "ifa_tests", "--parallel", jobs], check=True)


def run_tests(names, seconds, number=None, *extra):
    """The exit status, None where time ran out, and what was printed. Time is the processor's, for a machine may be
    busy; what only waits has twenty times as much."""
    mutant = {} if number is None else {"IFA_MUTANT": str(number)}
    flags = WORK / f"flags.{number}"
    flags.write_text("--gtest_filter=" + ":".join(names))
    try:
        result = subprocess.run(
            [PROGRAM, f"--gtest_flagfile={flags}", *extra],
            env={**os.environ, **ENVIRONMENT, **mutant},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5)),
            timeout=20 * seconds,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        status = None if result.returncode == -signal.SIGXCPU else result.returncode
        return status, result.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        flags.unlink()


def baseline():
    """The tests in two stages, those that take a moment first, each with how long it may take a mutant."""
    report = WORK / "baseline.json"
    status, output = run_tests(["*"], 3600, None, f"--gtest_output=json:{report}")
    if status != 0:
        sys.exit(f"the tests fail without a mutant:\n{output}")
    stages = [{}, {}]
    for suite in json.loads(report.read_text())["testsuites"]:
        for test in suite["testsuite"]:
            seconds = float(test.get("time", "0s")[:-1])
            if test["result"] == "COMPLETED":
                stages[seconds > QUICK_SECONDS][f"{suite['name']}.{test['name']}"] = seconds
    seconds = [sum(stage.values()) for stage in stages]
    say(
        f"without a mutant {len(stages[0])} quick tests take {seconds[0]:.0f} s, "
        f"and {len(stages[1])} others {seconds[1]:.0f} s"
    )
    return [(list(stage), 4 * int(time) + 10) for stage, time in zip(stages, seconds)]


def fate(number, stages):
    """Of one mutant: what noticed it, or "survived"."""
    for names, seconds in stages:
        status, output = run_tests(names, seconds, number)
        if status is None:
            return "killed by the time limit"
        if status != 0:
            test = re.search(r"\[  FAILED  \] ([\w/]+\.[\w/]+)", output)
            return f"killed by {test[1] if test else f'exit status {status}'}"
    return "survived"


def report(chosen, fates, known):
    counts = Counter(fate.split()[0] for fate in fates)
    survivors = [mutant.key for mutant, fate in zip(chosen, fates) if fate == "survived"]
    unexplained = [key for key in survivors if key not in known]
    killed_but_known = [m.key for m, fate in zip(chosen, fates) if fate != "survived" and m.key in known]
    say(
        f"\n{len(chosen)} mutants: {counts['killed']} killed, {len(survivors) - len(unexplained)} survived and are "
        f"explained, {len(unexplained)} survived"
    )
    for key in unexplained:
        say(f"survived: {key}")
    for key in killed_but_known:
        say(f"explained, but killed: {key}")
    return bool(unexplained or killed_but_known)


def main():
    parser = argparse.ArgumentParser(prog="tests/mutation/run", description=__doc__)
    parser.add_argument("--count", type=int, default=250, help="how many mutants (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which (%(default)s)")
    parser.add_argument("--match", nargs="*", default=[""], help="run only those whose line has one of these texts")
    options = parser.parse_args()

    known = read_explained()
    candidates = finder.find(ROOT / "include", EIGEN, ISA)
    say(f"{len(candidates)} mutants found, trying {options.count} of seed {options.seed}")
    chosen, numbers = choose(candidates, options.count, options.seed)
    write_sources(SOURCE, chosen, numbers)
    build()
    stages = baseline()

    chosen = [mutant for mutant in chosen if any(text in mutant.key for text in options.match)]
    start = time.monotonic()

    def run_one(mutant):
        result = fate(numbers[mutant.key], stages)
        say(f"{mutant.file}:{mutant.line}: {result}: {mutant.key.split(': ', 1)[1]}")
        return result

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        fates = list(pool.map(run_one, chosen))
    say(f"in {time.monotonic() - start:.0f} s")
    return report(chosen, fates, known)


if __name__ == "__main__":
    sys.exit(main())
