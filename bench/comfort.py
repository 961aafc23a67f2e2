"""What comfort costs: an epoch with an optimizer, a penalty, dropout, weights or validation, beside an epoch
of plain gradient descent, at batch 32.

    python bench/comfort.py [--dtype float32] [--turns 15] [--peers]

All variants of a net take turns within one run, on one processor; a ratio is the median over turns of
each turn's own.  --peers adds torch's fused Adam on the same steps, where torch is installed.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

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


def torch_epoch(sizes, X, Y):
    """An epoch of torch's fused Adam, the batches views of one tensor; None without torch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    layers = []
    for p, n in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(p, n), torch.nn.Sigmoid()]
    net = torch.nn.Sequential(*layers).to(torch.from_numpy(X).dtype)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def epoch():
        start = time.perf_counter()
        for i in range(0, len(x), BATCH):
            optimizer.zero_grad()
            (0.5 * ((net(x[i:i + BATCH]) - y[i:i + BATCH]) ** 2).sum(dim=1).mean()).backward()
            optimizer.step()
        return time.perf_counter() - start

    return epoch


def measure(sizes, dtype, turns, peers):
    rng = np.random.default_rng(0)
    X, Y = rng.random((ROWS, sizes[0])).astype(dtype), rng.random((ROWS, sizes[-1])).astype(dtype)
    runs = {name: lambda options=options: epoch_seconds(fn.Network(sizes, dtype=dtype, seed=0), X, Y, options)
            for name, options in variants(X, Y, rng.random(ROWS)).items()}
    torch = torch_epoch(sizes, X, Y) if peers else None
    if torch:
        runs["torch, fused Adam"] = torch
    seconds = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            seconds[name].append(run())
    print(f"{list(sizes)}, {dtype}, batch {BATCH}, {ROWS} rows: {statistics.median(seconds['sgd']) * 1e3:.2f} ms an epoch of sgd")
    for name, values in seconds.items():
        ratio = statistics.median(value / plain for value, plain in zip(values, seconds["sgd"]))
        print(f"  {name:20} x{ratio:6.2f}{'' if ratio <= TARGET or name.startswith('torch') else f'   above {TARGET}'}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--peers", action="store_true")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for sizes in SIZES:
        measure(sizes, args.dtype, args.turns, args.peers)


if __name__ == "__main__":
    main()
