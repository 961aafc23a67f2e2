"""Random numbers without a state: Philox against published answers and a plain Python version; masks; noise."""

import math

import numpy as np
import pytest

from fastnet._core import kernels, random

# Counter words, key words, output words: the known answers for philox4x32-10 that come with Random123.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)),
    ((0xffffffff,) * 4, (0xffffffff,) * 2, (0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)),
    ((0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344), (0xa4093822, 0x299f31d0),
     (0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1))]


def philox(counter, key, rounds=10):
    """J. Salmon et al., 2011, section 3.2 and table 2, word by word."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def words_of(block, seed, counter):
    """One block's words, in plain Python."""
    split = lambda x: (x % 2**32, x >> 32)
    return philox((*split(block), *split(counter)), split(seed))


def in_order(words):
    """Words of 16 blocks in the order of the values that they make."""
    return words.ravel()


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_philox_gives_the_known_answers(counter, key, expected, level):
    join = lambda low, high: high << 32 | low
    assert philox(counter, key) == expected
    found = random.words(join(*counter[:2]), join(*key), join(*counter[2:]))
    assert tuple(int(word) for word in found[:, 0]) == expected


@pytest.mark.parametrize("block", [0, 7, 2**32 - 3, 2**61])
def test_blocks_are_numbered_on(block, level):
    found = random.words(block, 0x0123456789abcdef, 42)
    for j in range(16):
        assert tuple(found[:, j].tolist()) == words_of(block + j, 0x0123456789abcdef, 42)


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.1, 1.0, 2.0**-32, 1 - 2.0**-33])
def test_a_mask_keeps_half_words_below_keep(keep, level, dtype):
    """keep, rounded up to a multiple of 2^-16; what is kept is one over that, so the mean is exact."""
    found = random.mask(1280, keep, 5, 9, dtype)
    words = [in_order(random.words(16 * group, 5, 9)) for group in range(10)]
    halves = np.concatenate([half for word in words for half in (word & 0xffff, word >> 16)])
    kept = math.ceil(keep * 2**16)
    np.testing.assert_array_equal(found, np.where(halves < kept, dtype.type(2**16 / kept), dtype.type(0)))


def test_a_mask_is_the_same_at_every_level_and_precision_and_in_any_slices():
    n, first = 300, 130
    whole = random.mask(n + first, 0.7, 2**63 + 1, 2**40, np.float64)
    before = kernels.level()
    for name in kernels.LEVELS:
        kernels.select_level(name)
        for dtype in (np.float32, np.float64):
            pieces = [random.mask(stop - start, 0.7, 2**63 + 1, 2**40, dtype, first=start)
                      for start, stop in zip([0, 1, 64, 129, 191], [1, 64, 129, 191, n + first])]
            np.testing.assert_array_equal(np.concatenate(pieces) != 0, whole != 0)
    kernels.select_level(before)


def test_seeds_and_counters_make_draws_of_their_own():
    draws = [random.mask(4096, 0.5, seed, counter, np.float64) - 1 for seed in (0, 1, 2**32) for counter in (0, 1, 2**32)]
    correlations = np.array(draws) @ np.array(draws).T / 4096
    assert np.abs(correlations - np.eye(9)).max() < 5 / 64             # 5 standard deviations


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.2])
def test_a_mask_has_the_mean_1_and_independent_neighbours(keep, level, dtype):
    n = 1_000_000
    mask = random.mask(n, keep, 1, 0, dtype).astype(float)
    deviation = math.sqrt((1 - keep) / keep)
    assert abs(mask.mean() - 1) < 5 * deviation / math.sqrt(n)
    centred = (mask - 1) / deviation
    for lag in (1, 2, 4, 15, 16, 17, 32, 48, 64):
        assert abs(np.mean(centred[lag:] * centred[:-lag])) < 5 / math.sqrt(n - lag)


def test_noise_has_the_moments_of_a_normal_distribution(level, dtype):
    n = 2_000_000
    z = random.noise(np.zeros(n, dtype), 1.0, 3, 0).astype(float)
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(np.mean(z**power) - expected) < 5 * math.sqrt(variance / n), power
    for lag in (1, 16, 32, 48, 64):
        assert abs(np.mean(z[lag:] * z[:-lag])) < 5 / math.sqrt(n - lag)
        assert abs(np.mean(z[lag:]**2 * z[:-lag]**2) - 1) < 5 * math.sqrt(8 / (n - lag))
    assert 4.5 < np.abs(z).max() < 6.8


def test_noise_is_normally_distributed_to_the_tails(dtype):
    z = np.sort(random.noise(np.zeros(400_000, dtype), 1.0, 4, 0).astype(float))
    cdf = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in z[::40]])
    assert np.abs(cdf - np.arange(0, 400_000, 40) / 400_000).max() < 2 / math.sqrt(400_000)     # Kolmogorov, p = 0.0007


def test_noise_is_box_and_mullers(level):
    words = np.concatenate([in_order(random.words(16 * group, 11, 12)) for group in range(300)]).astype(float)
    pairs = words.reshape(-1, 2, 2, 16)                                # group, half, (u, v), block
    radius = np.sqrt(-2 * np.log((pairs[:, :, 0] + 0.5) / 2**32))
    angle = 2 * np.pi * pairs[:, :, 1] / 2**32
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2).ravel()
    found = random.noise(np.zeros(300 * 64), 1.0, 11, 12)
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-15)


def test_noise_is_added_scaled_in_slices_and_rounded_from_double(level, dtype, rng):
    x = rng.standard_normal(500).astype(dtype)
    z = random.noise(np.zeros(500), 0.25, 1, 2)
    found = random.noise(x, 0.25, 1, 2)
    np.testing.assert_allclose(found, x + z, rtol=0, atol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(found, x + z.astype(dtype))
    pieces = [random.noise(x[a:b].copy(), 0.25, 1, 2, first=a) for a, b in ((0, 3), (3, 64), (64, 200), (200, 500))]
    assert np.concatenate(pieces).tobytes() == found.tobytes()
    assert random.noise(x, 0.0, 1, 2).tobytes() == x.tobytes()


def test_levels_agree_on_noise(dtype):
    before, draws = kernels.level(), []
    for name in kernels.LEVELS:
        kernels.select_level(name)
        draws.append(random.noise(np.zeros(10_000, dtype), 1.0, 8, 8))
    kernels.select_level(before)
    for draw in draws[1:]:
        np.testing.assert_allclose(draw, draws[0], rtol=0, atol=16 * np.finfo(dtype).eps)
