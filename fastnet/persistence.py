"""Networks on disk: save, load, describe.

The format is safetensors, written and read here with the standard library and
NumPy: one header of JSON, then `parameters`, byte for byte.  `save` documents it
completely.  Nothing in a file is ever executed, and nothing is believed: every
number of the header is checked against the size of the file before it is used.

What a cost or an activation is, and whether this version knows it, is left to
`Network`.
"""

import itertools
import json
import os
import re
import reprlib
import zlib
from typing import NamedTuple
from urllib.parse import quote, unquote

import numpy as np

from fastnet._files import check_path, errors_name, mode_to_keep, open_regular, write_atomically

__all__ = ["save", "load", "describe"]

FORMAT = "fastnet"
CHECKPOINT = "fastnet checkpoint"    # what fastnet/checkpoints.py writes
FORMAT_VERSION = "1"
SCALED_VERSION = "2"      # a reader of version 1 would leave the scaling out
HEADER_LIMIT = 1 << 20    # bytes; a header takes about 75 a tensor
ALIGNMENT = 64            # of the data, from the start of the file
CHUNK = 1 << 20           # bytes read at a time where the data is not kept

SAFETENSORS_NAMES = {"float32": "F32", "float64": "F64"}
CHECKSUMMED = ("format", "format_version", "fastnet_version", "sizes", "activations", "cost", "dtype")
OF_CLASSES = ("classes", "labels")

# What metadata may hold: nothing that JSON would escape, no separator of ours.
WORD = r"[A-Za-z0-9_.:()=+-]{1,64}"
SIZE = r"[1-9][0-9]{0,15}"
GRAMMAR = {
    "fastnet_version": WORD,
    "sizes": f"{SIZE}(,{SIZE})+",
    "activations": f"{WORD}(,{WORD})*",
    "cost": rf"{WORD}(\([A-Za-z0-9_.:=+,-]*\))?",
    "dtype": "float32|float64",
    "scaling": f"inputs:{SIZE}|targets:{SIZE}|inputs:{SIZE},targets:{SIZE}",
    "classes": "str:[A-Za-z0-9_.~%-]*(,[A-Za-z0-9_.~%-]*)+|int:-?[0-9]{1,30}(,-?[0-9]{1,30})+|bool:False,True|bool:True,False",
    "labels": "one|several",
}


