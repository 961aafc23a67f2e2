"""Callbacks of `fit`: progress, log files, snapshots, norms of δ.  A callback is any function of an EpochInfo.

One with a method `close` is closed when training ends, however that is.
"""

import os
import struct
import sys
import threading
import time

import numpy as np

from fastnet import _checks
from fastnet._files import check_path

DELAY = 1.0        # s before a progress line that nobody asked for appears


def with_progress(callbacks, progress):
    """The functions to call after each epoch, the progress line among them.

    progress: None (on a terminal or in a notebook, once training has taken a second), True or False.
    """
    callbacks = [callbacks] if callable(callbacks) else callbacks
    if not hasattr(callbacks, "__iter__"):
        raise TypeError(f"callbacks must be a callable or several; got {_checks.describe(callbacks)}")
    callbacks = list(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must be callables; got {_checks.describe(callback)}")
    delay = delay_of(progress)
    return callbacks if delay is None else [*callbacks, Progress(delay)]


def delay_of(progress):
    """Seconds after which progress is shown, or None: never."""
    if progress is None:
        return DELAY if "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty()) else None
    return 0.0 if _checks.check_flag("progress", progress) else None


class Progress:
    """A progress bar by tqdm where that is installed, else a line on stderr, rewritten after each epoch."""

    every_epoch = False                # of epochs that take microseconds, some go by unseen

    def __init__(self, delay=0.0):
        self.delay, self.start = delay, time.perf_counter()
        self.bar = self.last = None

    def __call__(self, info):
        if info.batch is not None or time.perf_counter() - self.start < self.delay:
            return
        shown = {"cost": f"{info.cost:.6g}"}
        if info.validation_cost is not None:
            shown["validation"] = f"{info.validation_cost:.6g}"
        if info.accuracy is not None:
            shown["accuracy"] = f"{100 * info.accuracy:.2f} %"
        if self.bar is None:
            self.bar = self.new_bar(info)
        if self.bar:
            self.bar.set_postfix(shown, refresh=False)
            self.bar.update(info.epoch - self.bar.n)
        else:
            line = "  ".join([f"epoch {info.epoch}/{info.epochs}", *(f"{name} {value}" for name, value in shown.items())])
            print(f"\r{line}", end="", file=sys.stderr, flush=True)

    def new_bar(self, info):
        return new_bar(total=info.epochs, initial=info.epoch - 1, desc="epoch", unit="epoch")

    def close(self):
        if self.bar:
            self.bar.close()
        elif self.bar is False:
            print(file=sys.stderr, flush=True)


class Count:
    """A progress bar, or line, of things that any thread finishes."""

    def __init__(self, total, what, delay, interval=0.1):
        self.total, self.what, self.delay, self.interval = total, what, delay, interval
        self.start, self.done, self.shown, self.bar = time.perf_counter(), 0, 0.0, None
        self.lock = threading.Lock()

    def add(self):
        with self.lock:
            self.done += 1
            now = time.perf_counter()
            late = self.delay is not None and now - self.start >= self.delay
            if late and (now - self.shown >= self.interval or self.done == self.total):
                self.shown = now
                self.show()

    def show(self):
        if self.bar is None:
            self.bar = new_bar(total=self.total, desc=self.what, unit=self.what)
        if self.bar:
            self.bar.update(self.done - self.bar.n)
        else:
            print(f"\r{self.what} {self.done}/{self.total}", end="", file=sys.stderr, flush=True)

    close = Progress.close


def new_bar(**options):
    """tqdm's bar, or False without tqdm."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return False
    return tqdm(**options)


class CSVLogger:
    """Write a line after each epoch into a csv file, so that a run can be watched and survives its process.

    Parameters
    ----------
    path : str or os.PathLike
        Written anew, by a run that was resumed with all its epochs.  Later runs with the same logger go on below, with a
        header of their own where their columns are others.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> history = net.fit([[0, 1], [1, 0]], [1, 0], epochs=2, seed=0, callbacks=fn.callbacks.CSVLogger("run.csv"))
    >>> open("run.csv").readline()
    'epoch,cost,learning_rate,seconds\\n'
    """

    def __init__(self, path):
        self.path, self.file, self.header = check_path(path), None, None

    def __call__(self, info):
        if info.batch is not None:
            return
        columns, first = info.history.columns(), info.epoch
        if self.file is None:
            if self.header is None:
                first = 1
            self.file = open(self.path, "w" if self.header is None else "a", encoding="utf-8", newline="\n")
        if self.header != (header := ["epoch", *columns]):
            self.header = header
            self.file.write(",".join(header) + "\n")
        for epoch in range(first, info.epoch + 1):
            at = epoch - info.epoch - 1        # from the end: a metric may have come later
            cells = [repr(values[at]) if -at <= len(values) else "" for values in columns.values()]
            self.file.write(",".join([str(epoch), *cells]) + "\n")
        self.file.flush()

    def close(self):
        if self.file is not None:
            self.file.close()
            self.file = None


class Snapshot:
    """Save the net after every so many epochs.

    Parameters
    ----------
    path : str
        With "{epoch}" in it where every snapshot is to have a file of its own.
    every : int
        Epochs.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> history = net.fit([[0, 1], [1, 0]], [1, 0], epochs=4, callbacks=fn.callbacks.Snapshot("net-{epoch}.safetensors", 2))
    >>> fn.load("net-4.safetensors").parameters.tobytes() == net.parameters.tobytes()
    True
    """

    def __init__(self, path, every=1):
        self.path, self.every = check_path(path), _checks.check_count("every", every)

    def __call__(self, info):
        if info.batch is None and info.epoch % self.every == 0:
            info.net.save(self.path.replace("{epoch}", str(info.epoch)))


class DeltaNorms:
    """Record after each epoch how fast each layer learns: the norms of its δ, and of its gradient by the biases.

    Parameters
    ----------
    X : array_like of shape (m, n_in)
        What to look at: some hundred of the training samples are enough.
    Y : array_like of shape (m, n_out), or integer labels of shape (m,) where n_out > 1
        Row for row with `X`.
    every : int
        Epochs from one look to the next.

    Attributes
    ----------
    epochs : list of int
        Epochs finished at each look.
    nabla_b_norms : list of list of float
        At each look, by layer of weights, ‖∂C/∂b^l‖: by BP3 the norm of the mean over samples of δ^l.
    delta_norms : list of list of float
        At each look, by layer of weights, the mean over samples of ‖δ^l‖.  Never less than the one before: δ of
        different samples may cancel.

    Raises
    ------
    ValueError
        At the first look, if X or Y does not fit the net.

    Notes
    -----
    The measure of the vanishing gradient in M. Nielsen, Neural Networks and Deep Learning, 2015, chapter 5, is
    `nabla_b_norms`.  A look costs one `net.backprop` of X and Y by the plain engine, no matter what `fit` runs on, and
    memory for z, a and δ of every layer; and epochs come back to Python one by one.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([2, 3, 3, 1], seed=0)
    >>> X, Y = [[0, 1], [1, 0]], [1, 0]
    >>> norms = fn.callbacks.DeltaNorms(X, Y)
    >>> norms.record(net)                                        # before the first epoch
    >>> history = net.fit(X, Y, epochs=2, callbacks=norms, seed=0)
    >>> norms.epochs, [len(layers) for layers in norms.nabla_b_norms]
    ([0, 1, 2], [3, 3, 3])
    """

    def __init__(self, X, Y, every=1):
        self.X, self.Y, self.every = X, Y, _checks.check_count("every", every)
        self.epochs, self.nabla_b_norms, self.delta_norms = [], [], []

    def __call__(self, info):
        if info.batch is None and info.epoch % self.every == 0:
            self.record(info.net, info.epoch)

    def record(self, net, epoch=0):
        """Look at a net now, also outside `fit`; `epoch` says how many it has behind it."""
        found = net.backprop(self.X, self.Y)
        self.epochs.append(epoch)
        self.nabla_b_norms.append([float(norm(nabla)) for nabla in found.nabla_b])
        self.delta_norms.append([float(norm(delta).mean()) for delta in found.delta])

    def plot(self, ax=None, of="nabla_b"):
        """Norms over epochs on a logarithmic axis, a line a layer; needs matplotlib.  Returns the axes.

        of: "nabla_b", norms of the mean gradient by the biases, or "delta", mean norms of δ.
        """
        from fastnet import plotting
        return plotting.plot_delta_norms(self, ax, _checks.check_choice("of", of, ("nabla_b", "delta")))


def norm(delta):
    """2-norm over neurons, in float64: the square of a small δ underflows in float32, and small ones are looked for."""
    return np.linalg.norm(delta.astype(float), axis=-1)


class TensorBoard:
    """Write costs, accuracy, metrics and learning rate as scalars that TensorBoard reads.

    Needs no package: an event file is a sequence of records (length, its checksum, data, its checksum),
    each a protocol buffer of type tensorflow.Event, of which scalars need four fields.

    Parameters
    ----------
    folder : str or os.PathLike
        Made if need be; each run writes a file of its own into it.

    Examples
    --------
    >>> import fastnet as fn
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> history = net.fit([[0, 1], [1, 0]], [1, 0], epochs=2, callbacks=fn.callbacks.TensorBoard("runs"))
    """

    def __init__(self, folder):
        self.folder, self.file = check_path(folder, "folder"), None

    def __call__(self, info):
        if info.batch is not None:
            return
        if self.file is None:
            os.makedirs(self.folder, exist_ok=True)
            name = f"events.out.tfevents.{time.time():.6f}.{os.getpid()}.fastnet"
            self.file = open(os.path.join(self.folder, name), "xb")
            self.write(0, delimited(3, b"brain.Event:2"))
        for tag, values in info.history.columns().items():
            with np.errstate(over="ignore"):                   # beyond float32: inf
                number = np.array(values[-1]).astype("<f4").tobytes()
            value = delimited(1, tag.encode()) + b"\x15" + number         # field 2: simple_value
            self.write(info.epoch, delimited(5, delimited(1, value)))
        self.file.flush()

    def write(self, step, what):
        """One record: wall_time (field 1), step (field 2), and what happened."""
        data = b"\x09" + struct.pack("<d", time.time()) + b"\x10" + varint(step) + what
        length = struct.pack("<Q", len(data))
        self.file.write(length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data)))

    def close(self):
        if self.file is not None:
            self.file.close()
            self.file = None


def varint(n):
    """A number below 2^64 in groups of 7 bits, the lowest first."""
    groups = []
    while n > 127:
        groups.append(n & 127 | 128)
        n >>= 7
    return bytes([*groups, n])


def delimited(field, data):
    """A field of a protocol buffer that says its length."""
    return bytes([field << 3 | 2]) + varint(len(data)) + data


def masked_crc(data):
    """CRC-32C (Castagnoli, polynomial 0x82F63B78 reflected), rotated and shifted as TensorFlow's records want it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
