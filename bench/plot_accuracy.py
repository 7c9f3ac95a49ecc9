"""A picture of the accuracy study: errors over the length of the context, ours in both precisions and PyTorch's, a panel for
each type of cache and kind of data. usage: plot_accuracy.py <accuracy.csv> [folder]"""

import csv
import sys
from pathlib import Path

from plot import pyplot, save

CACHES = ["float32", "float16", "bfloat16", "int8"]
# A column of panels each: what stands above it, and the kind in the table, which may differ for int8.
COLUMNS = [
    ("equal scores,\nvalues of mean 0", "equal scores, mean 0"),
    ("moderate scores,\nvalues of mean 0.5", "moderate scores, mean 0.5"),
    ("scores up to 16,\nvalues of mean 0", "peaked scores, mean 0"),
    ("scores near ±60,000,\nthat differ by 1", "scores near 60000"),
    ("outlier channels", "outlier channels"),
    ("subnormal numbers;\nint8: adversarial scales", "subnormal numbers"),
]
INT8_KINDS = {"subnormal numbers": "adversarial scales"}
STYLES = {"ifa, HighPrecision": ("#4477aa", "o-"), "ifa, HighPerformance": ("#ee6677", "s--")}
PEER_STYLE = ("#888888", "^-")


def plot_panel(axes, rows):
    for library in dict.fromkeys(row["library"] for row in rows):
        colour, style = STYLES.get(library, PEER_STYLE)
        mine = [row for row in rows if row["library"] == library]
        tokens = [int(row["tokens"]) for row in mine]
        axes.plot(tokens, [float(row["error"]) for row in mine], style, color=colour, markersize=3, label=library)
        if library in STYLES:
            bounds = [float(row["bound"]) for row in mine]
            axes.plot(tokens, bounds, ":", color=colour, linewidth=1, label=library.replace("ifa, ", "bound of "))


def plot(rows, folder):
    shape = (len(CACHES), len(COLUMNS))
    figure, grid = pyplot.subplots(*shape, figsize=(11, 7), sharex=True, sharey=True, layout="constrained")
    for cache, line in zip(CACHES, grid):
        for (title, kind), axes in zip(COLUMNS, line):
            wanted = INT8_KINDS.get(kind, kind) if cache == "int8" else kind
            plot_panel(axes, [row for row in rows if row["cache"] == cache and row["kind"] == wanted])
            axes.grid(axis="y", linewidth=0.3)
            if cache == CACHES[0]:
                axes.set_title(title, fontsize="small")
        line[0].set_ylabel(f"{cache} cache", fontsize="small")
    grid[0, 0].set_xscale("log", base=2)
    grid[0, 0].set_xticks([1024, 16384, 262144], ["1k", "16k", "256k"], fontsize="x-small")
    grid[0, 0].minorticks_off()
    grid[0, 0].set_yscale("log")
    grid[0, 0].set_ylim(1e-9, 10)
    figure.supxlabel("tokens")
    figure.supylabel("error relative to float64")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=len(labels), fontsize="small", loc="outside upper center")
    save(figure, folder, "accuracy.svg")


def main():
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "build/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    with open(sys.argv[1], newline="") as table:
        plot(list(csv.DictReader(table, delimiter=";")), folder)
    print(f"the picture is {folder / 'accuracy.svg'}", file=sys.stderr)


if __name__ == "__main__":
    main()
