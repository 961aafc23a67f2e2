"""M. Nielsen's first network on MNIST: [784, 30, 10], sigmoid, quadratic cost, eta 3, batches of 10; beside the peers.

    python bench/mnist.py FILE.npz [--epochs 30] [--dtype float32] [--peers all|none|...] [--json FILE]

FILE.npz holds x_train, y_train, x_test, y_test as uint8.  The first 50,000 images train; the 10,000 test
images validate after each epoch, cost and accuracy both.  Pixels are divided by 256; weights and biases
start from N(0, 1), the same for every side.  First with one thread on one processor, then with two on two.
Every side is warmed up by an epoch, then timed once, one side after the other: differences of some percent say nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import environment

import numpy as np

import choices
import fastnet as fn
import peers
import timing

SIZES, BATCH, ETA = (784, 30, 10), 10, 3.0
SIDES = ("numpy_out", "torch_by_hand", "torch_nn", "jax_scan")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=choices.file)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--peers", default="all", type=choices.some_of(SIDES, "all", "none"), help=f"all, none, or some of {', '.join(SIDES)}")
    parser.add_argument("--json", help="file to write")
    return parser.parse_args()


def data(file, dtype):
    """(x_train, y_train), (x_test, y_test): whole batches of images, labels."""
    with np.load(file) as found:
        x_train, y_train = found["x_train"][:50_000], found["y_train"][:50_000].astype(int)
        x_test, y_test = found["x_test"], found["y_test"].astype(int)
    whole = len(x_train) // BATCH * BATCH
    x_train, x_test = (x.reshape(len(x), -1).astype(dtype) / 256 for x in (x_train, x_test))
    return (x_train[:whole], y_train[:whole]), (x_test, y_test)


def fastnet_epochs(args, threads, start, train, test):
    """Network.fit with validation; its own wall time, checks of the data and all."""
    net = fn.Network(SIZES, dtype=args.dtype, init=start)
    settings = {"batch_size": BATCH, "learning_rate": ETA, "validation": test, "seed": args.seed, "threads": threads}
    net.fit(*train, epochs=1, **settings)
    begin = time.perf_counter()
    history = net.fit(*train, epochs=args.epochs, **settings)
    return time.perf_counter() - begin, history.accuracy[-1], history.validation_cost[-1]


def peer_epochs(args, module, start, train, test):
    """The same work by a peer: a new order an epoch, cost and accuracy after each."""
    rng = np.random.default_rng(args.seed)
    (x, labels), (x_test, y_test) = train, test
    one_hot = np.eye(10, dtype=args.dtype)
    side = module.train(SIZES, args.dtype, x, one_hot[labels], BATCH, ETA, start)

    def epoch():
        side.shuffled_epoch(rng.permutation(len(x)))
        a = side.outputs(x_test)
        error = a - one_hot[y_test]
        return float(np.mean(a.argmax(axis=1) == y_test)), float(0.5 * np.einsum("ij,ij->", error, error) / len(a))

    epoch()
    begin = time.perf_counter()
    for _ in range(args.epochs):
        accuracy, cost = epoch()
    return time.perf_counter() - begin, accuracy, cost


def one_process(args):
    """Every side with the threads of this process, each printed when it is done."""
    threads = environment.THREADS
    environment.pin()
    modules, missing = peers.load(peers.chosen(args.peers, SIDES))
    timing.warm_blas()
    train, test = data(args.file, args.dtype)
    start = np.array(fn.Network(SIZES, init="normal", dtype=args.dtype, seed=args.seed).parameters)
    sides = {"fastnet": lambda: fastnet_epochs(args, threads, start, train, test)}
    sides |= {module.NAME: lambda module=module: peer_epochs(args, module, start, train, test) for module in modules}
    results = []
    for name, measure in sides.items():
        seconds, accuracy, cost = measure()
        results.append({"side": name, "threads": threads, "seconds": seconds, "accuracy": accuracy, "cost": cost})
        print(f"{name:<14} {threads} thread{'s' if threads > 1 else ' '} {seconds:8.2f} s  {args.epochs} epochs   "
              f"{100 * accuracy:.2f} % of {len(test[0])}, cost {cost:.4f}", flush=True)
    for name, reason in missing.items():
        print(f"{name:<14} not here ({reason})", flush=True)
    return results


def two_processors(args):
    """The same with two threads, in a process whose pools have two."""
    if environment.cpus() is None or len(environment.cpus()) < 2:
        print("two threads: needs two processors", flush=True)
        return []
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "two.json")
        command = [sys.executable, __file__, args.file, "--dtype", args.dtype, "--seed", str(args.seed),
                   "--epochs", str(args.epochs), "--peers", ",".join(args.peers), "--json", target]
        if subprocess.run(command, env=environment.for_threads(2)).returncode:
            raise SystemExit("the run with two threads failed")
        with open(target, encoding="utf-8") as file:
            return json.load(file)["results"]


def main():
    args = arguments()
    results = one_process(args)
    if environment.THREADS == 1:
        results += two_processors(args)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"dtype": args.dtype, "epochs": args.epochs, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
