"""What each unit gives over a plane: small panels, a row or more for each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Numbers, Plane, UnitMaps
from chainrule.views.layout import lowered
from chainrule.views.pictures.look import GREY, TITLE, Look, look, new_figure, wrapped
from chainrule.views.pictures.signs import signed_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_POINTS = 150  # of the data, drawn faintly
MOST_COLUMNS = {"page": 6, "slide": 10}
_SIDE_BY_SIDE = {"page": 3, "slide": 5}  # so few panels in all stand in one row
_SIDES = {"page": (1.0, 1.9), "slide": (1.0, 3.6)}  # inches: of a panel, the least and the largest
_TALLEST = 9.0  # inches: a picture on a page
_GAP = 0.14  # inches: between panels
_KEY = "Orange: z above 0. White: 0. Blue: below 0. Black line: u = 0. Dots: the data."


@dataclass(frozen=True)
class Arrangement:
    """Where panels stand.

    Attributes:
        together: whether the layers stand side by side; else one below the other.
        columns: the panels in a row of a layer, at most.
        side: of a panel, in inches.
    """

    together: bool
    columns: int
    side: float


def units(plane: Plane, maps: Sequence[UnitMaps], title: str, size: str = "page") -> Figure:
    """Draw what each unit gives: orange above 0, blue below, white at 0, a line where u is 0.

    Each layer has one scale of colours, up to its largest |z| in the plane.

    Args:
        plane: the grid and the data points.
        maps: a layer each, from input to output.
        title: stands above.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes, counts = look(size), [len(each.units) for each in maps]
    plan = arrangement(counts, size)
    widths, heights = _extents(counts, plan, sizes)
    whole = TITLE + sum(heights) + _foot(sizes)
    figure = new_figure(sizes.width, sizes.height or whole, title, sizes)
    # what is left stays empty at the right and at the bottom, not between the layers
    widths.append(max(0.01, sizes.width - sum(widths)))
    heights.append(max(0.01, (sizes.height or whole) - whole))
    parts = figure.subfigures(
        len(heights), len(widths), width_ratios=widths, height_ratios=heights, squeeze=False
    )[:-1, :-1].ravel()
    for part, each, width in zip(parts, maps, widths * len(maps), strict=False):
        _head(part, each, sizes, sizes.width if not plan.together else width)
        _layer(part, plane, each, plan, sizes)
    grey = "" if all(np.isfinite(each.z).all() for each in maps) else " Grey: not finite."
    key = wrapped(_KEY + grey, int(sizes.width * 72 / sizes.small / 0.55))
    words = figure.supxlabel(key, x=0.01, ha="left", fontsize=sizes.small, color=GREY)
    words.set_parse_math(False)
    return figure


def arrangement(counts: Sequence[int], size: str) -> Arrangement:
    """The one with the largest panels; of several layers each has one row, if it fits.

    Args:
        counts: the panels of each layer.
        size: "page" or "slide".
    """
    sizes, all_ = look(size), sum(counts)
    least, largest = _SIDES[size]
    room = (sizes.height or _TALLEST) - TITLE - _foot(sizes)
    if len(counts) > 1 and all_ <= _SIDE_BY_SIDE[size]:
        wide = sizes.width / all_ - 2 * _GAP
        return Arrangement(True, all_, min(largest, wide, room - _above(sizes, 2) - _name(sizes)))
    room -= len(counts) * _above(sizes, 1)

    def side(columns: int) -> float:
        rows = sum(math.ceil(count / columns) for count in counts)
        wide = sizes.width / columns - _GAP
        return max(least, min(largest, wide, room / rows - _name(sizes)))

    most = min(MOST_COLUMNS[size], max(counts))
    rows_each = len(counts) > 1 and max(counts) <= most  # a row for each layer reads best
    few = most if rows_each else 1
    columns = max(range(few, most + 1), key=lambda each: (side(each), each))
    return Arrangement(False, columns, side(columns))


