"""How time a sample grows with width, depth and batch: curves without cliffs, or their list.

    python bench/growth.py [--quick] [--json FILE] [--png FILE]

Widths and batches stand close around the widths of vectors, panels and blocks, where cliffs would be.
A cliff is a step to the next point that costs a sample much more than its flops account for.
"""

import argparse
import json

import environment

import fastnet as fn
import sides
import timing
from peers import fastnet_itself
from workloads import Work

WIDTHS = (8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 129, 192, 256, 257, 384, 512, 513, 768,
          1024, 1025, 1536, 2048)
DEPTHS = (1, 2, 3, 4, 5, 6, 7, 8)
BATCHES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16, 17, 24, 32, 33, 48, 64, 96, 97, 128, 192, 256, 257, 384, 511, 512,
           513, 768, 1024, 1025, 2048, 2049, 4096)
CLIFF = 1.4         # times what the flops account for
EFFORT, QUICK = timing.Effort(25, 0.005), timing.Effort(2, 0.001)      # many short turns: the least is undisturbed


def curves(quick):
    """Name -> (what grows, [(value, Work), ...])."""
    widths = (8, 16, 17) if quick else WIDTHS
    depths = (1, 2) if quick else DEPTHS
    batches = (1, 2, 10) if quick else BATCHES
    found = {}
    for dtype in ("float32", "float64"):
        found[f"training, batch 32, {dtype}", "width"] = [(w, Work("minibatch", (w, w, w), 32, dtype)) for w in widths]
        found[f"training, batch 32, {dtype}", "depth"] = [(d, Work("minibatch", (64,) * (d + 1), 32, dtype)) for d in depths]
        found[f"training, {dtype}", "batch"] = [
            (m, Work("online" if m == 1 else "minibatch", (64, 128, 128, 10), m, dtype)) for m in batches]
    found["online, float32", "width"] = [(w, Work("online", (w, w, w), 1, "float32")) for w in widths]
    found["online, float32", "depth"] = [(d, Work("online", (64,) * (d + 1), 1, "float32")) for d in depths]
    found["inference, 256 rows, float32", "width"] = [(w, Work("inference", (w, w, w), 256, "float32")) for w in widths]
    found["inference, 256 rows, float32", "depth"] = [(d, Work("inference", (64,) * (d + 1), 256, "float32")) for d in depths]
    found["inference, float32", "batch"] = [(m, Work("inference", (64, 128, 128, 10), m, "float32")) for m in batches]
    return found


def seconds_a_sample(work, effort):
    """The least of the turns: a curve shows the code, not the neighbours."""
    (side,), failed = sides.sides_of(work, [fastnet_itself], effort, Unchecked(work))
    if failed:
        raise SystemExit(f"{work.name}: {failed}")
    return timing.interleaved({"fastnet": side.run}, effort)["fastnet"].least / side.units / work.batch


class Unchecked(sides.Checker):
    """Every size is checked by the tests; a curve only takes the time."""

    def training(self, module, train=None):
        pass

    def outputs(self, name, side):
        pass


def cliffs(points):
    """Pairs of neighbours whose time grows CLIFF times more than their flops."""
    return [(a["value"], b["value"], b["seconds"] / a["seconds"]) for a, b in zip(points, points[1:])
            if b["seconds"] / a["seconds"] > CLIFF * max(1.0, b["flops"] / a["flops"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", help="file to write")
    parser.add_argument("--png", help="picture to write; needs matplotlib")
    args = parser.parse_args()
    environment.pin()
    timing.warm_blas()
    roof = fn.roof(refresh=not args.quick)
    results = []
    for (name, grows), work in curves(args.quick).items():
        points = []
        for value, item in work:
            seconds = seconds_a_sample(item, QUICK if args.quick else EFFORT)
            points.append({"value": value, "seconds": seconds, "flops": item.flops_a_sample,
                           "of_peak": item.flops_a_sample / seconds / (1e9 * roof.gflops[item.dtype])})
        steep = cliffs(points)
        results.append({"curve": name, "grows": grows, "points": points, "cliffs": steep})
        print(f"{grows}: {name}, ns a sample")
        print("  " + "  ".join(f"{point['value']}: {1e9 * point['seconds']:.3g}" for point in points))
        print("  " + ("no cliffs" if not steep else "CLIFFS " + ", ".join(f"{a} -> {b}: x{by:.2f}" for a, b, by in steep)), flush=True)
    found = {"quick": args.quick, "roof": roof.to_dict(), "results": results}
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
    if args.png:
        import plot
        plot.growth(found, args.png)


if __name__ == "__main__":
    main()
