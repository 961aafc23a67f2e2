"""Data to train on: handwritten digits that come with the package, and readers for IDX, npz, csv and Parquet files.

Readers return NumPy arrays, a sample a row; none of them unpickles anything, and each says in which file, row and
column it found what it cannot read. Every name is public here; the modules beside this one are not.
"""

from .csv_files import read_csv
from .embedded import digits
from .idx import read_idx, read_idx_directory
from .npz import read_npz
from .parquet import read_parquet
from .sources import load
from .split import Split

__all__ = ["Split", "digits", "load", "read_csv", "read_idx", "read_idx_directory", "read_npz", "read_parquet"]