def _extents(
    counts: Sequence[int], plan: Arrangement, sizes: Look
) -> tuple[list[float], list[float]]:
    """The widths of the columns of layers, and the heights of their rows, in inches."""
    if plan.together:
        height = _above(sizes, 2) + plan.side + _name(sizes)
        return [sizes.width * count / (sum(counts) + 0.02) for count in counts], [height]
    rows = [math.ceil(count / plan.columns) for count in counts]
    width = min(plan.columns, max(counts)) * (plan.side + _GAP)
    return [width], [_above(sizes, 1) + each * (plan.side + _name(sizes)) for each in rows]


def _above(sizes: Look, lines: int) -> float:
    """The height of a layer's heading, in inches."""
    return 1.35 * sizes.text / 72 * lines + 0.12


def _name(sizes: Look) -> float:
    """The height of a panel's name, with the white around it."""
    return sizes.lines(1) + 0.1


def _foot(sizes: Look) -> float:
    return sizes.lines(1) + 0.1


def unit_map(
    ax: Axes, plane: Plane, z: Numbers, u: Numbers | None, sizes: Look, top: float
) -> None:
    """What one unit gives, in colours that reach from −top to top."""
    ax.pcolormesh(
        plane.x, plane.y, np.ma.masked_invalid(z), cmap=signed_map(), vmin=-top, vmax=top,
        shading="nearest", rasterized=True,
    )  # fmt: skip
    if u is not None and _signs(u) == {-1, 1}:
        seen = np.ma.masked_invalid(u)
        ax.contour(plane.x, plane.y, seen, [0.0], colors="black", linewidths=0.7 * sizes.line)
    x, y = plane.points[:: math.ceil(len(plane.points) / MOST_POINTS)].T
    area = sizes.line * min(10.0, max(1.2, 120 / len(x)))
    ax.scatter(x, y, s=area, color="black", alpha=0.45, linewidths=0)
    ax.set(xlim=plane.x[[0, -1]], ylim=plane.y[[0, -1]], box_aspect=1)


def short(name: str, width: float, type_size: float) -> str:
    """The beginning of a name that is longer than so many inches."""
    letters = max(4, int(width * 72 / type_size / 0.58))
    return name if len(name) <= letters else name[: letters - 1] + "…"


def reach(z: Numbers) -> float:
    """The largest |z| that is finite; 1 where all are 0."""
    known = np.abs(z[np.isfinite(z)])
    return float(known.max(initial=0.0)) or 1.0


def _signs(u: Numbers) -> set[int]:
    """Which signs there are, of −1 and 1."""
    return {int(sign) for sign in np.unique(np.sign(u[np.isfinite(u)])) if sign}


def _head(part: SubFigure, maps: UnitMaps, sizes: Look, width: float) -> None:
    """Say which layer it is, how far its colours reach and what is left out."""
    words = f"{lowered(maps.name)}, |z| ≤ {reach(maps.z):.3g}{_left_out(maps)}"
    lines = wrapped(words, int(width * 72 / sizes.text / 0.55))
    part.suptitle(lines, x=0.01, ha="left", fontsize=sizes.text).set_parse_math(False)


def _layer(part: SubFigure, plane: Plane, maps: UnitMaps, plan: Arrangement, sizes: Look) -> None:
    """The panels of a layer, from the left."""
    columns = min(plan.columns, len(maps.units)) if plan.together else plan.columns
    grid = part.add_gridspec(math.ceil(len(maps.units) / columns), columns)
    for k, name in enumerate(maps.units):
        ax = part.add_subplot(grid[divmod(k, columns)])
        u = None if maps.u is None else maps.u[k]
        unit_map(ax, plane, maps.z[k], u, sizes, reach(maps.z))
        if u is not None and _signs(u) == {-1}:
            ax.text(
                0.04, 0.04, "u < 0", transform=ax.transAxes, fontsize=sizes.small, color=GREY
            )  # fmt: skip
        ax.set_title(
            short(name, plan.side, sizes.small), fontsize=sizes.small, parse_math=False, pad=2
        )
        ax.set(xticks=[], yticks=[], anchor="N")
        ax.spines[:].set_color(GREY)


def _left_out(maps: UnitMaps) -> str:
    """Which units are not shown: those between the first and the last."""
    if not maps.left_out:
        return ""
    if maps.left_out == 1:
        return f"; unit {maps.cut + 1} is not shown"
    return f"; units {maps.cut + 1} to {maps.cut + maps.left_out:,} are not shown"
