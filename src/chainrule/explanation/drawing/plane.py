"""The plane in which networks are looked at: two columns, or two principal components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.activations import get as get_activation
from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.explanation.subject import Subject
from chainrule.tables import Table
from chainrule.tables.features import Number
from chainrule.views.data import Numbers, Plane, Region

GRID, SHOWN, MARGIN = 100, 300, 0.08  # points along an axis; data points shown; space around them


@dataclass(frozen=True)
class Lookout:
    """A plane through the rows of a subject.

    Attributes:
        plane: its grid, and the data points in it; their values are nan where no target is known.
        X: (GRID², d), what a network takes at each point of the grid.
        shown: (n,), the indices of the rows that are shown.
    """

    plane: Plane
    X: Array
    shown: npt.NDArray[np.int64]

    def region(self, subject: Subject, name: str, note: str = "") -> Region:
        """What the subject's network says in the plane.

        Raises:
            InvalidValue: it says more than one thing at once.
        """
        said = answers(subject, self.X)
        shape = len(self.plane.y), len(self.plane.x)
        if not subject.classes:
            return Region(name, said.reshape(shape), np.zeros(len(self.shown), bool), note)
        classes = most_probable(answers(subject, subject.X[self.shown]))
        wrong = (classes != self.plane.values) & ~np.isnan(self.plane.values)
        values = said[:, 1] if said.shape[1] == 2 else most_probable(said)
        return Region(name, values.reshape(shape), wrong, note)


def look(subject: Subject) -> Lookout | None:
    """The plane of a subject's rows; None where they have one number only.

    Raises:
        InvalidValue: there is one row only.
    """
    X = subject.X.astype(np.float64)
    if X.shape[1] < 2:
        return None
    if len(X) < 2:
        raise InvalidValue("a plane goes through the data, and they are one row: give more")
    shown = np.unique(np.linspace(0, len(X) - 1, min(len(X), SHOWN)).astype(np.int64))
    axes, locate, place = _columns(subject, X) or components(X)
    points = locate(X)[shown]
    x, y = axis(points[:, 0], GRID), axis(points[:, 1], GRID)
    grid = np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)
    plane = Plane(axes, x, y, points, _targets(subject)[shown], subject.classes)
    return Lookout(plane, place(grid).astype(subject.X.dtype), shown)


def answers(subject: Subject, X: Array) -> Numbers:
    """What the subject's network answers to rows.

    Args:
        subject: its network, and what its outputs mean.
        X: (n, d).

    Returns:
        (n, classes), the probabilities; or (n,), numbers in the target's own unit. What is not
        finite stays so.

    Raises:
        InvalidValue: the network gives several numbers, and they are no classes.
    """
    network = subject.network
    with np.errstate(all="ignore"):
        z = network(X).astype(np.float64)
        link = losses.get(subject.loss).link
        if link is not None and network.activations[-1] != link:
            z = np.asarray(get_activation(link).value(z), np.float64)
    if subject.classes:
        return np.hstack([1 - z, z]) if z.shape[1] == 1 else z
    if z.shape[1] > 1:
        raise InvalidValue(
            f"the network gives {z.shape[1]} numbers that are no classes: it has no one answer"
        )
    return np.asarray(subject.mean + subject.spread * z[:, 0])


def most_probable(p: Numbers) -> Numbers:
    """Of probabilities (n, classes) the number of the largest, (n,); nan where there is none."""
    return np.where(np.isnan(p).any(axis=1), np.nan, p.argmax(axis=1))


Locate = Callable[[Numbers], Numbers]  # from rows (n, d) to points (n, 2)
Place = Callable[[Numbers], Array]  # and from points to rows
Way = tuple[tuple[str, str], Locate, Place]


def _columns(subject: Subject, X: Numbers) -> Way | None:
    """The two columns themselves, in their own units; None where there are not two of numbers."""
    if X.shape[1] != 2:
        return None
    first, second = subject.inputs
    encoder = subject.encoder
    if encoder is None:
        return (first, second), lambda rows: rows, lambda grid: grid
    features = [feature for feature in encoder.features if feature.names]
    scales = [each.scale for each in features if isinstance(each, Number) and each.kind == "number"]
    if encoder.feature_names != list(encoder.kinds) or len(scales) != 2:
        return None
    center, spread = (
        np.array([getattr(scale, part) for scale in scales]) for part in ("center", "spread")
    )

    def place(grid: Numbers) -> Array:
        return encoder.transform(Table({first: grid[:, 0], second: grid[:, 1]}), "float64")

    return (first, second), lambda rows: center + spread * rows, place


def components(X: Numbers) -> Way:
    """The plane through the mean that the data vary most in (Pearson 1901): its axes, and the ways there and back."""
    mean = X.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(X, rowvar=False))
    V = directions[:, [-1, -2]]  # (d, 2)
    V = V * np.sign(V[np.abs(V).argmax(axis=0), [0, 1]])  # the sign is a matter of taste
    shares = variances[[-1, -2]] / (variances.sum() or 1.0)
    axes = tuple(f"component {i + 1}, {100 * share:.0f} %" for i, share in enumerate(shares))
    return (axes[0], axes[1]), lambda rows: (rows - mean) @ V, lambda grid: mean + grid @ V.T


def axis(values: Numbers, count: int) -> Numbers:
    """So many places, evenly from a little before the lowest value to a little beyond the highest."""
    low, high = values.min(), values.max()
    space = MARGIN * (high - low) or MARGIN * (abs(low) or 1.0)
    return np.linspace(low - space, high + space, count)


def _targets(subject: Subject) -> Numbers:
    """The number of each row's class, or its target in its own unit; nan where it is not known."""
    if subject.t is None or subject.t.shape[1] > 1:
        return np.full(len(subject), np.nan)
    return np.asarray(subject.mean + subject.spread * subject.t[:, 0].astype(np.float64))
