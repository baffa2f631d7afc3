"""What the pictures show, as plain arrays: no picture knows where its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The losses of one optimizer, epoch by epoch.

    Attributes:
        name: what it is called in the legend.
        losses: (repeats, epochs), the mean loss of each epoch; nan from where a run ended.
        rate: the learning rate, or None for an optimizer that finds its own.
    """

    name: str
    losses: Numbers
    rate: float | None = None


@dataclass(frozen=True)
class Search:
    """The loss that one optimizer reached with each learning rate that was tried.

    Attributes:
        name: of the optimizer.
        rates: (m,), ascending.
        losses: (m,); inf where training diverged.
        chosen: the rate that was taken, one of `rates`.
    """

    name: str
    rates: Numbers
    losses: Numbers
    chosen: float


@dataclass(frozen=True)
class Range:
    """One pass in which the learning rate grows with every step.

    Attributes:
        name: of the optimizer.
        rates: (steps,), ascending.
        losses: (steps,), of each step's batch, smoothed; nan from where it diverged.
        suggested: a rate to begin with, one of `rates`; None where no fall was seen.
    """

    name: str
    rates: Numbers
    losses: Numbers
    suggested: float | None


@dataclass(frozen=True)
class Plane:
    """A plane with data points in it, and the grid on which networks are looked at.

    Attributes:
        axes: the names of the two axes.
        x, y: the grid's coordinates, ascending, (columns,) and (rows,).
        points: (n, 2).
        values: (n,): the number of each point's class, or its target.
        classes: the names of the classes; empty where the target is a number.
    """

    axes: tuple[str, str]
    x: Numbers
    y: Numbers
    points: Numbers
    values: Numbers
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Region:
    """What one network says on the plane's grid.

    Attributes:
        name: what stands above it.
        values: (rows, columns): with two classes the probability of the second, with more the
            number of the most probable class, else the predicted number.
        wrong: (n,): which of the points it gets wrong; all False where the target is a number.
        note: a few words below the name, as "98.2 % right".
    """

    name: str
    values: Numbers
    wrong: npt.NDArray[np.bool_]
    note: str = ""


@dataclass(frozen=True)
class Surface:
    """A function of two variables.

    Attributes:
        name: what it is called.
        x, y: the grid's coordinates, (columns,) and (rows,).
        values: (rows, columns), 0 at the minimum.
        minimum: where it is, (2,).
    """

    name: str
    x: Numbers
    y: Numbers
    values: Numbers
    minimum: Numbers


@dataclass(frozen=True)
class Path:
    """Where an optimizer went on a surface.

    Attributes:
        name: of the optimizer.
        points: (steps + 1, 2), from the start on; nan after it diverged.
        values: (steps + 1,), the function there.
        rate: the learning rate, or None for an optimizer that finds its own.
    """

    name: str
    points: Numbers
    values: Numbers
    rate: float | None = None
