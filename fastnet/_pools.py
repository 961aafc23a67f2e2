"""Orders in which a set larger than memory can be read: blocks of rows in random order, mixed a pool at a time.

An order is any permutation of the rows; this kind of it reads a file in long runs.  Each epoch the blocks
are put in a new random order, so many of them as fit a pool are taken together, and the rows of a pool are
put in random order.  Every row is taken once an epoch, every batch mixes rows of many blocks, and the neighbours of
a row change from epoch to epoch.  L. Xu et al., Stochastic gradient descent without full data shuffle, 2022
(arXiv:2206.05830), show that it converges about as fast as a full shuffle as long as a pool holds some
percent of the set or blocks are not far from random themselves; a set that is sorted by class wants large pools.
"""

import numpy as np

from fastnet._core.engine import shuffled
from fastnet._core.random import words

BLOCK_BYTES = 1 << 20      # read one after the other: what a disk needs to be fast
POOL_BYTES = 64 << 20      # a set that takes no more is shuffled as any other
MIXED = 3                  # what random numbers are for, beside those of _options


class Pools:
    """The passes over `m` rows of `row_bytes` each.

    Parameters
    ----------
    m : int
    row_bytes : int
    rows : fastnet._core.rows.Rows, optional
        Told which of its rows are wanted soon, and which no more.
    """

    def __init__(self, m, row_bytes, rows=None):
        self.m, self.rows = m, rows
        self.block = max(1, BLOCK_BYTES // row_bytes)
        self.blocks_of_pool = max(1, POOL_BYTES // (self.block * row_bytes))
        self.n_blocks = -(-m // self.block)

    def order(self, seed):
        """All rows in the order that `seed` (an int below 2^64) decides; intp, (m,)."""
        self.blocks, self.bounds, self.at = shuffled(self.n_blocks, seed), [0], -1
        if self.n_blocks <= self.blocks_of_pool:
            self.bounds = [0, self.m]
            return shuffled(self.m, seed)
        order = np.empty(self.m, np.intp)
        for pool in range(-(-self.n_blocks // self.blocks_of_pool)):
            rows = np.concatenate([np.arange(*self.rows_of(block), dtype=np.intp) for block in self.blocks_of(pool)])
            first, second = words(pool, seed, MIXED)[:2, 0].tolist()
            start = self.bounds[-1]
            order[start:start + len(rows)] = rows[shuffled(len(rows), first | second << 32)]
            self.bounds.append(start + len(rows))
        return order

    def rows_of(self, block):
        return int(block) * self.block, min((int(block) + 1) * self.block, self.m)

    def blocks_of(self, pool):
        return self.blocks[pool * self.blocks_of_pool:(pool + 1) * self.blocks_of_pool]

    def reached(self, position):
        """The pass has come to this position of the order: the pool there is wanted, the one before no more."""
        pool = int(np.searchsorted(self.bounds, position, side="right")) - 1
        if self.rows is None or pool == self.at or len(self.bounds) <= 2:
            return
        if self.at >= 0:
            for block in self.blocks_of(self.at):
                self.rows.let_go(*self.rows_of(block))
        for block in self.blocks_of(pool):
            self.rows.ask_for(*self.rows_of(block))
        self.at = pool
