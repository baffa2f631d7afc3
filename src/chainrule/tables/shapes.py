"""Points in the plane, in classes that no line tells apart: drawn by NumPy alone, from a seed."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.chance import Stream, key, permutation, uniform
from chainrule.elementary import cos_turns, normal, sin_turns
from chainrule.tables.table import Table

Numbers: TypeAlias = npt.NDArray[np.float64]

# What the points of a shape are drawn for: the word after the stream's.
_NORMAL, _ORDER, _PLACE = range(3)


def moons(rows: int, noise: float, seed: int) -> Table:
    """Two half circles, each reaching into the other: scikit-learn's make_moons, as the lecture
    uses it.

    (cos t, sin t) and (1 − cos t, ½ − sin t), t evenly from 0 to π, with normal noise added; in a
    random order.
    """
    outer, inner = np.linspace(0, 0.5, rows // 2), np.linspace(0, 0.5, rows - rows // 2)
    (x, y), (u, v) = _circle(outer), _circle(inner)
    arcs = [_points(x, y), _points(1 - u, 0.5 - v)]
    return _shuffled(arcs, noise, seed)


def circles(rows: int, noise: float, seed: int) -> Table:
    """A circle of radius ½ in one of radius 1, with normal noise added."""
    outer, inner = _turn(rows // 2), _turn(rows - rows // 2)
    rings = [_points(*_circle(outer)), _points(*_circle(inner)) / 2]
    return _shuffled(rings, noise, seed)


def spirals(rows: int, noise: float, seed: int) -> Table:
    """Two arms of a spiral, each of 1½ turns: radius from 0.05 to 1, plus a tenth of the noise."""
    arms = []
    for count, start in ((rows // 2, 0.0), (rows - rows // 2, 0.5)):
        radius = np.linspace(0.05, 1, count)
        x, y = _circle(start + 1.5 * radius)
        arms.append(_points(radius * x, radius * y))
    return _shuffled(arms, noise / 10, seed)


def blobs(rows: int, noise: float, seed: int) -> Table:
    """Three clouds around the corners of a triangle, with ten times the noise."""
    corners = 2.5 * _points(*_circle(0.25 + np.arange(3) / 3))
    counts = [(rows + c) // 3 for c in range(3)]
    return _shuffled(
        [np.tile(corner, (n, 1)) for corner, n in zip(corners, counts, strict=True)],
        10 * noise,
        seed,
    )


def xor(rows: int, noise: float, seed: int) -> Table:
    """Points of the square from −1 to 1; class 1 where the signs differ before the noise is added."""
    points = 2 * uniform(2 * rows, key(seed, Stream.POINTS, _PLACE)).reshape(rows, 2) - 1
    signs = points[:, 0] * points[:, 1] < 0
    return _shuffled([points[~signs], points[signs]], noise, seed)


def _turn(count: int) -> Numbers:
    return np.linspace(0, 1, count, endpoint=False)


def _circle(turns: Numbers) -> tuple[Numbers, Numbers]:
    return cos_turns(turns), sin_turns(turns)


def _points(x: Numbers, y: Numbers) -> Numbers:
    return np.stack([x, y], axis=1)  # (n, 2)


def _shuffled(parts: list[Numbers], noise: float, seed: int) -> Table:
    """The parts as classes 0, 1, …, with noise of that standard deviation, in a random order."""
    points = np.concatenate(parts)
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    drawn = normal(uniform(2 * points.size, key(seed, Stream.POINTS, _NORMAL)))
    points = points + noise * drawn.reshape(points.shape)
    order = permutation(len(points), key(seed, Stream.POINTS, _ORDER))
    return Table(
        {"x1": points[order, 0], "x2": points[order, 1], "class": labels[order].astype(np.float64)}
    )
