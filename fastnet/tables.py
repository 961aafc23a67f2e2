"""Tables of plain columns: a dict of lists of one length, as text or for pandas."""

import math


def text_of(columns):
    """Columns side by side, numbers to the right; those that hold nothing are left out."""
    shown = {name: [cell(value) for value in values] for name, values in columns.items()
             if any(value is not None and value == value for value in values)}
    widths = {name: max(len(name), *map(len, cells)) for name, cells in shown.items()}
    left = {name for name in shown if any(isinstance(value, str) for value in columns[name])}
    align = lambda name, text: text.ljust(widths[name]) if name in left else text.rjust(widths[name])
    lines = ["  ".join(align(name, name) for name in shown).rstrip()]
    for row in zip(*shown.values()):
        lines.append("  ".join(align(name, text) for name, text in zip(shown, row)).rstrip())
    return "\n".join(lines)


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
