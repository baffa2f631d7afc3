"""The plane that networks are seen in: which row stands at each of its points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.errors import InvalidValue, unknown
from chainrule.explanation.drawing.plane import axis, components
from chainrule.tables import Table
from chainrule.tables.kinds import Column, kind_of, missing
from chainrule.web import limits
from chainrule.web.experiment import View
from chainrule.web.scene import Scene

GRID, SMALL = 80, 24  # points along an axis: of a lane's picture, and of a unit's

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A plane through the rows of a scene.

    Attributes:
        axes: what its axes are.
        x, y: (GRID,), the places along them, upwards.
        place: from points in the plane, (m, 2), to rows that a network takes, (m, d).
        shown: the numbers, from 0, of the rows that are drawn.
        points: where these lie, (shown, 2).
        aside, aside_points: the same of the rows that validate.
        grid, small: (GRID², d) and (SMALL², d), the rows at the points of two grids, line by line.
    """

    axes: tuple[str, str]
    x: Numbers
    y: Numbers
    place: Callable[[Numbers], Array]
    shown: npt.NDArray[np.int64]
    points: Numbers
    aside: npt.NDArray[np.int64]
    aside_points: Numbers
    grid: Array
    small: Array

    @classmethod
    def of(cls, scene: Scene, view: View, before: Window | None = None) -> Window:
        """The plane that an experiment asks for.

        Args:
            scene: the rows.
            view: the plane.
            before: a window on the same plane whose ends are kept, so that a point lies where it lay.

        Raises:
            UnknownName: there is no such column.
            InvalidValue: a column of it holds no numbers.
        """
        axes, locate, place = _plane(scene, view)
        points = locate(scene.X, scene.features)
        shown, aside, aside_points = _some(len(points)), _some(0), np.empty((0, 2))
        if scene.validation is not None and scene.aside is not None:
            aside = _some(len(scene.aside))
            aside_points = locate(scene.validation[0], scene.aside)[aside]
        x, y = (before.x, before.y) if before else (axis(points[:, i], GRID) for i in (0, 1))
        ends = (x[0], x[-1]), (y[0], y[-1])
        return cls(
            axes=axes,
            x=x,
            y=y,
            place=place,
            shown=shown,
            points=points[shown],
            aside=aside,
            aside_points=aside_points,
            grid=place(_grid(ends, GRID)),
            small=place(_grid(ends, SMALL)),
        )


def held(scene: Scene, view: View) -> list[dict[str, Any]]:
    """The columns of numbers with their range, and where each is held beside the axes."""
    if scene.encoder is None:
        return []
    found = []
    for name in _numbers(scene):
        column = scene.features[name]
        known = column[~missing(column)]
        value = view.held.get(name, float(np.median(known)))
        found.append({"name": name, "low": float(known.min()), "high": float(known.max()), "value": value})  # fmt: skip
    return found


# The axes; from rows and the columns that they were made of to points, (n, 2); from points to rows.
Locate = Callable[[Array, Table], Numbers]
Plane = tuple[tuple[str, str], Locate, Callable[[Numbers], Array]]


def _some(count: int) -> npt.NDArray[np.int64]:
    """The numbers of the rows that are drawn of so many."""
    return np.unique(np.linspace(0, count - 1, min(count, limits.POINTS)).astype(np.int64))


def _plane(scene: Scene, view: View) -> Plane:
    """The axes, where rows lie, and what row a place stands for."""
    if scene.encoder is None:
        return ("x1", "x2"), lambda X, _: X.astype(np.float64), lambda at: at.astype(np.float32)
    numbers = _numbers(scene)
    for name in view.axes:
        if name not in numbers:
            raise unknown("column of numbers", name, numbers)
    if view.axes:
        return _columns(scene, view, (view.axes[0], view.axes[1]))
    if len(numbers) == 2 and len(scene.encoder.kinds) == 2:
        return _columns(scene, view, (numbers[0], numbers[1]))
    X = scene.X.astype(np.float64)
    if X.shape[1] == 1:
        return _line(scene)
    axes, locate, place = components(X)
    return (
        axes,
        lambda X, _: locate(X.astype(np.float64)),
        lambda at: np.ascontiguousarray(place(at), np.float32),
    )


def _line(scene: Scene) -> Plane:
    """One number only: it lies along the first axis, and the second says nothing."""

    def locate(X: Array, _: Table) -> Numbers:
        return np.column_stack([X[:, 0], np.zeros(len(X))]).astype(np.float64)

    return (scene.inputs[0], ""), locate, lambda at: np.ascontiguousarray(at[:, :1], np.float32)


def _columns(scene: Scene, view: View, axes: tuple[str, str]) -> Plane:
    """Two columns in their own unit, the others held."""
    encoder = scene.encoder
    assert encoder is not None
    typical = {name: _typical(scene.features[name]) for name in encoder.kinds}
    for name, value in view.held.items():
        if name not in _numbers(scene):
            raise unknown("column of numbers", name, _numbers(scene))
        typical[name] = value

    def locate(_: Array, features: Table) -> Numbers:
        return np.column_stack([_filled(features[name], typical[name]) for name in axes])

    def place(points: Numbers) -> Array:
        columns: dict[str, Column] = {}
        for name in encoder.kinds:
            own = scene.features[name]
            columns[name] = np.full(len(points), typical[name], dtype=own.dtype)
        columns |= {name: points[:, i] for i, name in enumerate(axes)}
        return encoder.transform(Table(columns), "float32")

    return axes, locate, place


def _filled(column: Column, value: float) -> Numbers:
    return np.where(np.isnan(column), value, column)


def _typical(column: Column) -> Any:
    """The median of numbers and dates, the most frequent of other values."""
    known = column[~missing(column)]
    if kind_of(column) in ("number", "date"):
        return np.sort(known)[len(known) // 2] if kind_of(column) == "date" else np.median(known)
    values, counts = np.unique(known.astype(str), return_counts=True)
    most = values[counts.argmax()]
    return next(value for value in known.tolist() if str(value) == most)


def _numbers(scene: Scene) -> list[str]:
    assert scene.encoder is not None
    return [name for name, kind in scene.encoder.kinds.items() if kind == "number"]


def _grid(ends: tuple[tuple[float, float], tuple[float, float]], count: int) -> Numbers:
    """Points of a grid, line by line from the top, as a picture is painted."""
    (left, right), (low, high) = ends
    x, y = np.linspace(left, right, count), np.linspace(high, low, count)
    return np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)


def point_of(at: Any) -> Numbers:
    """A point of the plane from the page, (1, 2).

    Raises:
        InvalidValue: it is no point.
    """
    if not isinstance(at, list) or len(at) != 2:
        raise InvalidValue("a point of the plane is two numbers")
    point = np.array([[float(v) if isinstance(v, (int, float)) else np.nan for v in at]])
    if not np.isfinite(point).all() or np.abs(point).max() > 1e9:
        raise InvalidValue("a point of the plane is two numbers")
    return point
