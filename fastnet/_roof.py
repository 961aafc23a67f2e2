"""roof: what this processor can do at most, measured; what profiles and benchmarks are held against.

Floating-point peak by multiply-adds out of registers, bandwidth by passes over buffers that fit each
level of the memory; one thread, the instruction level in use.  Measuring takes under a second, so the
result is kept in the user's cache directory.  The loops are compiled: fastnet/_core/roof.pyx.
"""

import contextlib
import hashlib
import itertools
import json
import math
import os
import platform
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastnet import _files
from fastnet._core import kernels
from fastnet._core import roof as loops
from fastnet._version import __version__

MEMORIES = ("L1", "L2", "L3", "DRAM")
DTYPES = ("float32", "float64")
USUAL = {"L1": 32 << 10, "L2": 512 << 10, "L3": 8 << 20}    # where the system does not tell
MOST_BYTES = 128 << 20                                      # of a buffer
PIECE = 4 << 20                                             # values of a piece: 16 MiB take about half a millisecond
SECONDS, WINDOWS = 0.001, 40                                # the best of 40 windows of 1 ms


class Roof(NamedTuple):
    """What one thread of this machine can do at most.

    Attributes
    ----------
    processor : str
        The processor's name, where the system tells it.
    level : str
        Instruction level: "baseline", "avx2" or "avx512".
    gflops : dict
        "float32" and "float64": 10⁹ flops a second, a multiply-add counted as two.
    read, update : dict
        "L1", "L2", "L3" and "DRAM": GB of the buffer passed over a second, reading it or replacing
        every value (which moves each byte twice).
    buffers : dict
        The same keys: bytes of the buffer that was passed over.
    """

    processor: str
    level: str
    gflops: dict
    read: dict
    update: dict
    buffers: dict

    def to_dict(self):
        """The fields by name, as plain Python values."""
        return {name: dict(value) if isinstance(value, dict) else value for name, value in self._asdict().items()}

    def memory(self, n_bytes):
        """The name of the smallest memory whose buffer was at least that large: "L1", "L2", "L3" or "DRAM"."""
        return next((name for name in MEMORIES[:-1] if n_bytes <= self.buffers[name]), "DRAM")

    def __str__(self):
        lines = [f"{self.processor}, {self.level}, one thread",
                 *(f"{name}  {self.gflops[name]:7.1f} GFLOP/s" for name in DTYPES),
                 "memory     buffer      read    update   (GB/s)"]
        for name in MEMORIES:
            lines.append(f"{name:<7} {self.buffers[name] / 1024:6.0f} KiB  {self.read[name]:8.1f}  {self.update[name]:8.1f}")
        return "\n".join(lines)


def roof(refresh=False):
    """The floating-point peak and the bandwidths of one thread of this machine.

    Measured on first use (under a second) at the instruction level in use, then kept in
    $XDG_CACHE_HOME/fastnet (~/.cache/fastnet) per processor, level and version.

    Parameters
    ----------
    refresh : bool
        Measure anew, whatever was kept.

    Returns
    -------
    Roof
        Its str is a table.

    Notes
    -----
    The roofline model of S. Williams, A. Waterman and D. Patterson (CACM 52(4), 2009).  A busy
    machine shows a lower roof: refresh on an idle one.

    Examples
    --------
    >>> import fastnet as fn
    >>> found = fn.roof()
    >>> found.gflops["float32"] > 0
    True
    >>> sorted(found.read)
    ['DRAM', 'L1', 'L2', 'L3']
    """
    path = cache_file()
    found = None if refresh else kept(path)
    if found is None:
        found = measure()
        keep(path, found)
    return found


# -- measuring ---------------------------------------------------------------


