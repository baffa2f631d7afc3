"""The data that come with the library, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from chainrule.errors import InvalidValue, unknown
from chainrule.tables import shapes
from chainrule.tables.kinds import Column
from chainrule.tables.table import Table

# Drawn at will; the others are shipped as they are.
SHAPES: dict[str, Callable[[int, float, int], Table]] = {
    "moons": shapes.moons,
    "circles": shapes.circles,
    "spirals": shapes.spirals,
    "blobs": shapes.blobs,
    "xor": shapes.xor,
}
_SHIPPED = {
    "iris": "load_iris",
    "wine": "load_wine",
    "breast-cancer": "load_breast_cancer",
    "digits": "load_digits",
    "diabetes": "load_diabetes",
}
_TARGETS = {
    "iris": "species",
    "breast-cancer": "diagnosis",
    "digits": "digit",
    "diabetes": "progression",
}

BUILTIN: MappingProxyType[str, str] = MappingProxyType(
    {
        "moons": "two half circles, each reaching into the other",
        "circles": "a circle in a circle",
        "spirals": "two arms of a spiral",
        "blobs": "three clouds",
        "xor": "a square whose opposite corners belong together",
        "iris": "150 flowers of three species",
        "wine": "178 wines from three growers",
        "breast-cancer": "569 tumours, malignant or benign",
        "digits": "1,797 handwritten digits of 8×8 pixels",
        "diabetes": "442 patients and the progression of their illness in a year (regression)",
    }
)


def is_builtin(name: str) -> bool:
    """Whether the name means a built-in table; a file of that name comes first."""
    return name in BUILTIN and not Path(name).exists()


def builtin(name: str, rows: int = 500, noise: float = 0.1, seed: int = 0) -> Table:
    """A built-in table; its last column is the target.

    The shapes (moons, circles, spirals, blobs, xor) are drawn by NumPy alone and have the columns
    x1, x2 and class. The others are scikit-learn's.

    Args:
        name: one of BUILTIN.
        rows: how many points a shape has, at least 2.
        noise: the standard deviation of a shape's noise, not negative.
        seed: which points are drawn.

    Raises:
        UnknownName: there is no such table.
        InvalidValue: rows or noise is out of range.
    """
    if name in _SHIPPED:
        return _shipped(name)
    if name not in SHAPES:
        raise unknown("built-in table", name, BUILTIN)
    if rows < 2 or not 0 <= noise < np.inf:
        raise InvalidValue(
            f"a shape has at least 2 rows and noise that is not negative, got {rows} and {noise}"
        )
    return SHAPES[name](rows, noise, seed)


def _shipped(name: str) -> Table:
    from sklearn import datasets

    data: Any = getattr(datasets, _SHIPPED[name])()
    columns = {str(feature): data.data[:, j] for j, feature in enumerate(data.feature_names)}
    return Table({**columns, _TARGETS.get(name, "class"): _target(data)})


def _target(data: Any) -> Column:
    """The names of the classes where they have some; else numbers."""
    names = np.asarray(getattr(data, "target_names", ()))
    if names.dtype.kind == "U":
        return cast(Column, names.astype(object)[data.target])
    return np.asarray(data.target, dtype=np.float64)
