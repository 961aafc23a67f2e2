"""Memory that is a file's: which of its pages are wanted soon, and which may go, so that a set larger than memory
takes no more of it than what is being read.

Advice to the system (madvise), where it takes any; the numbers are the same without.
"""

import mmap

import numpy as np

PAGE = mmap.PAGESIZE


class Pages:
    """The pages that rows of an array take in a memory map.

    Parameters
    ----------
    array : ndarray of shape (m, p)
        Part of the map.
    mapped : numpy.memmap
    """

    def __init__(self, array, mapped):
        self.map, self.row_bytes = getattr(mapped, "_mmap", None), array.strides[0]
        advised = hasattr(self.map, "madvise") and hasattr(mmap, "MADV_DONTNEED")
        row_after_row = array.strides[0] >= array.shape[1] * array.itemsize and array.strides[1] > 0
        if not (advised and row_after_row):
            self.map = None
            return
        start = np.frombuffer(self.map, np.uint8).__array_interface__["data"][0]
        self.offset = array.__array_interface__["data"][0] - start
        # what was written to private pages would be lost with them
        self.kept = getattr(mapped, "mode", "c") == "c"

    def let_go(self, start, stop):
        """Rows start ... stop have been read; a page that the next row begins in stays."""
        if self.map is not None and not self.kept:
            self.advise(mmap.MADV_DONTNEED, start, stop, whole=True)

    def ask_for(self, start, stop):
        """Rows start ... stop will be read."""
        if self.map is not None:
            self.advise(mmap.MADV_WILLNEED, start, stop, whole=False)

    def advise(self, advice, start, stop, whole):
        first = (self.offset + int(start) * self.row_bytes) // PAGE * PAGE
        last = self.offset + int(stop) * self.row_bytes
        end = min(last // PAGE if whole else -(-last // PAGE), len(self.map) // PAGE) * PAGE
        if end > first:
            self.map.madvise(advice, first, end - first)
