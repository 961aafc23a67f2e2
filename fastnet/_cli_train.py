"""``fastnet train``: read, fit, report, save."""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastnet._cli_common import (FAILED, OK, CommandError, add_layout_options, add_scale_by, as_json, check_apart, column, fraction,
                                 positive_float, positive_int, print_table, reading, scaled, seed)

HELD_OUT = 0.2    # of the rows, where the source has no test part
WATCHED = 0.1     # of the rows to train on, to stop by
LEARNING_RATE, LEARNING_RATE_FOR_NUMBERS = 3.0, 0.1
MANY_CLASSES = 100    # more, and more than half as many as rows: not classes
REFERENCE_SECONDS = 1.0    # spent on timing the reference

EXAMPLES = """\
examples:
  fastnet train digits                                             30 epochs, and pure Python's time: two seconds
  fastnet train digits --hidden 100 --dtype float32 --out net.safetensors
  fastnet train iris.csv --label-column species --hidden 8 --seed 1
  fastnet train iris.parquet --label-column species --scale standardize
  fastnet train mnist/ --sizes 784 30 10 --dtype float32           a directory of IDX files; 30 epochs: a few seconds
  fastnet train curve.csv --numbers --activation tanh              the last column is a quantity, no class"""


class Data(NamedTuple):
    """What is trained on: inputs in the net's precision, labels 0..k-1 or targets (m, n_out)."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray | None
    y_test: np.ndarray | None
    classes: list | None    # the name of each label; None: the targets are numbers


def add_train(commands):
    parser = commands.add_parser("train", help="train a net on a data set", epilog=EXAMPLES,
                                 description="Train a net and report how well and how fast.",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE",
                        help="digits (comes with fastnet), a csv, npz or parquet file, or a directory of IDX files (MNIST)")
    _add_net_options(parser.add_argument_group("the net"))
    _add_training_options(parser.add_argument_group("training"))
    _add_data_options(parser.add_argument_group("the data"))
    output = parser.add_argument_group("what comes out")
    output.add_argument("--out", metavar="FILE", help="save the net, e.g. net.safetensors")
    output.add_argument("--compare-reference", action=argparse.BooleanOptionalAction, default=None,
                        help="time the same epoch in pure Python on a few rows, about a second (default: digits only)")
    output.add_argument("--quiet", action="store_true", help="no progress on stderr")
    output.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=train)


def _add_net_options(group):
    sizes = group.add_mutually_exclusive_group()
    sizes.add_argument("--sizes", type=positive_int, nargs="+", metavar="N", help="neurons of every layer, input first")
    sizes.add_argument("--hidden", type=positive_int, nargs="*", default=[30], metavar="N",
                       help="neurons of the hidden layers; the data decides input and output (default: 30)")
    group.add_argument("--activation", default="sigmoid", metavar="NAME",
                       help="of the hidden layers (default: sigmoid)")
    group.add_argument("--output", metavar="NAME", help="of the output layer (default: as the hidden ones; "
                                                        "identity where the targets are numbers)")
    group.add_argument("--cost", default="quadratic", metavar="NAME",
                       help="its parameters in brackets: 'huber(delta=2)' (default: quadratic)")
    group.add_argument("--dtype", default="float64", choices=["float64", "float32"], help="(default: float64)")
    group.add_argument("--init", default="auto", metavar="NAME", help="initial weights (default: auto)")


def _add_training_options(group):
    group.add_argument("--epochs", type=positive_int, default=30, metavar="N",
                       help="passes over the data (default: 30)")
    group.add_argument("--batch-size", type=positive_int, default=10, metavar="N", help="rows a step (default: 10)")
    group.add_argument("--learning-rate", type=positive_float, metavar="X",
                       help=f"(default: {LEARNING_RATE}; {LEARNING_RATE_FOR_NUMBERS} where the targets are numbers; "
                            "the optimizer's own for all but sgd)")
    group.add_argument("--optimizer", default="sgd", metavar="NAME",
                       help="momentum, nesterov, adam, adamw, nadam, amsgrad, rmsprop, adagrad, rprop, lbfgs, cg (default: sgd)")
    group.add_argument("--schedule", default="constant", choices=["constant", "cosine", "plateau"],
                       help="of the learning rate: down to 0 on half a cosine, or a tenth of it whenever the cost has "
                            "not fallen for 10 epochs (default: constant)")
    group.add_argument("--l2", type=float, default=0.0, metavar="X", help="penalty l2/2 times the sum of all squared weights")
    group.add_argument("--dropout", type=float, default=0.0, metavar="P",
                       help="probability that an activation of a hidden layer is dropped in a step")
    group.add_argument("--patience", type=positive_int, metavar="N",
                       help="watch the cost of a tenth of the rows to train on, stop after N epochs without a better one, "
                            "keep the best")
    group.add_argument("--threads", type=positive_int, default=1, metavar="N", help="threads at most (default: 1)")
    group.add_argument("--seed", type=seed, metavar="N",
                       help="decides initial weights, order of the rows and held-out part: the same seed, the same net")


def _add_data_options(group):
    group.add_argument("--test-fraction", type=fraction, metavar="F",
                       help=f"of the rows to hold out, if the source has no test part; 0: none (default: {HELD_OUT})")
    group.add_argument("--label-column", type=column, default=-1, metavar="C",
                       help="of a csv or parquet file: its index from 0, or its name (default: the last)")
    add_layout_options(group)
    group.add_argument("--numbers", action="store_true",
                       help="targets are quantities even if all are whole numbers (default: whole numbers are classes)")
    group.add_argument("--scale", metavar="NAME",
                       help="scale inputs, and targets that are numbers, inside the net: standardize, minmax or maxabs, learned "
                            "from the rows to train on and saved with the net (default: not)")
    add_scale_by(group)


def train(args):
    check_out(args)
    data = prepare(args)
    net = build(args, data)
    if args.dropout and len(net.weights) == 1:
        raise CommandError(f"--dropout needs a hidden layer to drop activations of; got sizes {' '.join(map(str, net.sizes))}")
    start = [w.tolist() for w in net.weights], [b.tolist() for b in net.biases]
    eta = args.learning_rate
    if eta is None and args.optimizer == "sgd":
        eta = LEARNING_RATE if data.classes else LEARNING_RATE_FOR_NUMBERS
    epochs = fit(args, net, data, eta)

    report = {
        "source": args.source, "sizes": net.sizes, "activations": net.activations, "cost": net.cost_function.to_text(),
        "dtype": net.dtype.name, "n_parameters": net.n_parameters, "seed": args.seed, "classes": data.classes,
        "train_rows": len(data.x_train), "held_out_rows": 0 if data.x_test is None else len(data.x_test),
        "epochs": len(epochs.costs), "batch_size": args.batch_size, "learning_rate": eta, "optimizer": args.optimizer,
        "scale": args.scale,
        "training_cost": epochs.costs, "seconds": sum(epochs.seconds),
        "seconds_per_epoch": statistics.median(epochs.seconds),
        "samples_per_second": len(data.x_train) / statistics.median(epochs.seconds),
        "accuracy": None, "held_out_cost": None, **score(net, data), "reference": None, "out": args.out,
    }
    compare = args.source == "digits" if args.compare_reference is None else args.compare_reference
    if compare and (args.optimizer, args.schedule, args.l2, args.dropout, args.patience, args.scale) != ("sgd", "constant", 0, 0, None, None):
        print("fastnet: warning: no comparison: the reference knows plain gradient descent only", file=sys.stderr)
        compare = False
    if compare:
        report["reference"] = time_reference(args, net, data, start, eta, report["seconds_per_epoch"])
    if args.out:
        save(args, net, data)
    print(as_json(report)) if args.json else print_report(report)
    return OK


def check_out(args):
    """What is wrong with --out is said before training, not after."""
    if not args.out:
        return
    source, out = Path(args.source), Path(args.out).resolve()
    if not out.parent.is_dir():
        raise CommandError(f"--out: no such directory: {out.parent}")
    if out.is_dir():
        raise CommandError(f"--out: expected a file; {args.out} is a directory")
    if args.source != "digits":
        check_apart([*source.glob("*ubyte*")] if source.is_dir() else [source], [args.out])


# The data.


def prepare(args):
    """Read the source, hold a part out, name the classes, scale the inputs."""
    from fastnet.datasets import load

    if args.label_column is None:
        raise CommandError("--label-column none leaves nothing to learn; give the column of the labels")
    with reading(args.source):
        split = load(args.source, label_column=args.label_column, header=args.header, delimiter=args.delimiter, finite=True)
    check_size(split, args)
    if split.x_test is None:
        split = hold_out(split, args)
    elif args.test_fraction is not None:
        raise CommandError(f"--test-fraction: {args.source} has a test part of its own")
    if not len(split.x_train):
        raise CommandError(f"{args.source}: no rows to train on")

    targets, classes = encode(split, args)
    inputs = [x if x is None else scaled(x, args.scale_by, args.dtype, args.scale is not None) for x in (split.x_train, split.x_test)]
    return Data(inputs[0], targets[0], inputs[1], targets[1], classes)


def check_size(split, args):
    """Refuse numbers that the net's precision does not hold, by the rows of the source."""
    largest = float(np.finfo(args.dtype).max) * (1 if args.scale_by == "auto" else args.scale_by)
    for name, values in zip(split._fields, split):
        if values is not None and values.dtype == np.float64 and max(values.max(initial=0), -values.min(initial=0)) > largest:
            row, *column = np.argwhere(np.abs(values) > largest)[0]
            place = f"row {row + 1}" + "".join(f", column {j + 1}" for j in column)
            raise CommandError(f"{args.source}: {name}: {place} is {values[row, *column]}, too large for {args.dtype}")


