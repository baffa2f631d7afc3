"""What each unit gives over a plane: small panels, a row or more for each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Numbers, Plane, UnitMaps
from chainrule.views.layout import lowered
from chainrule.views.pictures.look import GREY, TITLE, Look, look, new_figure
from chainrule.views.pictures.signs import signed_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_POINTS = 150  # of the data, drawn faintly
PER_ROW = {"page": 6, "slide": 10}  # panels


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
    sizes = look(size)
    rows = [math.ceil(len(each.units) / PER_ROW[size]) for each in maps]
    side = (sizes.width - 0.4) / PER_ROW[size]
    if sizes.height is not None:
        room = sizes.height - TITLE - len(maps) * sizes.lines(1.8)
        side = min(side, room / sum(rows) - sizes.lines(1.5))
    heights = [count * (side + sizes.lines(1.5)) + sizes.lines(1.8) for count in rows]
    figure = new_figure(sizes.width, sizes.height or sum(heights) + TITLE, title, sizes)
    parts = figure.subfigures(len(maps), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, each, count in zip(parts, maps, rows, strict=True):
        _layer(part, plane, each, count, PER_ROW[size], sizes)
    return figure


def unit_map(
    ax: Axes, plane: Plane, z: Numbers, u: Numbers | None, sizes: Look, top: float
) -> None:
    """What one unit gives, in colours that reach from −top to top."""
    ax.pcolormesh(
        plane.x, plane.y, np.ma.masked_invalid(z), cmap=signed_map(), vmin=-top, vmax=top,
        shading="nearest", rasterized=True,
    )  # fmt: skip
    if u is not None and np.nanmin(u) < 0 < np.nanmax(u):
        ax.contour(plane.x, plane.y, u, [0.0], colors="black", linewidths=0.7 * sizes.line)
    step = max(1, len(plane.points) // MOST_POINTS)
    x, y = plane.points[::step].T
    ax.scatter(x, y, s=1.2 * sizes.line, color="black", alpha=0.45, linewidths=0)
    ax.set(xlim=plane.x[[0, -1]], ylim=plane.y[[0, -1]], box_aspect=1)


def reach(z: Numbers) -> float:
    """The largest |z| that is finite; 1 where all are 0."""
    known = np.abs(z[np.isfinite(z)])
    return float(known.max(initial=0.0)) or 1.0


def _layer(
    part: SubFigure, plane: Plane, maps: UnitMaps, rows: int, columns: int, sizes: Look
) -> None:
    left = f"; {maps.left_out:,} more units are not shown" if maps.left_out else ""
    top = reach(maps.z)
    words = f"{lowered(maps.name)}, |z| ≤ {top:.3g}{left}"
    part.suptitle(words, x=0.01, ha="left", fontsize=sizes.text).set_parse_math(False)
    grid = part.add_gridspec(rows, columns)
    for k, name in enumerate(maps.units):
        ax = part.add_subplot(grid[divmod(k, columns)])
        unit_map(ax, plane, maps.z[k], None if maps.u is None else maps.u[k], sizes, top)
        ax.set_title(name, fontsize=sizes.small, parse_math=False, pad=2)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(GREY)
