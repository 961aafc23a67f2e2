"""``fastnet predict``, ``fastnet info`` and ``fastnet config``."""

import argparse
import csv
import io
import sys
from pathlib import Path

from fastnet._cli_common import (FAILED, OK, CommandError, add_layout_options, add_scale_by, as_json, check_apart, column, print_table,
                                 reading, scaled)

PREDICT_EXAMPLES = """\
examples:
  fastnet predict net.safetensors new.csv                    a line of outputs per row
  fastnet predict net.safetensors new.csv --classes          a label per row
  generate | fastnet predict net.safetensors - > out.csv     rows from standard input"""


def add_predict(commands):
    parser = commands.add_parser("predict", help="outputs or labels of a saved net", epilog=PREDICT_EXAMPLES,
                                 description="Print the outputs of a saved net as csv, a line per row of INPUT.",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a net written by `fastnet train --out` or net.save")
    parser.add_argument("input", metavar="INPUT", help="a csv, npz, parquet or IDX file, or - for csv on standard input")
    parser.add_argument("--label-column", type=column, default=None, metavar="C",
                        help="a csv or parquet column to leave out: its index from 0, or its name; none: all are inputs (default)")
    add_layout_options(parser)
    parser.add_argument("--classes", action="store_true", help="print labels instead of outputs, by name where the net has names")
    add_scale_by(parser)
    parser.add_argument("--out", metavar="FILE", help="write there instead of to stdout")
    parser.add_argument("--json", action="store_true", help='write {"outputs": [[...], ...]} or {"labels": [...]}')
    parser.set_defaults(run=predict)


def predict(args):
    from fastnet import persistence

    check_apart([args.model, *([args.input] if args.input != "-" else [])], [args.out])
    with reading(args.model):
        net = persistence.load(args.model)
    with reading(args.input):
        X = _read_inputs(args)
    if X.shape[1] != net.sizes[0]:
        name = "standard input" if args.input == "-" else args.input
        raise CommandError(f"{name}: {X.shape[1]} numbers in a row, but {args.model} has {net.sizes[0]} inputs")
    X = scaled(X, args.scale_by, net.dtype, net.scaling is not None and net.scaling.inputs is not None)

    name, values = ("labels", net.classify(X)) if args.classes else ("outputs", net.predict(X))
    text = as_json({name: values}) + "\n" if args.json else as_csv(values)
    if args.out:
        Path(args.out).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return OK


def as_csv(values):
    """A line a row; str of a NumPy number is the shortest that reads back as the same number."""
    rows = values if isinstance(values, list) else values.reshape(len(values), -1)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([str(value) for value in row] for row in rows)
    return text.getvalue()


def _read_inputs(args):
    from fastnet.datasets import read_csv, read_idx, read_parquet
    from fastnet.datasets.npz import read_npz_inputs

    name = args.input.lower()
    if name.endswith(".npz"):
        return read_npz_inputs(args.input)
    if name.endswith(".parquet"):
        return read_parquet(args.input, args.label_column)[0]
    if name.removesuffix(".gz").endswith(("-ubyte", ".idx")):
        images = read_idx(args.input)
        return images.reshape(len(images), -1)
    source = sys.stdin if args.input == "-" else args.input
    return read_csv(source, label_column=args.label_column, header=args.header, delimiter=args.delimiter)[0]


def add_info(commands):
    parser = commands.add_parser("info", help="what a saved net is, and whether its file is intact",
                                 description="Print what a saved net is. Exit code 1 if the checksum does not match.")
    parser.add_argument("model", metavar="MODEL", help="a net written by `fastnet train --out` or net.save")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=info)


def info(args):
    from fastnet import persistence

    with reading(args.model):
        found = persistence.describe(args.model)
    if args.json:
        print(as_json(found))
    else:
        print_table([
            ("sizes", "-".join(map(str, found["sizes"]))),
            ("activations", ", ".join(found["activations"])),
            ("cost", found["cost"]),
            ("dtype", found["dtype"]),
            ("parameters", f"{found['n_parameters']:,}"),
            *([("scaling", found["scaling"].replace(",", ", ").replace(":", " "))] if "scaling" in found else []),
            *([("classes", ", ".join(map(str, found["classes"])))] if "classes" in found else []),
            ("checksum", "ok" if found["checksum_ok"] else "does not match: the file is damaged"),
        ])
    return OK if found["checksum_ok"] else FAILED


def add_config(commands):
    parser = commands.add_parser("config", help="versions, CPU level, BLAS and build of this installation",
                                 description="Print versions, the CPU level in use, BLAS and build flags.")
    parser.set_defaults(run=config)


def config(args):
    import fastnet

    text = fastnet.show_config()
    if text is not None:
        print(text)
    return OK