def hold_out(split, args):
    """Split off a part of the rows, chosen by the seed."""
    part = HELD_OUT if args.test_fraction is None else args.test_fraction
    m = len(split.x_train)
    n_test = max(1, round(part * m)) if part else 0
    if n_test >= m:
        raise CommandError(f"{args.source}: {m} rows are too few to hold {n_test} out "
                           "(--test-fraction 0 holds out none)")
    if not n_test:
        return split
    order = np.random.default_rng(args.seed or 0).permutation(m)
    test, rest = order[:n_test], order[n_test:]
    return type(split)(split.x_train[rest], split.y_train[rest], split.x_train[test], split.y_train[test])


def encode(split, args):
    """Labels as 0..k-1 with their names, or targets (m, n_out) without."""
    parts = [y for y in (split.y_train, split.y_test) if y is not None]
    kind = parts[0].dtype.kind
    if kind == "U" and args.numbers:
        raise CommandError(f"{args.source}: --numbers, but the labels are words such as {str(parts[0].flat[0])!r}")
    if kind != "f" and parts[0].ndim == 1 and not args.numbers:
        classes, labels = np.unique(np.concatenate(parts), return_inverse=True)
        check_classes(classes, len(labels), args)
        parts, classes = np.split(labels.astype(np.int64), [len(parts[0])])[:len(parts)], classes.tolist()
    elif parts[0].ndim == 2 and not args.numbers and all(map(is_one_hot, parts)):
        parts, classes = [y.argmax(axis=1) for y in parts], list(range(parts[0].shape[1]))
    elif kind == "U":
        raise CommandError(f"{args.source}: labels that are words must have shape (m,); got shape {parts[0].shape}")
    else:
        parts, classes = [y.reshape(len(y), -1).astype(args.dtype) for y in parts], None
    return [*parts, None][:2], classes


