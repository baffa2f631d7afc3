"""Quantiles, means and spreads of numbers that pass by once."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from chainrule.tables.scaling import Scale
from chainrule.tables.sketch import Sketch
from chainrule.tables.summary import Summary

LEVELS = (0, 0.01, 0.25, 0.5, 0.75, 0.99, 1)


def numbers(kind: str, n: int) -> np.ndarray:
    i = np.arange(n, dtype=float)
    rng = np.random.default_rng(n)
    return {
        "rising": i,
        "falling": -i,
        "normal": rng.normal(size=n),
        "few": rng.integers(0, 3, n).astype(float),
        "from both ends": np.where(i % 2, i, n - i),
    }[kind]


def sketched(x: np.ndarray, size: int) -> Sketch:
    """In pieces of uneven lengths, some longer than a buffer."""
    sketch, rng = Sketch(size), np.random.default_rng(1)
    cuts = np.cumsum(rng.integers(1, 3 * size, 1 + len(x)))
    for start, end in pairwise([0, *cuts[cuts < len(x)], len(x)]):
        sketch.add(x[start:end])
    return sketch


def off(x: np.ndarray, value: float, level: float) -> float:
    """By what share of the ranks a value misses the one that was asked for."""
    low, high = np.searchsorted(np.sort(x), value), np.searchsorted(np.sort(x), value, "right")
    return float(max(0.0, low - level * len(x), level * len(x) - high) / len(x))


@pytest.mark.parametrize("kind", ["rising", "falling", "normal", "few", "from both ends"])
@pytest.mark.parametrize(("size", "n"), [(16, 15), (16, 17), (64, 5_000), (256, 60_000)])
def test_no_rank_is_off_by_more_than_was_said(kind: str, size: int, n: int) -> None:
    x = numbers(kind, n)
    sketch = sketched(x, size)
    assert sketch.count == n
    assert sketch.error <= (max(0.0, math.log2(n / size)) + 1) / size
    assert max(off(x, sketch.quantile(level), level) for level in LEVELS) <= sketch.error + 1 / n


def test_the_error_is_not_said_too_large() -> None:
    x = numbers("rising", 60_000)
    worst = max(off(x, sketched(x, 16).quantile(level), level) for level in LEVELS)
    assert worst > 0.001  # so small a sketch does err,
    assert sketched(x, 16).error < 0.8  # and even so it says something


def test_a_sketch_that_drops_too_much_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test the tester: keep the lower half of a full buffer instead of every other number."""
    x = numbers("normal", 5_000)
    put = Sketch._put

    def wrong(self: Sketch, part: np.ndarray, level: int) -> None:
        put(self, np.sort(part)[: len(part)] - (0.1 if level else 0.0), level)

    monkeypatch.setattr(Sketch, "_put", wrong)
    sketch = sketched(x, 64)
    assert max(off(x, sketch.quantile(level), level) for level in LEVELS) > sketch.error


def test_a_full_buffer_is_not_an_error() -> None:
    sketch = sketched(numbers("normal", 63), 64)
    assert sketch.error == 0
    assert sketch.quantile(0.5) == np.sort(numbers("normal", 63))[31]


@pytest.mark.parametrize(
    "x",
    [
        np.random.default_rng(0).normal(1e6, 1, 3_000),
        np.random.default_rng(0).normal(0, 1e200, 3_000),  # whose squares overflow
        np.array([1.0, 2.0, 1e300, 4.0] * 500),
        np.full(3_000, 0.1),
    ],
)
def test_the_scale_of_pieces_is_that_of_the_whole(x: np.ndarray) -> None:
    summary = Summary(100)
    for part in np.array_split(x, 41):
        summary.add(part)
    scale, whole = summary.scale(), Scale.of(x)
    assert scale.center == pytest.approx(whole.center, rel=1e-12)
    assert scale.spread == pytest.approx(whole.spread, rel=1e-8)
    assert off(x, scale.fill, 0.5) <= summary.error + 1 / len(x)
    assert (summary.count, summary.low, summary.high) == (len(x), x.min(), x.max())


def test_what_is_held_has_the_very_scale() -> None:
    x = np.random.default_rng(0).normal(size=1_000)
    summary = Summary(1_000)
    for part in np.array_split(x, 7):
        summary.add(part)
    assert summary.scale() == Scale.of(x)
    assert summary.error == 0
