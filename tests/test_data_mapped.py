"""Sets in files, mapped into memory: orders by blocks, memory that stays bounded."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks_data, _pools
from fastnet._core import rows, window
from fastnet._core.engine import shuffled
from fastnet._pools import Pools

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and counts memory as Linux does")


@pytest.fixture
def small(monkeypatch):
    """Pools of 4 blocks of 10 rows of 8 values; windows and blocks of some rows."""
    monkeypatch.setattr(_pools, "BLOCK_BYTES", 640)
    monkeypatch.setattr(_pools, "POOL_BYTES", 2560)
    monkeypatch.setattr(_checks_data, "AT_ONCE", 0)
    monkeypatch.setattr(window, "WINDOW_BYTES", 700)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 3000)


@pytest.fixture
def mapped(tmp_path, rng):
    """(X, Y) with X (203, 8) float64 in a file."""
    np.save(tmp_path / "x.npy", rng.standard_normal((203, 8)))
    return np.load(tmp_path / "x.npy", mmap_mode="r"), rng.integers(0, 3, 203)


def fitted(X, Y, dtype="float64", **options):
    net = fn.Network([8, 5, 3], dtype=dtype, seed=0)
    history = net.fit(X, Y, **{"epochs": 3, "batch_size": 7, "seed": 5, **options})
    return net.parameters.tobytes(), history.cost, history.validation_cost


# -- the order -----------------------------------------------------------------------

def test_an_order_by_blocks_takes_every_row_once_and_a_pool_at_a_time(small):
    pools = Pools(203, 64)
    order = pools.order(7)
    assert sorted(order) == list(range(203)) and pools.block == 10 and pools.blocks_of_pool == 4
    assert pools.bounds[:3] in ([0, 40, 80], [0, 33, 73], [0, 40, 73]) and pools.bounds[-1] == 203
    for pool, (start, stop) in enumerate(zip(pools.bounds, pools.bounds[1:])):
        blocks = set((order[start:stop] // 10).tolist())
        assert blocks == set(pools.blocks_of(pool).tolist()) and len(blocks) == (4 if pool < 5 else 1)
        assert stop - start < 20 or (np.diff(order[start:stop]) < 0).any()         # mixed within the pool
    assert len(np.unique(order[:40] // 10)) > 1 and (np.diff(pools.blocks) != 1).any()


def test_an_order_by_blocks_is_decided_by_its_seed_and_is_new_each_time(small):
    pools = Pools(203, 64)
    first, again, other = pools.order(7), Pools(203, 64).order(7), pools.order(8)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and set(pools.blocks[:4].tolist()) != set(Pools(203, 64).order(7)[:40] // 10)


def test_one_pool_is_a_full_shuffle(small):
    np.testing.assert_array_equal(Pools(40, 64).order(3), shuffled(40, 3))
    assert (Pools(41, 64).order(3) != shuffled(41, 3)).any()


def test_rows_of_a_block_meet_new_neighbours_in_other_epochs(small):
    pools, together = Pools(400, 64), np.zeros((40, 40))
    for seed in range(300):
        pools.order(seed)
        for pool in range(10):
            blocks = pools.blocks_of(pool)
            together[np.ix_(blocks, blocks)] += 1
    pairs = together[~np.eye(40, dtype=bool)]
    assert pairs.min() > 5 and pairs.mean() == pytest.approx(300 * 3 / 39)     # any two blocks, as often as chance has it


def test_the_next_pool_is_asked_for_and_the_last_one_let_go(small):
    told = []

    class Told:
        def ask_for(self, start, stop):
            told.append(("ask", start // 10))

        def let_go(self, start, stop):
            told.append(("let go", start // 10))

    pools = Pools(100, 64, Told())
    pools.order(1)
    for position in range(0, 100, 7):
        pools.reached(position)
    first, second, third = (list(pools.blocks_of(pool)) for pool in range(3))
    assert told == [*(("ask", b) for b in first), *(("let go", b) for b in first), *(("ask", b) for b in second),
                    *(("let go", b) for b in second), *(("ask", b) for b in third)]


# -- training from a file -------------------------------------------------------------

@pytest.mark.parametrize("validation", [None, 0.2])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_a_mapped_set_trains_as_one_in_memory_shuffled_the_same_way(batch_size, validation, small, mapped, dtype, path):
    X, Y = mapped
    options = dict(dtype=dtype, batch_size=batch_size, validation=validation)
    if dtype == np.float64:                                # blocks are counted in bytes of the set as it lies
        assert fitted(X, Y, **options) == fitted(np.array(X), Y, shuffle="blocks", **options)
    assert fitted(X, Y, shuffle="rows", **options) == fitted(np.array(X), Y, **options)
    assert fitted(X, Y, shuffle=False, **options) == fitted(np.array(X), Y, shuffle=False, **options)
    assert fitted(X, Y, **options) == fitted(X, Y, **options) != fitted(X, Y, shuffle="rows", **options)


@pytest.mark.parametrize("kind", ["uint8", ">i2", "float32"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_maps_of_any_kind_and_order(kind, order, small, tmp_path, rng):
    X = rng.integers(0, 100, (203, 8)).astype(kind)
    on_disk = np.memmap(tmp_path / "x", kind, "w+", shape=X.shape, order=order)
    on_disk[:] = X
    Y = rng.random((203, 3))
    for given in (on_disk, np.asarray(on_disk), on_disk[:]):
        assert fitted(given, Y, shuffle="rows", learning_rate=1e-3) == fitted(X, Y, learning_rate=1e-3)
    net = fn.Network([8, 3], seed=0)
    np.testing.assert_array_equal(net.predict(on_disk), net.predict(X.astype(float)))
    assert net.cost(on_disk, Y) == net.cost(X, Y)
    assert fitted(on_disk[::2], Y[::2], shuffle=False) == fitted(X[::2], Y[::2], shuffle=False)


def test_what_was_written_into_a_private_map_stays(small, tmp_path, rng):
    np.save(tmp_path / "x.npy", rng.standard_normal((5000, 8)))
    X = np.load(tmp_path / "x.npy", mmap_mode="c")
    X[:] = 1.0
    fitted(X, np.zeros(5000, int), epochs=1)
    assert (np.asarray(X) == 1).all()


def test_bad_values_in_a_file_are_found_before_anything_changes(small, tmp_path, rng):
    X = rng.standard_normal((203, 8))
    X[202, 3] = np.nan
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ValueError, match="X must be finite in float64; row 202, column 3 is nan"):
        fitted(np.load(tmp_path / "x.npy", mmap_mode="r"), np.zeros(203, int))


def test_a_run_on_a_map_goes_on_within_an_epoch(small, mapped, tmp_path):
    X, Y = mapped
    whole, net = fn.Network([8, 5, 3], seed=0), fn.Network([8, 5, 3], seed=0)
    whole.fit(X, Y, epochs=3, batch_size=7, optimizer="adam", seed=2)

    def write(info):
        if info.batch == 12 and info.epoch == 2:
            info.net.checkpoint(tmp_path / "run.safetensors")

    net.fit(X, Y, epochs=3, batch_size=7, optimizer="adam", seed=2, callbacks=write, callback_every=4)
    run = fn.resume(tmp_path / "run.safetensors")
    run.fit(X, Y)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


# -- memory ---------------------------------------------------------------------------

BOUNDED = """
    import os, resource, sys
    import numpy as np
    import fastnet as fn
    from fastnet import _pools
    _pools.POOL_BYTES = 8 << 20                              # before anything is read: a set of some pools
    kind, dtype, path, scale = sys.argv[1:]
    m, p = (96 << 20) // (2048 * np.dtype(kind).itemsize), 2048
    X = np.memmap(path, kind, "r", shape=(m, p))
    Y = np.arange(m) % 3
    net = fn.Network([p, 4, 3], dtype=dtype, seed=0)
    def train(X):
        net.fit(X, Y[:len(X)], epochs=2, batch_size=32, learning_rate=1e-6, seed=0, validation=0.1,
                scale=(scale, None) if scale else None)
        net.fit(X[:64], Y[:64], epochs=1, learning_rate=1e-6, validation=(X, Y[:len(X)]), metrics="accuracy")
        net.predict(X, np.empty((len(X), 3), dtype))
        net.cost(X, Y[:len(X)])
    def status(name):
        return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) << 10
    train(X[:64])                                            # what is loaded late is loaded now
    limit = getattr(resource, f"RLIMIT_{os.environ['LIMIT']}")
    room = 48 << 20                                          # half the file: its copy does not fit, in any kind
    used = status("VmSize") if os.environ["LIMIT"] == "AS" else status("VmData")
    resource.setrlimit(limit, (used + room, used + room))
    try:
        np.array(X)
    except MemoryError:
        print("no room for a copy")
    before = status("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")            # the peak counts from here
    train(X)
    print((status("VmHWM") - before) >> 20, np.isfinite(net.parameters).all())
"""


@linux
@pytest.mark.parametrize("limit", ["AS", "DATA"])
@pytest.mark.parametrize("kind, dtype, scale", [("float64", "float64", ""), ("float32", "float64", ""), ("uint8", "float32", ""),
                                                (">f4", "float32", ""), ("float64", "float64", "standardize"),
                                                ("float32", "float32", "minmax"), ("uint8", "float32", "standardize")])
def test_a_set_larger_than_what_memory_is_left_trains_within_it(kind, dtype, scale, limit, tmp_path):
    m = (96 << 20) // (2048 * np.dtype(kind).itemsize)
    numbers = np.memmap(tmp_path / "x", kind, "w+", shape=(m, 2048))
    numbers[:] = 1 + np.arange(m)[:, None] % 5
    numbers.flush()
    del numbers
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(BOUNDED), kind, dtype, str(tmp_path / "x"), scale],
                            env={**os.environ, "LIMIT": limit, "OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    said, numbers = result.stdout.splitlines()
    peak, finite = numbers.split()
    assert said == "no room for a copy" and finite == "True"
    assert int(peak) < 48                                    # MiB: some pools, order and labels; the file has 96
