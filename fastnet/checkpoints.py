"""Checkpoints: a training run on disk, from which it goes on bit for bit.

The file is a safetensors file like a saved net's, with the parameters, the best ones so far, the
optimizer's memory, masks and history as tensors, and everything else as JSON in its metadata,
with a CRC-32 over both.  It is replaced in one step (fastnet._files): whatever kills the process,
a whole file is there, the old or the new.

All that is random in a run is a function of its key and of where it stands: the state of the
random numbers is `key`, `epoch`, and the optimizer's count of steps.
"""

import copy
import json
import math
import os
import zlib
from dataclasses import fields

import numpy as np

from fastnet import _checks, costs, persistence, schedules
from fastnet._core import profile
from fastnet._files import check_path, errors_name, mode_to_keep, open_regular, write_atomically
from fastnet._options import check_options
from fastnet.custom_activations import with_given
from fastnet.history import History
from fastnet.network import Network
from fastnet.optimizers import from_dict
from fastnet.stopping import Watch
from fastnet.training import Training

FORMAT = persistence.CHECKPOINT
VERSION, SCALED_VERSION = 1, 2           # a reader of version 1 would leave scaling out
KEPT = ("epochs", "batch_size", "shuffle", "patience", "min_delta", "restore_best", "target_cost", "max_seconds")
HISTORY = [field.name for field in fields(History) if field.name not in ("metrics", "stopped")]


def write(net, training, path):
    """Write a run, under way or ended, to `path`."""
    target = os.path.realpath(check_path(path))
    mode = mode_to_keep(target)
    options, recipe = training.options, training.options.recipe
    if recipe is None:
        raise ValueError(f"optimizer {options.optimizer.name!r} keeps its memory to itself: a run of it has no checkpoint")
    if training.streams and training.rows:
        raise ValueError("training on batches has a checkpoint at the end of an epoch only: batches have no place to go on from")
    memory = training.memory_now()
    tensors = {"parameters": net.parameters, "best": training.watch.parameters}
    if memory is not None:
        states, tensors["running"] = memory
        tensors.update({f"state.{i}": state for i, state in enumerate(states)})
    tensors.update({f"mask.{l}": mask for l, mask in enumerate(options.masks) if mask is not None})
    if net.scaling is not None:
        for name in ("inputs", "targets"):
            pair = getattr(net.scaling, name)
            tensors.update({f"scaling.{name}.{i}": vector for i, vector in enumerate(pair or ())})
    history, done = training.history, slice(training.epoch)        # Ctrl-C may have come while an epoch was written down
    tensors.update({f"history.{name}": np.array(getattr(history, name)[done], float) for name in HISTORY})
    tensors.update({f"metric.{name}": np.array(values[done], float) for name, values in history.metrics.items()})
    watch = training.watch
    state = {
        "format": FORMAT, "version": VERSION if net.scaling is None else SCALED_VERSION, "sizes": net.sizes, "activations": net.activations,
        "cost": net.cost_function.to_text(), "dtype": net.dtype.name,
        "optimizer": options.optimizer.to_dict(), "schedule": training.schedule.to_dict(), "rate": training.rate,
        "l2": recipe.l2, "l1": recipe.l1, "held": recipe.held, "keep": recipe.keep, "keep_inputs": recipe.keep_inputs,
        "noise": recipe.noise, **{name: finite(getattr(recipe, name)) for name in ("clip_norm", "clip_value", "max_norm")},
        **{name: getattr(options, name) for name in KEPT}, "threads": options.threads, "key": options.key,
        "epoch": training.epoch, "rows": training.rows, "summed_cost": training.cost, "stopped": history.stopped,
        "watch": [finite(watch.cost), finite(watch.reference), watch.waited], "m": getattr(training, "m", None), "classes": net.classes, "multilabel": net.multilabel,
    }
    write_atomically(target, mode, encode(state, tensors))


def finite(number):
    """JSON knows no infinity."""
    return None if number == math.inf else number


def infinite(number):
    return math.inf if number is None else number