def check_classes(classes, m, args):
    if len(classes) == 1:
        raise CommandError(f"{args.source}: all labels are {classes[0]}: there is nothing to tell apart")
    if len(classes) > max(MANY_CLASSES, m // 2):
        raise CommandError(f"{args.source}: {len(classes):,} different labels in {m:,} rows; are they quantities? "
                           "then say --numbers; else check --label-column")


def is_one_hot(y):
    return bool(y.shape[1] > 1 and ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


# The net.


def build(args, data):
    from fastnet import costs
    from fastnet.network import Network

    cost = costs.from_text(args.cost)
    n_in = data.x_train.shape[1]
    n_out = len(data.classes) if data.classes else data.y_train.shape[1]
    n_out = cost.n_outputs(n_out)
    sizes = args.sizes or [n_in, *args.hidden, n_out]
    if sizes[0] != n_in:
        raise CommandError(f"--sizes must begin with {n_in}, the inputs of {args.source}; got {sizes[0]}")
    one_for_two = data.classes and len(data.classes) == 2 and sizes[-1] == 1
    if sizes[-1] != n_out and not one_for_two:
        what = "classes" if data.classes else "targets"
        raise CommandError(f"--sizes must end with {n_out}, the {what} of {args.source}; got {sizes[-1]}")
    output = args.output or (None if data.classes else "identity")
    return Network(sizes, activation=args.activation, output=output, cost=cost, dtype=args.dtype, init=args.init,
                   seed=args.seed)


def targets_for(net, y):
    """What the net is compared with: labels as they are, or a column for a net with one output."""
    return y.reshape(-1, 1).astype(net.dtype) if y.ndim == 1 and net.sizes[-1] == 1 else y


class Epochs:
    """A callback: what each epoch cost and took, and a line of progress for it."""

    def __init__(self, n_rows, stream):
        self.n_rows = n_rows
        self.stream = stream    # None: no progress
        self.rewrite = stream is not None and stream.isatty()
        self.costs, self.seconds = [], []
        self.since = time.perf_counter()

    def __call__(self, info):
        self.costs.append(float(info.cost))
        self.seconds.append(time.perf_counter() - self.since)
        now_and_then = info.epoch % -(-info.epochs // 10) == 0 or info.epoch in (1, info.epochs)
        if self.stream is not None and (self.rewrite or now_and_then):
            line = (f"epoch {info.epoch:>{len(str(info.epochs))}}/{info.epochs}  cost {info.cost:<10.4g}"
                    f"  {self.n_rows / self.seconds[-1]:>11,.0f} samples/s")
            self.stream.write(f"\r{line:<70}" if self.rewrite else line + "\n")
            self.stream.flush()
        self.since = time.perf_counter()

    def close(self):
        if self.rewrite and self.seconds:
            self.stream.write("\n")


def fit(args, net, data, eta):
    """Train; after Ctrl-C save what there is before passing it on."""
    epochs = Epochs(len(data.x_train), None if args.quiet else sys.stderr)
    try:
        history = net.fit(data.x_train, targets_for(net, data.y_train), epochs=args.epochs, batch_size=args.batch_size,
                learning_rate=eta, seed=args.seed, callbacks=[epochs], progress=False, optimizer=args.optimizer, l2=args.l2,
                dropout=args.dropout, threads=args.threads, patience=args.patience,
                validation=None if args.patience is None else WATCHED, schedule=schedule_for(args), scale=args.scale)
    except KeyboardInterrupt:
        if args.out:
            save(args, net, data)
            print(f"fastnet: after {len(epochs.costs)} of {args.epochs} epochs: saved {args.out}", file=sys.stderr)
        raise
    if history.stopped == "diverged":
        raise CommandError(f"the cost is no longer finite in epoch {max(1, len(epochs.costs))}: nothing saved; "
                           f"try --learning-rate below {eta or 'its default'}", FAILED)
    return epochs


def save(args, net, data):
    """The net with the names of its classes, where they are not just numbers from 0."""
    if data.classes and have_names(data.classes):
        net.classes = data.classes
    net.save(args.out)


def have_names(classes):
    """Whether classes are more than numbers from 0; False and True are, though they equal 0 and 1."""
    return classes != list(range(len(classes))) or isinstance(classes[0], bool)


def schedule_for(args):
    """The schedule that --schedule names."""
    from fastnet import schedules
    return {"constant": schedules.Constant, "cosine": lambda: schedules.Cosine(args.epochs),
            "plateau": schedules.ReduceOnPlateau}[args.schedule]()


def score(net, data):
    """How the net does on what it has not seen."""
    if data.x_test is None:
        return {}
    result = {"held_out_cost": float(net.cost(data.x_test, targets_for(net, data.y_test)))}
    if data.classes:
        result["accuracy"] = float(np.mean(np.ravel(net.classify(data.x_test)) == data.y_test))
    return result


# The comparison.


def time_reference(args, net, data, start, eta, fastnet_seconds):
    """Time an epoch of the pure-Python reference: on as many rows as take about a second, scaled to all."""
    from fastnet import reference

    unknown = [name for name in net.activations if name not in reference.ACTIVATIONS and name not in reference.ROW_ACTIVATIONS]
    unknown += [text for text in [net.cost_function.to_text()] if text not in reference.COSTS]
    if unknown:
        print(f"fastnet: warning: no comparison: the reference has no {', '.join(unknown)}", file=sys.stderr)
        return None

    def seconds_for(rows):
        X, y = data.x_train[:rows].tolist(), targets_for(net, data.y_train[:rows])
        Y = (np.eye(net.sizes[-1])[y] if y.ndim == 1 else y).tolist()
        begin = time.perf_counter()
        reference.sgd_epoch(*start, X, Y, eta, args.batch_size, activations=list(net.activations), cost=net.cost_name)
        return time.perf_counter() - begin

    m = len(data.x_train)
    rows = max(1, min(m, int(REFERENCE_SECONDS / seconds_for(1))))
    if rows < m:
        rows = rows // args.batch_size * args.batch_size or rows    # whole batches, if there is time for one
    seconds = seconds_for(rows) / rows * m
    return {"rows": rows, "seconds_per_epoch": seconds, "times_faster": seconds / fastnet_seconds}


# The report.


def print_report(report):
    layers = "-".join(map(str, report["sizes"]))
    activations = ", ".join(dict.fromkeys(report["activations"]))
    rows = [
        ("net", f"{layers}, {activations}, {report['cost']} cost, {report['dtype']}, "
                f"{report['n_parameters']:,} parameters"),
        ("data", f"{report['train_rows']:,} rows to train on, {report['held_out_rows']:,} held out"),
    ]
    if report["classes"] and have_names(report["classes"]):
        rows.append(("classes", shortened([f"{label}={name}" for label, name in enumerate(report["classes"])])))
    rows.append(("training cost", f"{report['training_cost'][-1]:.4g} after {report['epochs']} epochs"))
    if report["accuracy"] is not None:
        right = round(report["accuracy"] * report["held_out_rows"])
        rows.append(("held-out accuracy", f"{report['accuracy']:.2%} ({right:,} of {report['held_out_rows']:,})"))
    elif report["held_out_cost"] is not None:
        rows.append(("held-out cost", f"{report['held_out_cost']:.4g}"))
    rows.append(("speed", f"{report['samples_per_second']:,.0f} samples/s, {spelled(report['seconds_per_epoch'])} "
                          f"an epoch (median), {spelled(report['seconds'])} in all"))
    if report["reference"]:
        found = report["reference"]
        rows.append(("pure Python", f"{spelled(found['seconds_per_epoch'])} an epoch (timed on {found['rows']:,} rows, "
                                    f"scaled to {report['train_rows']:,})"))
        rows.append(("", f"fastnet is {found['times_faster']:,.0f} times as fast"))
    if report["out"]:
        rows.append(("saved", report["out"]))
    print_table(rows)


def shortened(names, most=20):
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return " ".join(names[:most]) + rest


def spelled(seconds):
    """A time with its unit, to three digits."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
