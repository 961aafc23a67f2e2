"""README's table and the pictures of docs/, from the JSON of run.py, growth.py and mnist.py.

    python bench/report.py build/bench.json [--growth build/growth.json] [--mnist build/mnist.json] [--root .]

The table replaces what stands between the two marker comments of README.md.
"""

import argparse
import json
import re
from pathlib import Path

import choices
from table import short

BEGIN, END = "<!-- bench/report.py begins -->", "<!-- bench/report.py ends -->"
SIDES = ("fastnet", "BLAS", "numpy", "torch", "torch nn", "jax", "scikit-learn", "FANN", "onnxruntime")
CALLS = ("fastnet, out", "frozen", "frozen, out")
SECTIONS = [("online", "Online training, µs a sample"), ("minibatch", "Mini-batch training, µs a step"),
            ("call", "One vector in, one vector out, from Python, µs a call"), ("inference", "Batch inference, µs a batch"),
            ("threads", "Two threads on two processors, training, µs a step"),
            ("threads-inference", "Two threads on two processors, inference, µs a batch"), ("import", "Import, ms")]


def heading(result):
    """The name of a row: the net, the batch, the zeros."""
    if result["kind"] == "import":
        return "import"
    batch = "" if result["batch"] == 1 else f" {result['batch']:,}" + (" rows" if "inference" in result["kind"] else "")
    return str(result["sizes"]) + batch + (f", {100 * result['zeros']:.0f} % zeros" if result["zeros"] else "")


def columns(results):
    """The sides of a table: fastnet's other forms after fastnet."""
    present = {name for result in results for name in result["sides"]} - {"empty call"}
    own = [name for name in ("fastnet", *CALLS) if name in present]
    own += sorted(name for name in present if name.startswith("fastnet,") and name not in own)
    return own + [name for name in SIDES[1:] if name in present]


def cell(result, name, scale, fastest):
    side = result["sides"].get(name)
    if side is None:
        return "wrong" if name in result["failed"] else ""
    text = short(scale * side["median"])
    return f"**{text}**" if name == fastest else text


def table(results):
    """Medians as Markdown, the fastest of a row in bold, fastnet's share of the roof at the end."""
    kind, names = results[0]["kind"], columns(results)
    scale = 1e3 if kind == "import" else 1e6
    with_roof = kind != "import"
    head = ["", *names] + (["% of peak", "% of bandwidth"] if with_roof else [])
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for result in results:
        fastest = min((side["median"], name) for name, side in result["sides"].items() if name != "empty call")[1]
        row = [heading(result), *(cell(result, name, scale, fastest if kind != "import" else None) for name in names)]
        if with_roof:
            own = result["sides"]["fastnet"] if "fastnet" in result["sides"] else {}
            row += [f"{100 * own[key]:.0f}" if own.get(key) is not None else "" for key in ("of_peak", "of_bandwidth")]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def about(found):
    """Machine, roof and versions, as a paragraph."""
    machine, roof = found["machine"], found["roof"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items() if name not in ("fastnet", "BLAS"))
    memory = ", ".join(f"{name} {roof['read'][name]:.0f} / {roof['update'][name]:.0f}" for name in roof["read"])
    busy = " of processor time, on a busy machine" if found["clock"] == "processor" else ""
    return (f"{machine['date']}: {machine['processor']}, {machine['level']}, {machine['system']}, Python {machine['python']}; "
            f"fastnet {found['versions']['fastnet'].split(',')[0]}{', ' + versions if versions else ''}. One thread where nothing "
            f"else is said, medians of {found['effort']['repeats']} turns{busy}. Roof of one thread: "
            f"{roof['gflops']['float32']:.0f} GFLOP/s float32, {roof['gflops']['float64']:.0f} float64; "
            f"GB/s read / updated: {memory}.")


def markdown(found, mnist=None, pictures=()):
    """All that stands between the markers."""
    parts = [about(found)]
    if "bench.png" in pictures:
        parts.append("![Times of every side as bars on a log scale](docs/bench.png)")
    for dtype in ("float32", "float64"):
        tables = []
        for kind, title in SECTIONS:
            chosen = [result for result in found["results"] if result["kind"] == kind and result["dtype"] in (dtype, "")]
            if chosen and (kind != "import" or dtype == "float32"):
                tables.append(f"{title}{', ' + dtype if kind != 'import' else ''}:\n\n{table(chosen)}")
        if dtype == "float64" and tables:
            tables = ["<details><summary>The same in float64</summary>", *tables, "</details>"]
        parts += tables
    if mnist:
        parts.append(mnist_table(mnist))
    if "growth.png" in pictures:
        parts.append("![Time a sample against width, depth and batch](docs/growth.png)")
    return "\n\n".join(parts)


def mnist_table(found):
    threads = sorted({result["threads"] for result in found["results"]})
    names = list(dict.fromkeys(result["side"] for result in found["results"]))
    lines = [f"MNIST, [784, 30, 10], batch 10, {found['dtype']}, {found['epochs']} epochs with validation after each, seconds:", "",
             "| | " + " | ".join(f"{count} thread{'s' if count > 1 else ''}" for count in threads) + " | accuracy |",
             "|---" + "|---:" * (len(threads) + 1) + "|"]
    for name in names:
        own = {result["threads"]: result for result in found["results"] if result["side"] == name}
        row = [f"{own[count]['seconds']:.2f}" if count in own else "" for count in threads]
        lines.append(f"| {name} | " + " | ".join(row) + f" | {100 * own[min(own)]['accuracy']:.2f} % |")
    return "\n".join(lines)


def replaced(text, inside):
    """`text` with what stands between the markers replaced."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"README.md must hold {BEGIN} and {END} once each")
    return re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: f"{BEGIN}\n\n{inside}\n\n{END}", text, flags=re.DOTALL)


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=choices.file, help="JSON of run.py")
    parser.add_argument("--growth", type=choices.file, help="JSON of growth.py")
    parser.add_argument("--mnist", type=choices.file, help="JSON of mnist.py")
    parser.add_argument("--root", default=str(Path(__file__).resolve().parent.parent), help="where README.md and docs/ are")
    args = parser.parse_args()
    root, found, pictures = Path(args.root), read(args.results), []
    try:
        import plot
        plot.bench(found, root / "docs" / "bench.png")
        pictures.append("bench.png")
        if args.growth:
            plot.growth(read(args.growth), root / "docs" / "growth.png")
            pictures.append("growth.png")
    except ImportError:
        print("no pictures: matplotlib is not here")
    readme = root / "README.md"
    inside = markdown(found, read(args.mnist) if args.mnist else None, pictures)
    readme.write_text(replaced(readme.read_text(encoding="utf-8"), inside), encoding="utf-8")
    print(f"{readme}: {len(found['results'])} results")


if __name__ == "__main__":
    main()