def save(net, path):
    """Write a network to a file, exactly and atomically.

    Parameters
    ----------
    net : Network
        The network to save.
    path : str or os.PathLike
        Where to.  An existing file is replaced and its permissions are kept; a
        symbolic link is followed.

    Raises
    ------
    TypeError
        If `net` is not a network, or `path` is not a path.
    ValueError
        If the network cannot be written in this format: a name that is not a plain
        word, more layers than a header holds; or if `path` is a device or a pipe.
    FileNotFoundError
        If the directory of `path` does not exist.
    OSError
        If writing fails.  A file that was there before is then still there, whole.

    See Also
    --------
    load : The way back.
    describe : What a file holds.

    Notes
    -----
    The file is written under another name in the same directory, flushed to the
    disk, then renamed: whoever opens `path`, also after a power cut, finds the old
    network or the new one.  Other hard links to the old file keep the old network.

    The file is a safetensors file, little-endian throughout:

    ============  ==========  ====================================================
    offset        bytes       contents
    ============  ==========  ====================================================
    0             8           N, the length of the header: unsigned integer
    8             N           the header: JSON in ASCII, padded with spaces so that
                              8 + N is a multiple of 64; N is at most 2**20
    8 + N         to the end  the data: IEEE 754 numbers, 4 or 8 bytes each
    ============  ==========  ====================================================

    The header is one JSON object.  Its member ``__metadata__`` is a flat object of
    strings, which hold neither escapes nor spaces:

    - ``format``: ``fastnet``.
    - ``format_version``: ``1``; ``2`` where the net scales.  A change that a reader of version 1
      would misread changes this number, and a reader refuses numbers that it does not know.
    - ``fastnet_version``: the version of fastnet that wrote the file.
    - ``sizes``: neurons a layer, input first, in decimal: ``784,30,10``.
    - ``activations``: a name for each layer after the input: ``sigmoid,sigmoid``.
    - ``cost``: the name of the cost, and those of its parameters that are not at their defaults:
      ``quadratic``, ``huber(delta=2.0)``, ``quantile(tau=0.1:0.9:,ignore_nan=True)``, a sequence
      with a colon after each number.  ``custom(name=...)``: a cost that no file can hold.
    - ``dtype``: ``float32`` or ``float64``.
    - ``scaling``, in version 2: what is scaled, and how many numbers that are: ``inputs:784``,
      ``targets:10`` or ``inputs:784,targets:10``.
    - ``classes``, where the net has names for its classes: their kind and the names in the order
      of the outputs, ``str:setosa,Iris%20versicolor``, ``int:-1,1`` or ``bool:False,True``.  Words
      are UTF-8, each byte but letters, digits and ``_.-~`` as ``%`` and two hexadecimal digits.
    - ``labels``, with ``classes``: how many of them a sample has, ``one`` or ``several``.
    - ``classes_checksum``, with ``classes``: as ``checksum``, over the values of ``classes`` and
      ``labels``, each followed by a newline.  Outputs do not depend on these three.
    - ``checksum``: ``crc32:`` and eight lower-case hexadecimal digits.  This is the
      CRC-32 of zlib, PNG and Ethernet (polynomial 0xEDB88320 reflected, initial
      value and final XOR 0xFFFFFFFF), taken over the values of the members
      ``format`` ... ``dtype`` and, in version 2, ``scaling``, in the order above, each followed
      by a newline (byte 10), and then over the data.

    The other members are the tensors ``weights.0``, ``biases.0``, ``weights.1``, …
    and nothing else, each described as in
    ``{"dtype":"F64","shape":[30,784],"data_offsets":[0,188160]}``.  ``dtype`` is
    ``F32`` or ``F64`` and agrees with the metadata, ``shape`` is
    ``[n_out, n_in]`` or ``[n_out]``, ``data_offsets`` are begin and end in bytes from
    the start of the data.  The tensors follow each other in the order above, row by
    row, without gaps, up to the end of the file.  So the data is the vector
    `parameters`, and a reader that has ``sizes`` and ``dtype`` has no need of the
    rest.  In version 2 the tensors ``scaling.input_offset`` and ``scaling.input_unit`` follow
    where inputs are scaled, then ``scaling.target_offset`` and ``scaling.target_unit`` where
    targets are, of shape ``[n]`` and always ``F64``: the layers take (x - offset) / unit, and the
    outputs of the net are a unit + offset, with a those of the layers (`fastnet.costs.GaussianNLL`
    says what is done with a logarithm of a variance).  The members of an object may come in any order, but none twice; further
    members of ``__metadata__`` are ignored.

    The checksum finds accidents: any one flipped bit, any burst of up to 32.  It is
    no seal against forgery.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastnet as fn
    >>> net = fn.Network([2, 3, 1], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.safetensors")
    ...     net.save(path)
    ...     same = fn.load(path)
    >>> bool((same.parameters == net.parameters).all())
    True
    """
    from fastnet.network import Network

    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network; got {type(net).__name__}")
    target = os.path.realpath(check_path(path))
    mode = mode_to_keep(target)
    data = in_byte_order(net.parameters, "<").tobytes()    # a copy: the checksum holds even if training goes on
    data += b"".join(in_byte_order(vector, "<").tobytes() for vector in scaling_vectors(net.scaling))
    write_atomically(target, mode, [encode_header(net, data), data])


def load(path, *, cost=None, activation=None):
    """Read a network from a file.

    Parameters
    ----------
    path : str or os.PathLike
        A file written by `save`.
    cost : str or fastnet.costs.Cost, optional
        In place of the file's; needed where that is one of the user's own.
    activation : activation of `fastnet.activations.custom`, or several, optional
        Needed where the file names some: they are found by their names.

    Returns
    -------
    net : Network
        Equal to the network saved, bit for bit.

    Raises
    ------
    TypeError
        If `path` is not a path.
    ValueError
        If the file is not a network, is damaged, or was written by a newer fastnet
        in a way this one cannot read.  The message says what is wrong.
    FileNotFoundError, IsADirectoryError, OSError
        If there is no such file, or it cannot be read.

    Notes
    -----
    The format is described under `save`.  Loading never runs code from the file, and
    takes memory in proportion to the length of the file, whatever the file claims.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastnet as fn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.safetensors")
    ...     fn.Network([2, 3, 1], activation="tanh", dtype="float32", seed=0).save(path)
    ...     net = fn.load(path)
    >>> net.sizes, net.activations, net.dtype.name
    ((2, 3, 1), ('tanh', 'tanh'), 'float32')
    """
    from fastnet.custom_activations import with_given
    from fastnet.network import Network

    path = check_path(path)
    with errors_name(path), open_regular(path) as file:
        header = read_header(file)
        data = bytearray(header.n_bytes)
        if file.readinto(data) != len(data):
            raise ValueError("truncated while being read")
        if checksum(header.metadata, [data]) != header.metadata["checksum"]:
            raise ValueError("damaged: the checksum does not match the contents")
        if checksum_of_classes(header.metadata) != header.metadata.get("classes_checksum"):
            raise ValueError("damaged: the checksum does not match the classes")
        stored = np.frombuffer(data, np.dtype(header.dtype).newbyteorder("<"), header.n_parameters)
        if cost is None:
            cost = cost_in(header)
        net = Network(header.sizes, activation=with_given(header.activations, activation), cost=cost,
                      dtype=header.dtype, init=in_byte_order(stored, "="))
        if header.scaling:
            net.scaling = scaling_in(header, data)
        if "classes" in header.metadata:
            net.classes = classes_in(header)
            net.multilabel = header.metadata["labels"] == "several"
        return net