def encode(state, tensors):
    """The chunks of the file: length, header, data."""
    table, chunks, begin = {}, [], 0
    for name, array in tensors.items():
        data = persistence.in_byte_order(np.ascontiguousarray(array), "<").tobytes()
        table[name] = {"dtype": persistence.SAFETENSORS_NAMES[array.dtype.name], "shape": list(array.shape),
                       "data_offsets": [begin, begin + len(data)]}
        chunks.append(data)
        begin += len(data)
    table["__metadata__"] = {"state": json.dumps(state)}
    table["__metadata__"]["checksum"] = checksum(table, chunks)
    header = json.dumps(table, separators=(",", ":")).encode("ascii")
    header += b" " * (-(8 + len(header)) % persistence.ALIGNMENT)
    return [len(header).to_bytes(8, "little") + header, *chunks]


def checksum(table, chunks):
    """CRC-32 of the header but for the checksum itself, and of the data."""
    metadata = {key: value for key, value in table["__metadata__"].items() if key != "checksum"}
    crc = zlib.crc32(json.dumps({**table, "__metadata__": metadata}, sort_keys=True).encode())
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
    return f"crc32:{crc:08x}"


def decode(file):
    """State and tensors of an open file, or a ValueError."""
    size = int.from_bytes(file.read(8), "little")
    if size > os.fstat(file.fileno()).st_size:
        raise ValueError("not a checkpoint, or truncated")
    try:
        table = json.loads(file.read(size))
        data = file.read()
        whole = checksum(table, [data]) == table["__metadata__"]["checksum"]
        state = json.loads(table.pop("__metadata__")["state"]) if whole else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a checkpoint, or damaged ({error})") from error
    if table.get("__metadata__", {}).get("format") == persistence.FORMAT:
        raise ValueError("a saved net, which holds no run: fn.load(path) opens it")
    if not whole:
        raise ValueError("damaged: the checksum does not match the contents")
    if state.get("format") != FORMAT or state.get("version") not in (VERSION, SCALED_VERSION):
        raise ValueError(f"version must be {VERSION} or {SCALED_VERSION} for this version of fastnet; got {state.get('version')!r}")
    names = {"F32": "<f4", "F64": "<f8"}
    tensors = {}
    for name, entry in table.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], names[entry["dtype"]])
        tensors[name] = persistence.in_byte_order(array, "=").reshape(entry["shape"]).copy()
    return state, tensors


def resume(path, *, cost=None, schedule=None, activation=None):
    """Read a run from a checkpoint, to go on with it.

    Parameters
    ----------
    path : str or os.PathLike
        What `fit(checkpoint=path)` or `net.checkpoint(path)` wrote.
    cost : str or fastnet.costs.Cost, optional
        In place of the file's; needed where that is one of the user's own.
    schedule : callable, optional
        Needed where the run's was a function of the user's own.
    activation : activation of `fastnet.activations.custom`, or several, optional
        Needed where the net has some.

    Returns
    -------
    Resumed
        `net` as it was, `history` so far, and `fit(X, Y, ...)`, which goes on.

    Raises
    ------
    ValueError
        If the file is no checkpoint, is damaged, or needs a cost or schedule that was not given.
    OSError
        If it can't be read.

    Examples
    --------
    >>> import fastnet as fn
    >>> X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> history = net.fit(X, Y, epochs=5, optimizer="adam", seed=0, checkpoint="run.safetensors")
    >>> run = fn.resume("run.safetensors")
    >>> history = run.fit(X, Y, epochs=20)
    >>> whole = fn.Network([2, 3, 1], seed=0)
    >>> _ = whole.fit(X, Y, epochs=20, optimizer="adam", seed=0)
    >>> len(history.cost), run.net.parameters.tobytes() == whole.parameters.tobytes()
    (20, True)
    """
    path = check_path(path)
    with errors_name(path), open_regular(path) as file:
        state, tensors = decode(file)
        if cost is None and state["cost"].startswith("custom("):
            raise ValueError(f"the run's cost is one of the user's own, {state['cost']}: resume(path, cost=...) takes it")
        net = Network(state["sizes"], activation=with_given(state["activations"], activation), dtype=state["dtype"],
                      cost=costs.from_text(state["cost"]) if cost is None else cost, init=tensors["parameters"])
        dress(net, state, tensors)
        return Resumed(net, rebuild(net, state, tensors, schedule))


def dress(net, state, tensors):
    """Scaling and names of classes as they were."""
    if state["version"] == SCALED_VERSION:
        from fastnet.scaling import Scaling
        net.scaling = Scaling(*((tensors[f"scaling.{name}.0"], tensors[f"scaling.{name}.1"]) if f"scaling.{name}.0" in tensors else None
                                for name in ("inputs", "targets")))
    net.classes = state.get("classes")
    if net.classes is not None:
        net.multilabel = state["multilabel"]


