"""Pictures of ifa_bench's results: every row under its roofline, other libraries' times over ours, and the errors of all
over the length of the context. Prints the comparison as a table. usage: plot.py <results.json> [folder]"""

import json
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": "ifa"})
from matplotlib import pyplot  # noqa: E402

COLOURS = {"f32": "#4477aa", "f16": "#ee6677", "bf16": "#ccbb44", "int8": "#228833"}
TYPES = "f16|q8_0|Float|Half|BFloat16"  # as the libraries call them
SHAPE = re.compile(r"B(?P<batch>\d+)_N(?P<heads>\d+)_kvN(?P<kv_heads>\d+)_S(?P<seq>\d+)(ragged)?_D(?P<head_dim>\d+)")


class Row:
    """One row of the results; its counters are attributes."""

    def __init__(self, row):
        self.__dict__.update(row)
        parts = row["name"].split("/")
        self.kind = parts.pop(0)
        if self.kind == "peer":
            parts.pop(0)
        self.cache = parts[0]
        self.threads = int(next(p for p in parts if re.fullmatch(r"t\d+", p))[1:])
        self.warm = "warm" in parts
        for key, value in SHAPE.search(row["name"]).groupdict().items():
            setattr(self, key, int(value))

    @property
    def shape(self):
        return f"{self.cache} {self.heads}/{self.kv_heads}, D {self.head_dim}, S {self.seq}"

    @property
    def lengthens(self):
        """Whether it belongs to the rows of ever longer contexts."""
        return self.heads == 4


def read(path):
    rows = [r for r in json.loads(Path(path).read_text())["benchmarks"] if "error_occurred" not in r]
    return [Row(r) for r in rows]


def save(figure, folder, name):
    figure.savefig(Path(folder) / name, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def plot_rooflines(rows, folder):
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for cache, colour in COLOURS.items():
        for warm, marker in ((False, "o"), (True, "s")):
            mine = [r for r in rows if r.cache == cache and r.warm == warm and r.threads == 1]
            if mine:
                axes.plot(
                    [r.floor_fma_us / r.floor_memory_us for r in mine],
                    [r.roofline for r in mine],
                    marker,
                    color=colour,
                    alpha=0.8,
                    label=f"{cache}, {'warm' if warm else 'cold'}",
                )
    axes.axhline(1, color="black", linewidth=1)
    axes.axvline(1, color="grey", linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time at the multiply-add peak of float32 / time at read bandwidth")
    axes.set_ylabel("roofline: limit / time")
    axes.set_title("Every shape against the machine's limit, one thread", loc="left")
    axes.legend(ncols=3, fontsize="small", loc="lower right")
    save(figure, folder, "roofline.svg")


def plot_peers(rows, folder):
    shapes = list(dict.fromkeys(r.shape for r in rows))
    figure, axes = pyplot.subplots(figsize=(7, 0.9 + 0.26 * len(rows)))
    kinds = list(dict.fromkeys(r.name.split("/")[1] for r in rows))
    colour = dict(zip(kinds, ("#4477aa", "#ee6677", "#ccbb44", "#228833", "#aa3377")))
    position, ticks, labelled = 0, [], set()
    for shape in shapes:
        start = position
        for row in (r for r in rows if r.shape == shape):
            kind = row.name.split("/")[1]
            whisker = [[row.time_ratio - row.time_ratio_low], [row.time_ratio_high - row.time_ratio]]
            label = None if kind in labelled else re.sub(rf" ({TYPES})$", "", row.label)
            axes.barh(position, row.time_ratio, 0.8, xerr=whisker, color=colour[kind], label=label)
            axes.text(row.time_ratio_high * 1.05, position, f"{row.time_ratio:.1f}", va="center", fontsize="small")
            labelled.add(kind)
            position += 1
        ticks.append(((start + position - 1) / 2, shape))
        position += 0.8
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(left=0.5, right=axes.get_xlim()[1] * 1.5)
    axes.set_yticks([t for t, _ in ticks], [s for _, s in ticks])
    axes.invert_yaxis()
    axes.set_xlabel("their time / ours (1: as fast as ifa), one thread, cold caches")
    figure.suptitle("Other ways to the same attention")
    axes.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.03), ncols=3)
    save(figure, folder, "peers.svg")


def plot_errors(rows, folder):
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for kind in dict.fromkeys(r.name.split("/")[1] for r in rows):
        mine = sorted((r for r in rows if r.name.split("/")[1] == kind), key=lambda r: r.seq)
        axes.plot([r.seq for r in mine], [r.rel_error for r in mine], "o-", label=mine[0].label)
    ours = sorted({(r.seq, r.our_rel_error) for r in rows})
    axes.plot(*zip(*ours), "o-", color="black", linewidth=2, label="ifa")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("tokens in the float16 cache")
    axes.set_ylabel("error relative to float64")
    axes.set_title("Error over the length of the context", loc="left")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, folder, "errors.svg")


def print_table(rows):
    print("| cache, N/kvN | against | their time / ours | 95 % interval | their error | our error |")
    print("|---|---|---|---|---|---|")
    for r in rows:
        print(
            f"| {r.cache} {r.heads}/{r.kv_heads} | {r.label} | {r.time_ratio:.2f} "
            f"| {r.time_ratio_low:.2f} to {r.time_ratio_high:.2f} | {r.rel_error:.0e} | {r.our_rel_error:.0e} |"
        )


def main():
    rows = read(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "build/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    decodes = [r for r in rows if r.kind == "decode"]
    peers = [r for r in rows if r.kind == "peer" and not r.lengthens]
    longer = [r for r in rows if r.kind == "peer" and r.lengthens]
    for plot, mine in ((plot_rooflines, decodes), (plot_peers, peers), (plot_errors, longer)):
        if mine:
            plot(mine, folder)
    if peers:
        print_table(peers)
    print(f"pictures are in {folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
