"""Arguments that several scripts take; what is wrong with one is said before anything runs."""

import argparse
import os


def some_of(known, *alone):
    """A type for argparse: names out of `known`, between commas, as a list; or one of the words that stand `alone`."""
    def parse(text):
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown and text not in alone:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join([*known, *alone])}; got {', '.join(unknown)}")
        return names
    return parse


def file(text):
    """A type for argparse: a file that is there."""
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"no such file: {text}")
    return text