def measure():
    """A Roof, measured now."""
    buffers = buffer_bytes(cache_bytes())
    read, update, gflops = {}, {}, {}
    for name, n_bytes in buffers.items():
        x = np.full(n_bytes // 4, 0.25, np.float32)
        read[name], update[name] = (best_rate(passes(loop, x)) / 1e9 for loop in (loops.read, loops.update))
    for dtype in DTYPES:
        out = np.zeros(loops.SUMS, dtype)
        gflops[dtype] = best_rate(lambda rounds, out=out: loops.multiply_adds(out, rounds)) / 1e9
    return Roof(processor(), kernels.level(), gflops, read, update, buffers)


def passes(loop, x):
    """work(count) of best_rate: so many passes over x; of a large x, over one piece after another."""
    piece = min(len(x), PIECE)
    starts = itertools.cycle(range(0, len(x) - piece + 1, piece))

    def work(count):
        if piece == len(x):
            loop(x, count)
        else:
            for _ in range(count):
                start = next(starts)
                loop(x[start:start + piece], 1)
        return count * piece * x.itemsize

    return work


def best_rate(work):
    """The most that work(count) -> amount does a second: the best of many short windows, some of
    which nobody disturbs."""

    def seconds_of(count):
        start = time.perf_counter()
        amount = work(count)
        return max(time.perf_counter() - start, 1e-9), amount

    count = 1
    while True:                                             # how often fills a window, undisturbed
        seconds = min(seconds_of(count)[0] for _ in range(3))
        if seconds >= SECONDS / 2:
            break
        count = max(2 * count, min(int(count * SECONDS / seconds), 100 * count))
    windows = (seconds_of(count) for _ in range(WINDOWS))
    return max(amount / seconds for seconds, amount in windows)


def buffer_bytes(caches):
    """A buffer for each memory: half of L1 and L2, a part of L3 (which is shared), four times L3; whole units."""
    wanted = {"L1": caches["L1"] // 2, "L2": caches["L2"] // 2,
              "L3": max(caches["L3"] // 4, 2 * caches["L2"]), "DRAM": max(4 * caches["L3"], 32 << 20)}
    unit = 4 * loops.UNIT
    return {name: max(1, min(n_bytes, MOST_BYTES) // unit) * unit for name, n_bytes in wanted.items()}


def cache_bytes():
    """Bytes of the data caches, as Linux or the C library tell; else what is usual."""
    found = dict(USUAL)
    for name in found:
        with contextlib.suppress(AttributeError, ValueError, OSError):
            told = os.sysconf(f"SC_LEVEL{name[1]}_{'DCACHE' if name == 'L1' else 'CACHE'}_SIZE")
            found[name] = told if told > 0 else found[name]
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            name, kind, size = ((index / file).read_text().strip() for file in ("level", "type", "size"))
            if kind != "Instruction" and f"L{name}" in found:
                found[f"L{name}"] = int(size[:-1]) * {"K": 1 << 10, "M": 1 << 20}[size[-1]]
    return found


def processor():
    """The processor's name, as the system tells it."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


# -- keeping -----------------------------------------------------------------


def cache_file():
    """Where this machine's roof is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    machine = hashlib.sha256(repr((platform.machine(), processor(), cache_bytes())).encode()).hexdigest()[:12]
    return os.path.join(base, "fastnet", f"roof-{__version__}-{kernels.level()}-{machine}.json")


def kept(path):
    """The Roof in a file; None where there is none or it is not whole."""
    try:
        with open(path, encoding="utf-8") as file:
            found = Roof(**json.load(file))
        rates = [found.gflops[name] for name in DTYPES]
        rates += [table[name] for table in (found.read, found.update, found.buffers) for name in MEMORIES]
        whole = all(isinstance(rate, (int, float)) and math.isfinite(rate) and rate > 0 for rate in rates)
        return found if whole and found.level == kernels.level() else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def keep(path, found):
    """Write a Roof where `kept` finds it; a directory that can't be written is no failure."""
    with contextlib.suppress(OSError, ValueError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _files.write_atomically(path, None, [json.dumps(found.to_dict(), indent=1).encode()])
