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


@dataclass(frozen=True)
class Stage:
    """The numbers that a network has at one point on the way, drawn as a column of circles.

    Attributes:
        name: under the lecture's number, as "z_3 = x".
        units: the names of all m of them.
        values: (m,), what fills the circles; nan where nothing does.
    """

    name: str
    units: tuple[str, ...]
    values: Numbers


@dataclass(frozen=True)
class Diagram:
    """A network as circles and lines.

    Attributes:
        title: what stands above.
        stages: from the input to the output, one more than there are layers.
        weights: the matrices W from input to output, (d, e) each.
        filled: what the values of the stages are, as "bias b".
    """

    title: str
    stages: tuple[Stage, ...]
    weights: tuple[Numbers, ...]
    filled: str


@dataclass(frozen=True)
class UnitMaps:
    """What each unit of a layer gives over a plane's grid.

    Attributes:
        name: the layer, as "layer 2: z_2 = ReLU(u_3)".
        units: the names of the units that are shown.
        z: (units, rows, columns), their outputs.
        u: (units, rows, columns), the same before φ; the line is where it is 0. None where a line
            at 0 means nothing, as under softmax.
        left_out: how many units of the layer are not shown.
        cut: how many of those shown stand before what is left out.
    """

    name: str
    units: tuple[str, ...]
    z: Numbers
    u: Numbers | None
    left_out: int = 0
    cut: int = 0


@dataclass(frozen=True)
class Bend:
    """The data and a grid of lines, as they are after some layers.

    Attributes:
        name: as "z_2 = ReLU(u_3)".
        note: a few words below, as "2 of 64 dimensions, 93 % of the variance".
        axes: the names of the two axes.
        points: (n, 2).
        lines: (k, m, 2), k lines of m points: the first half of them were upright in the input,
            the others level.
        borders: the straight lines on which the output's decision changes, (2, 2) each: from, to.
    """

    name: str
    note: str
    axes: tuple[str, str]
    points: Numbers
    lines: Numbers
    borders: tuple[Numbers, ...] = ()


@dataclass(frozen=True)
class Bars:
    """Numbers that belong to names, drawn as bars.

    Attributes:
        title: what stands above.
        label: what the numbers are.
        names: (m,).
        values: (m,).
        total: what they add up to, in words; nothing where that says nothing.
    """

    title: str
    label: str
    names: tuple[str, ...]
    values: Numbers
    total: str = ""


@dataclass(frozen=True)
class UnitSight:
    """What one unit sees.

    Attributes:
        title: what stands above.
        weights: those that lead to it, by name.
        image: (height, width), the same weights where the input is an image; nan where a pixel
            has none. None where it is not.
        u: (n,), what it gets from each row before φ.
        values: (n,), the number of each row's class; all 0 where there are no classes.
        classes: the names of the classes; empty where there are none.
        fires: on which share of the rows it fires, in words: first of all rows, then of those of
            each class.
        plane: where `map` is; None without one.
        map: what the unit gives over the plane.
        note: what else there is to say of the weights, as "b = 0.5".
    """

    title: str
    weights: Bars
    image: Numbers | None
    u: Numbers
    values: Numbers
    classes: tuple[str, ...]
    fires: tuple[str, ...]
    plane: Plane | None = None
    map: UnitMaps | None = None
    note: str = ""


@dataclass(frozen=True)
class ActivationCurve:
    """An activation that works number by number, and its derivative.

    Attributes:
        title: what stands above.
        u: (n,), ascending.
        z, slope: (n,), φ(u) and φ′(u); nan where there is a jump.
        limits: finite values that φ comes near to, or reaches, far from 0.
        jumps: where φ′ jumps: u, the value it takes there, and the one it comes near to and does not.
    """

    title: str
    u: Numbers
    z: Numbers
    slope: Numbers
    limits: tuple[float, ...] = ()
    jumps: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class SharesCurve:
    """An activation of several numbers at once, which shares out 1 among them.

    Attributes:
        title: what stands above.
        u: (n,), the first of its inputs.
        others: the other inputs, which stay.
        z: (n, m), the outputs.
        at: the inputs (m,) at which the Jacobian is shown.
        jacobian: (m, m), row j the derivatives of output j.
    """

    title: str
    u: Numbers
    others: tuple[float, ...]
    z: Numbers
    at: tuple[float, ...]
    jacobian: Numbers


@dataclass(frozen=True)
class Tries:
    """The losses that trials reached, one after the other.

    Attributes:
        numbers: of the trials, (n,), ascending.
        losses: (n,).
        finished: which came to their end, (n,); the others were stopped.
    """

    numbers: Numbers
    losses: Numbers
    finished: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """The losses of trials over one of their settings.

    Attributes:
        name: of the setting.
        places: its values, (n,); the numbers of its choices where it has any.
        losses: (n,).
        finished: which trials came to their end, (n,).
        choices: in words; empty for a range.
        log: whether the axis is logarithmic.
    """

    name: str
    places: Numbers
    losses: Numbers
    finished: npt.NDArray[np.bool_]
    choices: tuple[str, ...] = ()
    log: bool = False