def describe(path):
    """What a file holds, without building the network.

    Parameters
    ----------
    path : str or os.PathLike
        A file written by `save`.

    Returns
    -------
    description : dict
        ``format``, ``format_version``, ``fastnet_version``, ``cost``, ``dtype`` and
        ``checksum`` as strings, as in the file; ``sizes`` and ``activations`` as
        tuples; ``n_parameters``; and ``checksum_ok``, False if the data or the
        metadata have changed since the file was written.  Where the net has them, ``scaling`` as
        in the file, ``classes`` as a tuple and ``labels``.

    Raises
    ------
    TypeError, ValueError, OSError
        As `load` does, with two exceptions: a wrong checksum is reported, not
        raised, and names of activations and costs are not looked up.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastnet as fn
    >>> from fastnet.persistence import describe
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.safetensors")
    ...     fn.Network([2, 3, 1], seed=0).save(path)
    ...     found = describe(path)
    >>> found["sizes"], found["n_parameters"], found["checksum_ok"]
    ((2, 3, 1), 13, True)
    """
    path = check_path(path)
    with errors_name(path), open_regular(path) as file:
        header = read_header(file)
        chunks = iter(lambda: file.read(CHUNK), b"")
        checksum_ok = (checksum(header.metadata, chunks) == header.metadata["checksum"]
                       and checksum_of_classes(header.metadata) == header.metadata.get("classes_checksum"))
    more = {"scaling": header.metadata["scaling"]} if header.scaling else {}
    if "classes" in header.metadata:
        more.update(classes=classes_in(header), labels=header.metadata["labels"])
    return {
        **{key: header.metadata[key] for key in (*CHECKSUMMED, "checksum")},
        "sizes": header.sizes,
        "activations": header.activations,
        "n_parameters": header.n_parameters,
        "checksum_ok": checksum_ok,
        **more,
    }


class Header(NamedTuple):
    """A header that has been checked, in itself and against the size of its file."""

    sizes: tuple          # of int
    activations: tuple    # of str, one for each layer after the input
    cost: str
    dtype: str            # "float32" | "float64"
    scaling: dict         # "inputs" and "targets", those that are scaled, with how many numbers they are
    metadata: dict        # of str, as in the file

    @property
    def n_parameters(self):
        return count_parameters(self.sizes)

    @property
    def n_bytes(self):
        return self.n_parameters * np.dtype(self.dtype).itemsize + 16 * sum(self.scaling.values())


def cost_in(header):
    """The cost that a header names."""
    from fastnet import costs

    if header.cost.startswith("custom("):
        raise ValueError(f"the net was trained with a cost of the user's own, {header.cost}, which a file can't hold: "
                         "load(path, cost=...) takes it, or another")
    return costs.from_text(header.cost)


def scaling_vectors(scaling):
    """The vectors of a Scaling in the order of the file."""
    return [vector for pair in (scaling and scaling.inputs, scaling and scaling.targets) if pair for vector in pair]


def scaling_in(header, data):
    """The Scaling at the end of the data."""
    from fastnet.scaling import Scaling

    values = in_byte_order(np.frombuffer(data, "<f8", offset=len(data) - 16 * sum(header.scaling.values())), "=")
    pairs, start = {}, 0
    for name, n in header.scaling.items():
        pairs[name] = values[start:start + n], values[start + n:start + 2 * n]
        start += 2 * n
    return Scaling(**pairs)


