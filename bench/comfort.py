"""What comfort costs: an epoch with an optimizer, a penalty, dropout, weights or validation, beside an epoch
of plain gradient descent, at batch 32.

    python bench/comfort.py [--dtype float32] [--turns 15] [--peers] [--quick]

All variants of a net take turns within one run, on one processor; a turn is the least of three epochs, a ratio the
median over turns of each turn's own.  --peers adds the same epochs by torch with fused optimizers and by a jax scan with optax,
where these are installed (comfort_peers.py).
"""

import argparse
import statistics

import environment
import numpy as np

import comfort_peers
import fastnet as fn

SIZES = [(784, 30, 10), (10, 64, 64, 1)]
BATCH, ROWS = 32, 8192
TARGET = 1.35


def variants(X, Y, weight):
    held = (X[:ROWS // 8], Y[:ROWS // 8])
    return {"sgd": {}, "momentum": {"optimizer": fn.SGD(momentum=0.9)}, "adam": {"optimizer": "adam"}, "l2": {"l2": 1e-4},
            "dropout 0.2": {"dropout": 0.2}, "sample weights": {"sample_weight": weight}, "validation": {"validation": held}}


def epoch_seconds(net, X, Y, options):
    history = net.fit(X, Y, epochs=3, batch_size=BATCH, learning_rate=1e-3, seed=0, progress=False, **options)
    return min(history.seconds)


def measure(sizes, dtype, turns, peers):
    rng = np.random.default_rng(0)
    X, Y, weight = (rng.random(shape).astype(dtype) for shape in ((ROWS, sizes[0]), (ROWS, sizes[-1]), ROWS))
    kinds = variants(X, Y, weight)
    runs = {(name, "fastnet"): lambda options=options: epoch_seconds(fn.Network(sizes, dtype=dtype, seed=0), X, Y, options)
            for name, options in kinds.items()}
    for peer, epoch in comfort_peers.PEERS.items() if peers else ():
        for name, options in kinds.items():
            run = epoch(sizes, X, Y, BATCH, name, options, weight, kinds["validation"]["validation"])
            if run is not None:
                runs[name, peer] = lambda run=run: min(run() for _ in range(3))
    seconds = {key: [] for key in runs}
    for _ in range(turns):
        for key, run in runs.items():
            seconds[key].append(run())
    print(f"{list(sizes)}, {dtype}, batch {BATCH}, {ROWS} rows: "
          f"{statistics.median(seconds['sgd', 'fastnet']) * 1e3:.2f} ms an epoch of sgd")
    present = [peer for peer in comfort_peers.PEERS if ("sgd", peer) in runs]
    print(f"  {'':16}{'/ sgd':>8}" + "".join(f"{peer + ' / fastnet':>24}" for peer in present))
    for name in kinds:
        own = seconds[name, "fastnet"]
        ratio = ratio_of(own, seconds["sgd", "fastnet"])
        behind = [ratio_of(seconds[name, peer], own) for peer in present]
        missed = [f"above {TARGET}"] * (ratio > TARGET) + [f"behind {peer}" for peer, by in zip(present, behind) if by < 1]
        print(f"  {name:16}{ratio:8.2f}" + "".join(f"{by:24.2f}" for by in behind) + "   " * bool(missed) + ", ".join(missed), flush=True)


def ratio_of(seconds, others):
    return statistics.median(one / other for one, other in zip(seconds, others))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one turn of one net: whether it runs")
    args = parser.parse_args()
    environment.pin()
    for sizes in SIZES[1:] if args.quick else SIZES:
        measure(sizes, args.dtype, 1 if args.quick else args.turns, args.peers)


if __name__ == "__main__":
    main()
