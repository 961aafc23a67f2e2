"""Where the headers are."""

from pathlib import Path


def get_include():
    """The directory of fastnet.h, fastnet_python.h and fastnet.f90, for compilers: `-I`, `include_dirs=[...]`.

    Returns
    -------
    str

    Examples
    --------
    >>> import os
    >>> import fastnet as fn
    >>> sorted(os.listdir(fn.get_include()))
    ['fastnet.f90', 'fastnet.h', 'fastnet_python.h']
    """
    return str(Path(__file__).with_name("include"))