def classes_in(header):
    """The names of the classes that a header holds."""
    kind, _, names = header.metadata["classes"].partition(":")
    read = {"str": lambda name: unquote(name, errors="strict"), "int": int, "bool": lambda name: name == "True"}[kind]
    return tuple(map(read, names.split(",")))


def count_parameters(sizes):
    return sum(n * (p + 1) for p, n in itertools.pairwise(sizes))


def tensor_members(sizes, dtype, scaling):
    """The members of the header that describe tensors, in order: these three determine them."""
    begin = 0
    for l, (p, n) in enumerate(itertools.pairwise(sizes)):
        for name, shape, count in ((f"weights.{l}", [n, p], n * p), (f"biases.{l}", [n], n)):
            end = begin + count * np.dtype(dtype).itemsize
            yield name, {"dtype": SAFETENSORS_NAMES[dtype], "shape": shape, "data_offsets": [begin, end]}
            begin = end
    for what, n in scaling.items():
        for vector in ("offset", "unit"):
            yield f"scaling.{what[:-1]}_{vector}", {"dtype": "F64", "shape": [n], "data_offsets": [begin, begin + 8 * n]}
            begin += 8 * n


def checksum(metadata, chunks):
    """CRC-32 of the metadata that matter and of the data, as the header spells it."""
    keys = (*CHECKSUMMED, "scaling") if metadata["format_version"] == SCALED_VERSION else CHECKSUMMED
    crc = zlib.crc32("".join(metadata[key] + "\n" for key in keys).encode())
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
    return f"crc32:{crc:08x}"


def checksum_of_classes(metadata):
    """CRC-32 of what the metadata say about classes; None where they say nothing."""
    if "classes" not in metadata:
        return None
    return f"crc32:{zlib.crc32(''.join(metadata[key] + chr(10) for key in OF_CLASSES).encode()):08x}"


def in_byte_order(flat, order):
    """`flat` in little-endian ("<") or native ("=") order, every bit kept, NaN payloads too."""
    wanted = flat.dtype.newbyteorder(order)
    return flat if flat.dtype == wanted else flat.byteswap().view(wanted)


