"""The generator: known answers for its twin in C++, and what its numbers look like."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from scipy import stats

from chainrule import chance
from chainrule.chance import (
    GOLDEN,
    Stream,
    among_first,
    keep_mask,
    key,
    mix32,
    mix64,
    permutation,
    uniform,
)
from chainrule.errors import InvalidValue

# The first outputs of splitmix64 from state 0, as its authors' program prints them.
SPLITMIX = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]

# Worked out once with plain integers, one number at a time.
MIX32 = [0, 1753845952, 3507691905, 2435775735, 1734902346]
KEYS = [0xE220A8397B1DCDAF, 0x7010C70C013E27EC, 0x7D8965EC4CF366AA]
ORDER_10 = [0, 3, 4, 1, 7, 9, 2, 6, 5, 8]
ORDER_500 = [344, 161, 93, 162, 437, 114, 216, 264, 358, 109, 335, 233]
UNIFORM_3 = [0.425744602813912, 0.8925340492133313, 0.13226010317250547]
MASK = ["100111", "010100", "101101", "110101"]


def orders(n: int, count: int, seed: int = 0) -> np.ndarray:
    """The orders of n rows in many epochs, (count, n)."""
    return np.array([permutation(n, key(seed, Stream.ORDER, e)) for e in range(count)])


def chi_square(counts: np.ndarray) -> float:
    """How likely counts as uneven as these are if all cells are equally likely."""
    return float(stats.chisquare(counts.ravel()).pvalue)


def test_mix64_is_splitmix64() -> None:
    states = [(i + 1) * GOLDEN % 2**64 for i in range(3)]
    assert [mix64(state) for state in states] == SPLITMIX
    assert mix64(np.array(states, np.uint64)).tolist() == SPLITMIX


def test_mix32_is_a_bijection_that_spreads_bits() -> None:
    x = np.arange(1 << 16, dtype=np.uint32)
    assert len(np.unique(mix32(x))) == len(x)
    for bit in range(32):
        moved = np.bitwise_count(mix32(x) ^ mix32(x ^ np.uint32(1 << bit))).mean()
        assert abs(moved - 16) < 0.25


def test_known_answers() -> None:
    assert mix32(np.array([0, 1, 2, 12345, 2**32 - 1], np.uint32)).tolist() == MIX32
    assert [key(0), key(7, 1, 0), key(2**64 - 1, 3, 5, 2, 1)] == KEYS
    assert permutation(10, key(7, 1, 0)).tolist() == ORDER_10
    assert permutation(500, key(7, 1, 3))[:12].tolist() == ORDER_500
    assert uniform(3, key(7, 2, 0)).tolist() == UNIFORM_3
    mask = keep_mask(4, 6, 0.3, key(7, 3, 0, 0, 0))
    assert ["".join("01"[kept] for kept in row) for row in mask.tolist()] == MASK


@pytest.mark.parametrize("n", [0, 1, 2, 3, 31, 32, 33, 64, 65, 100, 1000])
def test_every_order_is_a_permutation(n: int) -> None:
    for seed in range(20):
        assert np.array_equal(np.sort(permutation(n, key(seed))), np.arange(n))


@pytest.mark.parametrize("n", [1, 2, 3, 31, 33, 64, 65, 1000, 70_000])
def test_the_first_of_an_order_are_found_without_it(n: int) -> None:
    for seed in range(5):
        order, rows = permutation(n, key(seed)), np.arange(n)
        for count in {0, 1, n // 5, n}:
            first = np.isin(rows, order[:count])
            assert np.array_equal(among_first(rows, n, count, key(seed)), first)
            assert np.array_equal(among_first(rows[n // 3 :], n, count, key(seed)), first[n // 3 :])


def test_an_order_of_a_number_that_makes_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"between 0 and 2\*\*32 numbers, got -1"):
        permutation(-1, 0)


def likelihood_of_orders(n: int) -> float:
    """The p of the counts of all n! orders, over enough epochs for 30 of each."""
    drawn = orders(n, 30 * factorial(n))
    code = drawn @ n ** np.arange(n)
    known = np.array(list(permutations(range(n)))) @ n ** np.arange(n)
    counts = np.array([(code == c).sum() for c in known])
    assert counts.sum() == len(drawn)
    return chi_square(counts)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_small_orders_are_equally_likely(n: int) -> None:
    assert likelihood_of_orders(n) > 1e-4


@pytest.mark.parametrize("n", [7, 16, 40, 64, 100, 128])
def test_each_row_is_equally_likely_in_each_place(n: int) -> None:
    drawn = orders(n, 4000)
    counts = np.array([np.bincount(drawn[:, place], minlength=n) for place in range(n)])
    excess = ((counts - 4000 / n) ** 2).sum() / (4000 / n)  # n² cells, sums fixed along both axes
    assert stats.chi2.sf(excess, (n - 1) ** 2) > 1e-4


def least_likely_distance(n: int) -> float:
    """How far apart rows i and i + lag are placed, modulo n: the smallest p of all lags."""
    place = np.argsort(orders(n, 4000), axis=1)

    def likelihood(lag: int) -> float:
        apart = (place[:, lag:] - place[:, :-lag]).ravel() % n
        return chi_square(np.bincount(apart, minlength=n)[1:])

    return min(likelihood(lag) for lag in range(1, n))


@pytest.mark.parametrize("n", [16, 32, 64, 100, 128, 200])
def test_rows_fall_independently(n: int) -> None:
    assert least_likely_distance(n) > 1e-7


def test_six_rounds_would_not_do_for_short_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "rounds", lambda bits: 6)
    assert least_likely_distance(16) < 1e-7
    assert likelihood_of_orders(6) < 1e-7


@pytest.mark.parametrize("n", [10, 100, 500])
def test_orders_of_epochs_are_uncorrelated(n: int) -> None:
    drawn = orders(n, 400).astype(float)
    centered = (drawn - drawn.mean(axis=1, keepdims=True)) / drawn.std(axis=1, keepdims=True)
    correlation = centered @ centered.T / n
    off = correlation[np.triu_indices(len(drawn), 1)]
    assert abs(off.mean()) < 6 / np.sqrt(n * len(off))
    assert off.std() == pytest.approx(1 / np.sqrt(n - 1), rel=0.05)


def test_seeds_and_epochs_give_orders_of_their_own() -> None:
    seen = {
        tuple(permutation(20, key(seed, 1, epoch))) for seed in range(30) for epoch in range(30)
    }
    assert len(seen) == 900


def test_uniform_is_uniform() -> None:
    drawn = uniform(100_000, key(1, 2, 0))
    assert drawn.min() >= 0 and drawn.max() < 1
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.015
    assert abs(np.corrcoef(drawn, uniform(100_000, key(1, 2, 1)))[0, 1]) < 0.015


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_share_it_should(p: float) -> None:
    mask = keep_mask(500, 400, p, key(3, Stream.DROPOUT, 0, 0, 0))
    assert mask.mean() == pytest.approx(1 - p, abs=0.005)
    again = keep_mask(500, 400, p, key(3, Stream.DROPOUT, 0, 1, 0))
    assert (mask & again).mean() == pytest.approx((1 - p) ** 2, abs=0.005)
    assert (mask[1:] & mask[:-1]).mean() == pytest.approx((1 - p) ** 2, abs=0.005)


def test_a_mask_of_no_dropout_keeps_all_and_rows_share_no_counter() -> None:
    assert keep_mask(3, 5, 0.0, key(0)).all()
    wide, narrow = keep_mask(1, 12, 0.4, key(9)), keep_mask(3, 4, 0.4, key(9))
    assert np.array_equal(wide.reshape(3, 4), narrow)
