"""The roof: plausible figures, kept where they may be and measured anew where what was kept is no good."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import fastnet as fn
from fastnet import _roof
from fastnet._core import kernels
from fastnet._core import roof as loops


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache directory of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def short(monkeypatch):
    """Windows so short that a test may measure several times; the buffers stay small too."""
    monkeypatch.setattr(_roof, "SECONDS", 0.0001)
    monkeypatch.setattr(_roof, "WINDOWS", 5)
    monkeypatch.setattr(_roof, "MOST_BYTES", 1 << 20)


@pytest.fixture
def invented(monkeypatch):
    """measure() counted instead of run: each result differs."""
    made = []

    def measure():
        rates = dict.fromkeys(_roof.MEMORIES, 1.0 + len(made))
        made.append(_roof.Roof("processor", kernels.level(), dict.fromkeys(_roof.DTYPES, 2.0), rates, rates,
                               dict.fromkeys(_roof.MEMORIES, 512)))
        return made[-1]

    monkeypatch.setattr(_roof, "measure", measure)
    return made


def test_every_figure_is_positive_and_finite(short, cache):
    found = fn.roof()
    assert set(found.gflops) == {"float32", "float64"}
    for table in (found.read, found.update):
        assert set(table) == {"L1", "L2", "L3", "DRAM"}
        assert all(0 < rate < 1e5 for rate in table.values())
    assert all(0 < rate < 1e5 and math.isfinite(rate) for rate in found.gflops.values())


@pytest.mark.skipif("avx2" not in kernels.LEVELS, reason="the processor has no AVX2")
def test_256_bit_multiply_adds_are_not_slower_than_the_baselines(monkeypatch):
    """Twice as wide, and fused: at least as fast, with room for a neighbour on the core."""
    best, before = {}, kernels.level()
    try:
        for level in ("baseline", "avx2"):
            kernels.select_level(level)
            out = np.zeros(loops.SUMS, np.float32)
            best[level] = _roof.best_rate(lambda rounds, out=out: loops.multiply_adds(out, rounds))
    finally:
        kernels.select_level(before)
    assert best["avx2"] >= best["baseline"]


def test_single_precision_is_not_slower_than_double(cache):
    found = _roof.measure()
    assert found.gflops["float32"] >= found.gflops["float64"]


def test_flops_count_two_a_multiply_add_of_a_vector(level, dtype):
    lanes = {"baseline": 16, "avx2": 32, "avx512": 64}[level] // dtype.itemsize
    out = np.zeros(loops.SUMS, dtype)
    assert loops.multiply_adds(out, 3) == 3 * 12 * lanes * 2
    # 0 -> 1/4 -> 3/8 -> 7/16, exactly; beyond 12 vectors nothing is written
    np.testing.assert_array_equal(out, np.where(np.arange(loops.SUMS) < 12 * lanes, 7 / 16, 0).astype(dtype))


def test_read_adds_up_every_value_on_every_pass(level, dtype, rng):
    x = rng.integers(-50, 50, 3 * loops.UNIT).astype(dtype)       # small integers: sums are exact
    for passes in range(4):
        assert loops.read(x, passes) == passes * x.sum()


def test_update_replaces_every_value_on_every_pass(level, dtype, rng):
    x = rng.integers(-50, 50, 3 * loops.UNIT).astype(dtype)
    for passes in range(4):
        target = x.copy()
        loops.update(target, passes)
        np.testing.assert_array_equal(target, 1 - x if passes % 2 else x)


def test_the_second_call_reads_what_the_first_kept_and_refresh_measures_anew(invented, cache):
    first = fn.roof()
    assert fn.roof() == first and len(invented) == 1
    refreshed = fn.roof(refresh=True)
    assert refreshed != first and len(invented) == 2
    assert fn.roof() == refreshed and len(invented) == 2


def test_each_level_has_a_roof_of_its_own(invented, cache, level):
    assert fn.roof().level == level
    assert [file.name for file in (cache / "fastnet").iterdir()] == [os.path.basename(_roof.cache_file())]
    assert f"-{fn.__version__}-{level}-" in _roof.cache_file()


DAMAGES = {
    "empty": lambda text: "",
    "cut short": lambda text: text[:len(text) // 2],
    "not an object": lambda text: "[1, 2]",
    "a field missing": lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "read"}),
    "a memory missing": lambda text: text.replace('"DRAM"', '"dram"'),
    "a rate of nothing": lambda text: text.replace("2.0", "0.0"),
    "a rate that is none": lambda text: text.replace("2.0", '"fast"'),
    "a rate beyond all numbers": lambda text: text.replace("2.0", "Infinity"),
    "a list of rates": lambda text: json.dumps(json.loads(text) | {"gflops": [2.0, 2.0]}),
    "another level": lambda text: text.replace(f'"{kernels.level()}"', '"none"'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_measured_over(damage, invented, cache):
    fn.roof()
    path = _roof.cache_file()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    damaged = DAMAGES[damage](text)
    assert damaged != text
    with open(path, "w", encoding="utf-8") as file:
        file.write(damaged)
    assert fn.roof().read["L1"] == 2.0 and len(invented) == 2
    assert fn.roof().read["L1"] == 2.0 and len(invented) == 2      # repaired


def test_bytes_that_are_no_text_are_measured_over(invented, cache):
    fn.roof()
    with open(_roof.cache_file(), "wb") as file:
        file.write(b"\xff\xfe\x00")
    assert fn.roof() and len(invented) == 2


def test_a_directory_that_cannot_be_made_is_no_failure(invented, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert fn.roof() and fn.roof() and len(invented) == 2


def test_a_file_that_cannot_be_replaced_is_no_failure(invented, cache):
    os.makedirs(_roof.cache_file())                                # a directory of that name
    assert fn.roof() and len(invented) == 1


def test_without_xdg_cache_home_the_home_directory_serves(invented, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    fn.roof()
    assert len(list((tmp_path / ".cache" / "fastnet").iterdir())) == 1


def test_import_measures_nothing_and_keeps_nothing(tmp_path):
    code = "import sys, fastnet; print('fastnet._roof' in sys.modules, 'fastnet._core.roof' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
                            capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"] and not list(tmp_path.iterdir())


def test_buffers_fit_their_caches_and_hold_whole_units():
    for caches in ({"L1": 32 << 10, "L2": 1 << 20, "L3": 32 << 20}, {"L1": 48_000, "L2": 2_000_000, "L3": 1 << 30},
                   {"L1": 1000, "L2": 2000, "L3": 3000}):
        found = _roof.buffer_bytes(caches)
        assert found["L1"] <= caches["L1"] and found["L2"] <= caches["L2"]
        assert all(n % (4 * loops.UNIT) == 0 and 0 < n <= _roof.MOST_BYTES for n in found.values())


def test_a_working_set_belongs_to_the_smallest_memory_that_holds_it():
    rates = dict.fromkeys(_roof.MEMORIES, 1.0)
    found = _roof.Roof("", "", {}, rates, rates, {"L1": 10, "L2": 100, "L3": 1000, "DRAM": 4000})
    assert [found.memory(n) for n in (1, 10, 11, 1000, 1001, 10**9)] == ["L1", "L1", "L2", "L3", "DRAM", "DRAM"]


def test_the_table_shows_every_figure(invented):
    text = str(_roof.measure())
    assert all(name in text for name in ("float32", "float64", "L1", "L2", "L3", "DRAM", "GFLOP/s", "GB/s"))
    assert invented[0].to_dict()["gflops"] == {"float32": 2.0, "float64": 2.0}


def test_a_large_buffer_is_passed_over_in_pieces_all_of_it_before_any_again(monkeypatch):
    monkeypatch.setattr(_roof, "PIECE", 4)
    seen, x = [], np.arange(12, dtype=np.float32)
    work = _roof.passes(lambda piece, count: seen.append((piece[0], len(piece), count)), x)
    assert work(2) == 2 * 4 * 4 and work(2) == 2 * 4 * 4
    assert seen == [(0, 4, 1), (4, 4, 1), (8, 4, 1), (0, 4, 1)]


def test_a_buffer_of_a_cache_is_passed_over_whole_so_often():
    seen, x = [], np.zeros(512, np.float32)
    assert _roof.passes(lambda buffer, count: seen.append((len(buffer), count)), x)(7) == 7 * x.nbytes
    assert seen == [(512, 7)]
