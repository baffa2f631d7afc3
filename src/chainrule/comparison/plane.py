"""The plane in which the trained networks are looked at: two columns, or two principal components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array, DType
from chainrule.engines.native_engine import predictor
from chainrule.network import Network
from chainrule.tables import Kind, Table
from chainrule.training.problem import Problem
from chainrule.views.data import Numbers, Plane, Region

GRID, SHOWN, MARGIN = 100, 300, 0.08  # points along an axis; data points shown; space around them


@dataclass(frozen=True)
class Lookout:
    """A plane through the data of a problem.

    Attributes:
        plane: its grid and the data points in it.
        X: (GRID², d), what a network takes at each point of the grid.
        shown: (n,), the numbers of the rows that are shown.
    """

    plane: Plane
    X: Array
    shown: npt.NDArray[np.int64]

    def region(self, problem: Problem, network: Network, name: str, note: str = "") -> Region:
        """What a network says in the plane."""
        predict = predictor(network, 1)
        z = _said(problem, predict(self.X), probability=True)
        right = _said(problem, predict(problem.X[self.shown]), probability=False)
        classes = bool(problem.target.classes)
        wrong = (right != problem.y[self.shown]) & classes
        return Region(name, z.reshape(len(self.plane.y), len(self.plane.x)), wrong, note)


def look(problem: Problem) -> Lookout | None:
    """The plane of a problem; None where its rows have one number only."""
    X = problem.X.astype(np.float64)
    shown = np.unique(np.linspace(0, len(X) - 1, min(len(X), SHOWN)).astype(np.int64))
    plane: tuple[tuple[str, str], Numbers, Callable[[Numbers], Array]]
    if X.shape[1] < 2:
        return None
    kinds = problem.encoder.kinds
    if X.shape[1] == 2 and list(kinds.values()) == ["number", "number"]:
        plane = _columns(problem, kinds)
    else:
        plane = _components(X, problem.X.dtype)
    axes, points, place = plane
    points = points[shown]
    x, y = _axis(points[:, 0]), _axis(points[:, 1])
    grid = np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)
    values = (
        problem.target.decode(problem.y[shown]) if not problem.target.classes else problem.y[shown]
    )
    names = tuple(str(label) for label in problem.target.classes)
    drawn = Plane(axes, x, y, points, np.asarray(values, np.float64), names)
    return Lookout(drawn, place(grid), shown)


def _columns(
    problem: Problem, kinds: dict[str, Kind]
) -> tuple[tuple[str, str], Numbers, Callable[[Numbers], Array]]:
    """The two columns themselves, in their own units."""
    first, second = kinds
    table, encoder = problem.learn.features, problem.encoder
    points = np.stack([np.asarray(table[name], np.float64) for name in kinds], axis=1)
    dtype: DType = "float64" if problem.X.dtype == "float64" else "float32"

    def place(grid: Numbers) -> Array:
        return encoder.transform(Table({first: grid[:, 0], second: grid[:, 1]}), dtype)

    return (first, second), points, place


def _components(
    X: Numbers, dtype: np.dtype[np.floating]
) -> tuple[tuple[str, str], Numbers, Callable[[Numbers], Array]]:
    """The plane through the mean that the data vary most in (Pearson 1901)."""
    mean = X.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(X, rowvar=False))
    V = directions[:, [-1, -2]]  # (d, 2)
    V = V * np.sign(V[np.abs(V).argmax(axis=0), [0, 1]])  # the sign is a matter of taste
    shares = variances[[-1, -2]] / variances.sum()
    axes = tuple(f"component {i + 1}, {100 * share:.0f} %" for i, share in enumerate(shares))
    return (axes[0], axes[1]), (X - mean) @ V, lambda grid: (mean + grid @ V.T).astype(dtype)


def _axis(values: Numbers) -> Numbers:
    low, high = np.nanmin(values), np.nanmax(values)
    space = MARGIN * (high - low)
    return np.linspace(low - space, high + space, GRID)


def _said(problem: Problem, z: Array, probability: bool) -> Numbers:
    """Of outputs (n, k): the class, or the second one's probability where that is asked for; or the number."""
    if not problem.target.classes:
        return np.asarray(problem.target.decode(z[:, 0]), np.float64)
    if z.shape[1] == 1:
        return np.asarray(z[:, 0] if probability else z[:, 0] > 0.5, np.float64)
    return np.asarray(z.argmax(axis=1), np.float64)
