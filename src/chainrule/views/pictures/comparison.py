"""All of a comparison in one figure: losses, searches for learning rates, decision regions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.errors import InvalidValue
from chainrule.views.data import Curve, Plane, Region, Search
from chainrule.views.pens import pens
from chainrule.views.pictures.look import ROW, TITLE, Look, look, name_optimizers, new_figure
from chainrule.views.pictures.losses import curve_entries, loss_curves
from chainrule.views.pictures.rates import rate_search, search_entries
from chainrule.views.pictures.regions import regions

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def comparison(
    curves: Sequence[Curve],
    searches: Sequence[Search],
    plane: Plane | None,
    maps: Sequence[Region],
    title: str,
    size: str = "page",
) -> Figure:
    """Losses, learning-rate searches and decision regions, as far as there are any.

    Args:
        curves: the losses of every optimizer.
        searches: the learning rates tried; may be empty.
        plane: where the regions lie; None: no regions are drawn.
        maps: what the networks say there; may be empty.
        title: stands above all.
        size: "page", 7 inches wide, or "slide", 13.33 × 7.5 inches.

    Raises:
        InvalidValue: nothing to draw.
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    names = _names(curves, searches)
    heights = _heights(len(names), len(maps) if plane is not None else 0, sizes)
    if not heights:
        raise InvalidValue("there is nothing to compare: no curve, no search, no region")
    figure = new_figure(sizes.width, sizes.height or sum(heights) + TITLE, title, sizes)
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if names:
        _lines_row(parts[0], curves, searches, size)
    if plane is not None and maps:
        _regions_row(parts[-1], heights[-1], plane, maps, size)
    return figure


def _names(curves: Sequence[Curve], searches: Sequence[Search]) -> list[str]:
    """Each name once, in the order in which the optimizers first come."""
    return list(dict.fromkeys([*(c.name for c in curves), *(s.name for s in searches)]))


def _heights(names: int, panels: int, sizes: Look) -> list[float]:
    """The heights of the two rows of a comparison, as far as each has anything to show.

    A page grows with what stands on it; on a slide the upper row takes what the lower one leaves,
    but two fifths at least.
    """
    legend = sizes.lines(min(names + 4, sizes.entries + 1))
    upper = max(ROW, legend + sizes.lines(4))  # numbers and name of the axis are below
    lower = _lower(panels, sizes) if panels else 0.0
    if sizes.height is not None:
        room = sizes.height - TITLE
        upper = max(0.4 * room, upper, room - lower) if names else 0.0
        lower = room - upper
    return [*([upper] if names else []), *([lower] if panels else [])]


def _lower(panels: int, sizes: Look) -> float:
    """The height of the small panels with names and numbers."""
    rows, columns = _grid(panels, sizes)
    side = min(sizes.side, (sizes.width - 0.2 * sizes.text) / columns)
    return rows * (side + sizes.lines(3)) + sizes.lines(2)


def _grid(panels: int, sizes: Look) -> tuple[int, int]:
    """Rows and columns for so many small panels, the rows about equally full."""
    rows = math.ceil(panels / sizes.panels)
    return rows, math.ceil(panels / rows)


def _lines_row(
    part: SubFigure, curves: Sequence[Curve], searches: Sequence[Search], size: str
) -> None:
    """Losses and searches side by side, and one legend for both."""
    strokes = pens(_names(curves, searches))
    axes = list(part.subplots(1, bool(curves) + bool(searches), squeeze=False)[0])
    if curves:
        loss_curves(axes[0], curves, strokes=strokes, size=size, legend=False)
    if searches:
        rate_search(axes[-1], searches, strokes=strokes, size=size, legend=False)
    rates = {each.name: each.chosen for each in searches} | {c.name: c.rate for c in curves}
    entries = [*curve_entries(curves, look(size)), *search_entries(searches, look(size))]
    name_optimizers(axes[-1], strokes, rates, entries, look(size))


def _regions_row(
    part: SubFigure, height: float, plane: Plane, maps: Sequence[Region], size: str
) -> None:
    """Small squares from the left; as many columns as keep their distance small."""
    sizes = look(size)
    rows, columns = _grid(len(maps), sizes)
    side = min(sizes.side, height / rows - sizes.lines(4))
    columns = max(columns, int((sizes.width - 1.5) / (side + 0.3)))
    grid = part.add_gridspec(rows, columns)
    per_row = _grid(len(maps), sizes)[1]
    axes = [part.add_subplot(grid[divmod(k, per_row)]) for k in range(len(maps))]
    regions(axes, plane, maps, size=size)
