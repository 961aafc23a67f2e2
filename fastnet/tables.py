"""Tables: cells below each other, and plain columns, a dict of lists of one length, as text or for pandas."""

import math


def aligned(rows, left=(0,)):
    """The lines of a table of texts: the columns numbered in `left` to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(text.ljust(width) if i in left else text.rjust(width) for i, (text, width) in enumerate(zip(row, widths))).rstrip()
            for row in rows]


def text_of(columns):
    """Columns side by side, numbers to the right; those that hold nothing are left out."""
    shown = {name: [cell(value) for value in values] for name, values in columns.items()
             if any(value is not None and value == value for value in values)}
    left = [i for i, name in enumerate(shown) if any(isinstance(value, str) for value in columns[name])]
    return "\n".join(aligned([tuple(shown), *zip(*shown.values())], left))


def cell(value):
    if value is None or value != value:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def plain(value):
    """An option as a table holds it: numbers, names and None as they are, other things as their text."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return getattr(value, "__name__", None) or repr(value)


def number(value):
    """NaN for None, so that a column of numbers stays one."""
    return math.nan if value is None else value
