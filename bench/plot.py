"""The pictures, from the JSON of run.py and growth.py; matplotlib is imported when one is drawn.

    python bench/plot.py build/bench.json docs/bench.png
"""

import argparse
import json

import choices
from table import short

# Okabe and Ito's colours, told apart by people with any colour vision, and grey; hatches help further.
STYLE = {"fastnet": ("#0072B2", ""), "BLAS": ("#56B4E9", ""), "FANN": ("#CC79A7", ""), "jax": ("#009E73", ""),
         "onnxruntime": ("#F0E442", ""), "numpy": ("#E69F00", ""), "torch": ("#D55E00", ""), "torch nn": ("#D55E00", "///"),
         "scikit-learn": ("#999999", "")}
LABELS = {"BLAS": "fastnet's plain engine over BLAS", "torch": "torch, gradients by hand", "torch nn": "torch, nn + optim",
          "numpy": "numpy, preallocated"}
PANELS = [("online", None, "Online training: one sample a step", "µs a sample"),
          ("minibatch", 10, "Mini-batch training, batch 10", "µs a step"),
          ("minibatch", 128, "Mini-batch training, batch 128", "µs a step"),
          ("call", None, "One vector in, one vector out, from Python", "µs a call"),
          ("inference", 1000, "Batch inference, 1,000 rows", "µs a batch")]
CURVES = {("training", "float32"): ("#0072B2", "o"), ("training", "float64"): ("#D55E00", "s"),
          ("online", "float32"): ("#009E73", "D"), ("inference", "float32"): ("#E69F00", "^")}
FONT = {"font.size": 9, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "fastnet"}


def pyplot():
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    plt.rcParams.update(FONT)
    return plt


def shown(results, kind, batch, dtype):
    """What a panel shows: the results of one kind, on data without zeros."""
    return [result for result in results if result["kind"] == kind and result["dtype"] == dtype and not result["zeros"]
            and batch in (None, result["batch"])]


def bars(axes, results, title, unit):
    """One group a net, one bar a side, from the axis up on a log scale."""
    names = [name for name in STYLE if any(name in result["sides"] for result in results)]
    values = [1e6 * result["sides"][name]["median"] for result in results for name in names if name in result["sides"]]
    floor = min(values) / 2.5
    width = 0.84 / len(names)
    for at, name in enumerate(names):
        colour, hatch = STYLE[name]
        present = [(i, 1e6 * result["sides"][name]["median"]) for i, result in enumerate(results) if name in result["sides"]]
        axes.bar([i + (at - (len(names) - 1) / 2) * width for i, _ in present], [value - floor for _, value in present], width,
                 bottom=floor, color=colour, hatch=hatch, edgecolor="white" if hatch else "black", linewidth=0.3)
        if name == "fastnet":
            for i, value in present:
                axes.text(i + (at + 0.5 - (len(names) - 1) / 2) * width, value, short(value), ha="right", va="bottom", fontsize=7)
    axes.set_yscale("log")
    axes.set_ylim(floor, 1.6 * max(values))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.set_xticks(range(len(results)), [str(result["sizes"]) for result in results])
    axes.set_title(title, loc="left")
    axes.set_ylabel(unit)
    axes.grid(axis="y", linewidth=0.3)
    axes.set_axisbelow(True)


def bench(found, path, dtype="float32"):
    """The bars of one run, as a PNG."""
    plt = pyplot()
    panels = [(shown(found["results"], kind, batch, dtype), title, unit) for kind, batch, title, unit in PANELS]
    panels = [panel for panel in panels if panel[0]]
    figure, axes = plt.subplots(len(panels), 1, figsize=(10, 0.9 + 2.5 * len(panels)), squeeze=False, layout="constrained")
    for axis, (results, title, unit) in zip(axes[:, 0], panels):
        bars(axis, results, title, unit)
    used = [name for name in STYLE if any(name in result["sides"] for results, _, _ in panels for result in results)]
    handles = [plt.Rectangle((0, 0), 1, 1, facecolor=STYLE[name][0], hatch=STYLE[name][1], edgecolor="white" if STYLE[name][1]
                             else "black", linewidth=0.3, label=LABELS.get(name, name)) for name in used]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, frameon=False)
    machine = found["machine"]
    figure.supxlabel(f"{machine['processor']}, {machine['level']}, one thread, {dtype}; medians of {found['clock']} time, "
                     "log scale: lower is faster", fontsize=9)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def growth(found, path):
    """Time a sample against width, depth and batch, as a PNG."""
    plt = pyplot()
    kinds = [("width", "neurons a layer, net [n, n, n]"), ("depth", "layers of weights, 64 neurons each"),
             ("batch", "samples a batch, net [64, 128, 128, 10]")]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
    for axis, (grows, label) in zip(axes, kinds):
        curves = [curve for curve in found["results"] if curve["grows"] == grows]
        for curve in curves:
            colour, marker = CURVES[curve["curve"].split(",")[0], curve["curve"].rsplit(", ")[-1]]
            values = [point["value"] for point in curve["points"]]
            axis.plot(values, [1e6 * point["seconds"] for point in curve["points"]], color=colour, marker=marker, markersize=3,
                      linewidth=1, label=curve["curve"])
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axis.set_xlabel(label)
        axis.set_ylabel("µs a sample")
        axis.grid(linewidth=0.3)
        axis.legend(frameon=False, fontsize=8)
    roof = found["roof"]
    figure.suptitle(f"Growth of cost: {roof['processor']}, {roof['level']}, one thread", x=0.01, ha="left", fontsize=10)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=choices.file, help="JSON of run.py or growth.py")
    parser.add_argument("png", help="picture to write")
    args = parser.parse_args()
    with open(args.results, encoding="utf-8") as file:
        found = json.load(file)
    (growth if "machine" not in found else bench)(found, args.png)


if __name__ == "__main__":
    main()