def rebuild(net, state, tensors, schedule):
    """The Training that was written."""
    if schedule is None:
        schedule = schedules.from_dict(state["schedule"])
    masks = [tensors.get(f"mask.{l}") for l in range(len(net.weights))]
    optimizer = from_dict(state["optimizer"])
    options = check_options(
        net, state["key"], optimizer=optimizer, l2=state["l2"], l1=state["l1"],
        frozen=[l for l, held in enumerate(state["held"]) if held], masks=masks,
        clip_norm=state["clip_norm"], clip_value=state["clip_value"], max_norm=state["max_norm"],
        **{name: state[name] for name in KEPT})
    recipe = options.recipe._replace(keep=tuple(state["keep"]), keep_inputs=state["keep_inputs"], noise=state["noise"])
    training = Training(options._replace(recipe=recipe, threads=state["threads"], rate=state["rate"]))
    training.rate, training.schedule = state["rate"], schedules.as_schedule(schedule)
    training.epoch, training.rows, training.cost, training.m = state["epoch"], state["rows"], state["summed_cost"], state["m"]
    cost, reference, waited = state["watch"]
    training.watch = Watch(tensors["best"], infinite(cost), infinite(reference), waited)
    if "running" in tensors:
        training.memory = [tensors[f"state.{i}"] for i in range(options.recipe.updater.n_states)], tensors["running"]
    for name in HISTORY:
        getattr(training.history, name).extend(tensors[f"history.{name}"].tolist())
    training.history.metrics = {name.removeprefix("metric."): values.tolist()
                                for name, values in tensors.items() if name.startswith("metric.")}
    training.history.stopped = state["stopped"]
    return training


class Resumed:
    """A run read from a checkpoint.

    Attributes
    ----------
    net : Network
        As it was; `fit` trains it.
    history : History
    """

    def __init__(self, net, training):
        self.net, self.history = net, training.history
        self._training = net._training = training

    def fit(self, X, Y=None, *, epochs=None, sample_weight=None, class_weight=None, validation=None, metrics=(), callbacks=(),
            callback_every=None, progress=None, threads=None, max_seconds=None, checkpoint=None, checkpoint_every=None):
        """Go on where the run was, to the same bits as if it had never ended; but where `max_seconds` or a callback
        ended it within an epoch, that part counts as an epoch and the next begins.

        The user gives again what a file can't hold, as it was: the data with their weights and
        validation, metrics and callbacks; and may change the others.

        Parameters
        ----------
        epochs : int, optional
            In all, those before included; None: as many as the run was to have.
        threads : int, optional
            None: as before.  Another number may change the last bits.
        max_seconds : float, optional
            From now on.
        X, Y, sample_weight, class_weight, validation, metrics, callbacks, callback_every, progress, checkpoint, \
checkpoint_every
            See Network.fit.

        Returns
        -------
        History
            Of the whole run.

        Raises
        ------
        ValueError
            If X does not have as many samples to train on as before.
        """
        with profile.span("fit"):
            training = self._prepared(X, Y, epochs, threads, max_seconds, (callbacks, callback_every, progress, checkpoint, checkpoint_every),
                                      (sample_weight, class_weight, validation, metrics))
            self._training = training
            if training.history.stopped in ("max_seconds", "callback"):
                training.history.stopped = None
            return training.run(self.net)

    def _prepared(self, X, Y, epochs, threads, max_seconds, told, taken):
        """The run as it goes on, everything checked; this one stays as it is."""
        from fastnet._batches import on_batches
        before = self._training
        training = on_batches(before) if Y is None else copy.copy(before)
        options = training.options
        if epochs is not None:
            options = options._replace(epochs=_checks.check_count("epochs", epochs, minimum=0))
        training.options = options._replace(threads=_checks.check_threads(options.threads if threads is None else threads),
                                            max_seconds=None if max_seconds is None else _checks.check_positive("max_seconds", max_seconds))
        training.take_callbacks(*told)
        training.take_data(self.net, X, Y, *taken)
        m = getattr(before, "m", None)
        if m is not None and not training.streams and training.m != m:
            raise ValueError(f"X must hold {m} samples to train on, as before; got {training.m}")
        return training
