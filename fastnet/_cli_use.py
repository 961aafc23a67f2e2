"""``fastnet predict``, ``fastnet info`` and ``fastnet config``."""

import argparse
import sys
from pathlib import Path

from fastnet._cli_common import FAILED, OK, CommandError, add_scale_by, as_json, column, print_table, reading, scaled

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
    parser.add_argument("input", metavar="INPUT", help="a csv or npz file, or - for csv on standard input")
    parser.add_argument("--label-column", type=column, default=None, metavar="C",
                        help="a csv column to leave out: its index from 0, or its name; none: all are inputs (default)")
    parser.add_argument("--classes", action="store_true", help="print labels instead of outputs")
    add_scale_by(parser)
    parser.add_argument("--out", metavar="FILE", help="write there instead of to stdout")
    parser.add_argument("--json", action="store_true", help='write {"outputs": [[...], ...]} or {"labels": [...]}')
    parser.set_defaults(run=predict)


def predict(args):
    from fastnet import persistence

    with reading(args.model):
        net = persistence.load(args.model)
    with reading(args.input):
        X = _read_inputs(args)
    if X.shape[1] != net.sizes[0]:
        name = "standard input" if args.input == "-" else args.input
        raise CommandError(f"{name}: {X.shape[1]} numbers in a row, but {args.model} has {net.sizes[0]} inputs")
    X = scaled(X, args.scale_by, net.dtype)

    name, values = ("labels", net.classify(X)) if args.classes else ("outputs", net.predict(X))
    if args.json:
        text = as_json({name: values}) + "\n"
    else:    # str of a NumPy number is the shortest that reads back as the same number
        text = "".join(",".join(map(str, row)) + "\n" for row in values.reshape(len(X), -1))
    if args.out:
        Path(args.out).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return OK


def _read_inputs(args):
    from fastnet.datasets.csv_files import read_csv
    from fastnet.datasets.npz import read_npz_inputs

    if args.input.lower().endswith(".npz"):
        return read_npz_inputs(args.input)
    source = sys.stdin if args.input == "-" else args.input
    X, _ = read_csv(source, label_column=args.label_column)
    return X


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
