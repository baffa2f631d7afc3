"""Ways: where optimizers went on a surface, and what they had reached after each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.views.data import Numbers, Path, Surface
from chainrule.views.numbers import finite, first, settles
from chainrule.views.pens import Pen, pens
from chainrule.views.pictures.look import (
    ROW,
    TITLE,
    Look,
    count_x,
    cross_entry,
    draw_cross,
    draw_line,
    look,
    name_axes,
    name_optimizers,
    new_figure,
    set_scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chainrule.views.pictures.look import Entry


def trajectories(surface: Surface, paths: Sequence[Path], title: str, size: str = "page") -> Figure:
    """Where optimizers went on a surface, and the value that they had reached after each step.

    Args:
        surface: drawn as contour lines, each a constant factor above the one before.
        paths: one for each optimizer; a single one is drawn larger, without a legend.
        title: stands above.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes, strokes = look(size), pens(path.name for path in paths)
    alone = len(paths) == 1
    width, height = sizes.width, max(ROW, sizes.lines(len(strokes) + 6)) + TITLE
    if alone and sizes.height is None:
        width, height = 6.0, 3.0
    figure = new_figure(width, sizes.height or height, title, sizes)
    plan, fall = figure.subplots(1, 2)
    _contours(plan, surface, sizes)
    reached = _reached(paths)
    set_scale(fall, [values for values in reached if settles(values)], reached)
    for k, (path, values) in enumerate(zip(paths, reached, strict=True)):
        steps = np.arange(float(values.size))
        _path(plan, path, strokes[path.name], sizes)
        draw_line(fall, steps, values, strokes[path.name], sizes, k / len(paths))
        _stop(fall, steps, values, strokes[path.name], sizes)
    _landmarks(plan, surface, paths, sizes)
    name_axes(fall, sizes, "step", "value")
    count_x(fall)
    if not alone:
        rates = {path.name: path.rate for path in paths}
        name_optimizers(fall, strokes, rates, _path_entries(paths, sizes), sizes)
    return figure


def _stop(ax: Axes, x: Numbers, y: Numbers, pen: Pen, sizes: Look) -> None:
    """A × at the last value that is there, if it is not the last of all."""
    alive = np.flatnonzero(np.isfinite(y))
    if alive.size and alive[-1] + 1 < y.size:
        draw_cross(ax, x[alive[-1:]], y[alive[-1:]], pen, 2 * sizes.mark)


def _reached(paths: Sequence[Path]) -> list[Numbers]:
    """The values of each path, not below what double precision tells from 0."""
    start = max((float(first(path.values).max(initial=0.0)) for path in paths), default=0.0)
    return [np.maximum(finite(path.values), start * np.finfo(np.float64).eps) for path in paths]


def _contours(ax: Axes, surface: Surface, sizes: Look) -> None:
    """Lines of equal value on a ground that darkens with it."""
    positive = surface.values[surface.values > 0]
    levels = np.geomspace(np.quantile(positive, 0.005), positive.max(), 12)
    greys = [str(grey) for grey in np.linspace(1.0, 0.86, levels.size)]
    ground = (surface.x, surface.y, surface.values, levels)
    ax.contourf(*ground, colors=greys, extend="min").set_rasterized(True)
    ax.contour(*ground, colors="0.6", linewidths=0.4)
    ax.set(xlim=surface.x[[0, -1]], ylim=surface.y[[0, -1]])
    words = f"{surface.name}:   ○ start   ☆ minimum"
    ax.set_title(words, fontsize=sizes.small, parse_math=False)
    ax.tick_params(labelsize=sizes.small)


def _path(ax: Axes, path: Path, pen: Pen, sizes: Look) -> None:
    """The way on the plane, until it ends or leaves for good; a × where it does if it diverged."""
    low, high = np.transpose([ax.get_xlim(), ax.get_ylim()])  # (2,), (2,)
    inside = ((path.points >= low) & (path.points <= high)).all(axis=1)
    seen = path.points[: int(np.flatnonzero(inside).max(initial=0)) + 2]
    alive = np.clip(seen[np.isfinite(seen).all(axis=1)], 10 * low - 9 * high, 10 * high - 9 * low)
    keywords = pen.keywords() | {"markersize": 0.7 * sizes.mark}
    x, y = alive.T
    ax.plot(x, y, **keywords, linewidth=sizes.line, markevery=max(1, len(alive) // 30))
    if not np.isfinite(path.points).all():
        x, y = np.clip(alive[-1:], low, high).T
        draw_cross(ax, x, y, pen, 2 * sizes.mark)


def _landmarks(ax: Axes, surface: Surface, paths: Sequence[Path], sizes: Look) -> None:
    """The minimum, and where the paths begin."""
    mark: dict[str, Any] = {
        "linestyle": "none",
        "color": "black",
        "markerfacecolor": "white",
        "zorder": 6,
    }
    ax.plot(*surface.minimum[:, np.newaxis], marker="*", markersize=3 * sizes.mark, **mark)
    for path in paths:
        ax.plot(*path.points[:1].T, marker="o", markersize=2 * sizes.mark, **mark)


def _path_entries(paths: Sequence[Path], sizes: Look) -> list[Entry]:
    """What × means, if there is one."""
    diverged = any(not np.isfinite(path.values).all() for path in paths)
    return [cross_entry("diverged", sizes)] if diverged else []