def encode_header(net, data):
    """The length and the header of the file for `net`, padded: what comes before `data`."""
    import fastnet

    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION if net.scaling is None else SCALED_VERSION,
        "fastnet_version": fastnet.__version__,
        "sizes": ",".join(map(str, net.sizes)),
        "activations": ",".join(net.activations),
        "cost": net.cost_function.to_text(),
        "dtype": net.dtype.name,
    }
    scaling = {}
    if net.scaling is not None:
        scaling = {name: len(pair[0]) for name in ("inputs", "targets") if (pair := getattr(net.scaling, name))}
        metadata["scaling"] = ",".join(f"{name}:{n}" for name, n in scaling.items())
    if net.classes is not None:
        kind = type(net.classes[0]).__name__
        metadata["classes"] = f"{kind}:" + ",".join(quote(str(name), safe="") for name in net.classes)
        metadata["labels"] = "several" if net.multilabel else "one"
        metadata["classes_checksum"] = checksum_of_classes(metadata)
    check_words(metadata, "net cannot be saved: ")
    metadata["checksum"] = checksum(metadata, [data])
    table = {"__metadata__": metadata, **dict(tensor_members(net.sizes, net.dtype.name, scaling))}
    header = json.dumps(table, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    if len(header) > HEADER_LIMIT:
        names = len(metadata.get("classes", ""))
        what = f"{len(net.classes)} classes, whose names take {names} bytes" if 2 * names > len(header) else f"{len(net.sizes)} layers"
        raise ValueError(f"net has {what}, too many for a header of {HEADER_LIMIT} bytes")
    return len(header).to_bytes(8, "little") + header


def read_header(file):
    """Read and check the header; `file` is left at the start of the data.

    Only the header is allocated, and that is at most HEADER_LIMIT bytes.
    """
    file_size = os.fstat(file.fileno()).st_size
    prefix = file.read(8)
    if len(prefix) < 8:
        raise ValueError(f"too short for a safetensors file: {len(prefix)} bytes")
    length = int.from_bytes(prefix, "little")
    if length > HEADER_LIMIT:
        raise ValueError(f"not a fastnet file, or damaged: header of {length} bytes, at most {HEADER_LIMIT} allowed")
    encoded = file.read(length)
    if len(encoded) < length:
        raise ValueError(f"truncated: header of {length} bytes, of which {len(encoded)} are there")
    members = decode_json(encoded)
    header = check_metadata(members.pop("__metadata__", None))
    check_tensors(members, header)

    expected_size = 8 + length + header.n_bytes
    if file_size < expected_size:
        raise ValueError(f"truncated: expected {expected_size} bytes; got {file_size}")
    if file_size > expected_size:
        raise ValueError(f"{file_size - expected_size} bytes too long: expected {expected_size}; got {file_size}")
    return header


def decode_json(encoded):
    """A header's JSON as a dict: no key twice, no numbers but integers, no depth that overflows."""
    def no_key_twice(pairs):
        members = dict(pairs)
        if len(members) < len(pairs):
            raise ValueError("a key occurs twice")
        return members

    def only_integers(literal):
        if not re.fullmatch("-?[0-9]{1,19}", literal):
            raise ValueError(f"number out of place: {reprlib.repr(literal)}")
        return int(literal)

    if encoded[:1] != b"{":
        raise ValueError("not a safetensors file, or damaged: the header is not a JSON object")
    try:
        return json.loads(encoded.decode("utf-8"), object_pairs_hook=no_key_twice, parse_int=only_integers,
                          parse_float=only_integers, parse_constant=only_integers)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a safetensors file, or damaged: the header is not valid ({error})") from error


def check_words(metadata, prefix=""):
    """Every member of the metadata that is not a constant, against GRAMMAR."""
    for key, pattern in GRAMMAR.items():
        if key in metadata and not re.fullmatch(pattern, metadata[key]):
            raise ValueError(f"{prefix}{key} {reprlib.repr(metadata[key])} does not fit the format")


def check_metadata(metadata):
    """The metadata as a Header, or a ValueError."""
    if not isinstance(metadata, dict):
        raise ValueError("not a fastnet file: a safetensors file without fastnet's metadata")
    if not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("damaged: metadata must be strings")
    if f'"format": "{CHECKPOINT}"' in metadata.get("state", ""):
        raise ValueError("a checkpoint, which holds a run: fn.resume(path) opens it, fn.resume(path).net is its net")
    if metadata.get("format") != FORMAT:
        raise ValueError(f"not a fastnet file: format must be {FORMAT!r}; got {reprlib.repr(metadata.get('format'))}")
    if metadata.get("format_version") not in (FORMAT_VERSION, SCALED_VERSION):
        raise ValueError(f"format_version must be {FORMAT_VERSION!r} or {SCALED_VERSION!r} for this version of fastnet; "
                         f"got {reprlib.repr(metadata.get('format_version'))}, "
                         f"written by fastnet {reprlib.repr(metadata.get('fastnet_version'))}")
    scaled = metadata["format_version"] == SCALED_VERSION
    needed = [*CHECKSUMMED, *["scaling"] * scaled, *["labels", "classes_checksum"] * ("classes" in metadata), "checksum"]
    missing = [key for key in needed if key not in metadata]
    if missing:
        raise ValueError(f"damaged: metadata without {', '.join(missing)}")
    check_words(metadata, "damaged: ")
    sizes = tuple(map(int, metadata["sizes"].split(",")))
    activations = tuple(metadata["activations"].split(","))
    if len(activations) != len(sizes) - 1:
        raise ValueError(f"damaged: {len(activations)} activations for {len(sizes)} layers, input included")
    entries = [entry.split(":") for entry in metadata["scaling"].split(",")] if scaled else []
    return Header(sizes, activations, metadata["cost"], metadata["dtype"], {name: int(n) for name, n in entries}, metadata)


def check_tensors(members, header):
    """The tensors must be those of `header.sizes`, in the order of `parameters`."""
    def same(found, entry):
        return found == entry and {type(i) for i in found["shape"] + found["data_offsets"]} == {int}    # 1 == True

    expected_count = 2 * len(header.activations) + 2 * len(header.scaling)
    if len(members) != expected_count:
        raise ValueError(f"sizes {reprlib.repr(header.sizes)} need {expected_count} tensors; got {len(members)}")
    for name, entry in tensor_members(header.sizes, header.dtype, header.scaling):
        if name not in members:
            raise ValueError(f"tensor {name} is missing")
        if not same(members[name], entry):
            raise ValueError(f"tensor {name} must be {entry}; got {reprlib.repr(members[name])}")
