"""What the subcommands share: how they fail, read, and write."""

import argparse
import contextlib
import json
import math
import os

import numpy as np

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
FULL_SCALE = 255    # of an 8-bit pixel


class CommandError(Exception):
    """Ends the command: the message goes to stderr, `code` to the shell."""

    def __init__(self, message, code=BAD_INPUT):
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def reading(path):
    """A file that cannot be opened is bad input; one that cannot be written is not."""
    try:
        yield
    except OSError as error:
        raise CommandError(str(error) if error.errno is None else f"{path}: {error.strerror}") from error


def check_apart(inputs, outputs):
    """Every file that is written, None where there is none, has a path of its own: nothing that is read is overwritten."""
    paths = [str(path) for path in (*inputs, *outputs) if path is not None]
    written = [os.path.realpath(path) for path in outputs if path is not None]
    if len(set(written)) < len(written) or set(written) & set(map(os.path.realpath, inputs)):
        raise CommandError(f"each file needs a path of its own; got {', '.join(paths)}")


def positive_int(text):
    """An argument that counts something."""
    with contextlib.suppress(ValueError):
        if int(text) > 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 1; got {text!r}")


def seed(text):
    with contextlib.suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 0; got {text!r}")


def positive_float(text):
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0; got {text!r}")


def fraction(text):
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number from 0 up to, not including, 1; got {text!r}")


def scale(text):
    return text if text == "auto" else positive_float(text)


def column(text):
    """An index, a name, or None for none."""
    if text.lower() == "none":
        return None
    try:
        return int(text)
    except ValueError:
        return text


def header(text):
    """Whether there is one, as the readers take it."""
    with contextlib.suppress(KeyError):
        return {"auto": "auto", "yes": True, "no": False}[text]
    raise argparse.ArgumentTypeError(f"expected auto, yes or no; got {text!r}")


def delimiter(text):
    text = {"tab": "\t", "space": " "}.get(text, text)
    if text == "auto" or len(text) == 1:
        return text
    raise argparse.ArgumentTypeError(f"expected one character, tab, space or auto; got {text!r}")


def add_layout_options(parser):
    parser.add_argument("--header", type=header, default="auto", metavar="auto|yes|no",
                        help="whether the first line of a csv file names the columns; auto: if none of its cells is a number (default)")
    parser.add_argument("--delimiter", type=delimiter, default="auto", metavar="C",
                        help="what stands between the cells of a csv file: a character, tab or space (default: auto)")


def add_scale_by(parser):
    parser.add_argument("--scale-by", type=scale, default="auto", metavar="auto|NUMBER",
                        help="divide inputs by this; auto: 8-bit images (uint8) by 255 for a net that does not scale, all else by 1 (default: auto)")


def scaled(x, scale_by, dtype, net_scales=False):
    """Inputs in the precision of the net, divided by `scale_by`, in one pass."""
    if scale_by == "auto":
        scale_by = FULL_SCALE if x.dtype == np.uint8 and not net_scales else 1
    return np.divide(x, scale_by, dtype=dtype, casting="unsafe")


def as_json(report):
    """One JSON object; a number that is not finite becomes null, which JSON has a word for."""
    def clean(value):
        if isinstance(value, dict):
            return {key: clean(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [clean(entry) for entry in value]
        if isinstance(value, np.generic | np.ndarray):
            return clean(value.tolist())
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(clean(report), allow_nan=False, ensure_ascii=False)


def print_table(rows):
    """Print (name, text) pairs, the texts below each other."""
    from fastnet.tables import aligned
    print("\n".join(aligned(rows, left=(0, 1))))
