"""The plane as each layer bends it: grid lines and data points, layer after layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.views.data import Bend, Numbers, Plane
from chainrule.views.layout import lowered
from chainrule.views.pictures.look import (
    GREY,
    TITLE,
    Look,
    look,
    mark_sample,
    new_figure,
    wrapped,
    write_legend,
)
from chainrule.views.pictures.regions import class_edge, class_marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chainrule.views.pictures.look import Entry

PER_ROW = {"page": 3, "slide": 4}
_UPRIGHT, _LEVEL = "#9C6B00", "#4A7FA0"  # the two families of lines: darker than the points


def bending(plane: Plane, bends: Sequence[Bend], title: str, size: str = "page") -> Figure:
    """Draw the data and a grid of lines before the first layer and after each.

    Args:
        plane: whose classes or targets the points have.
        bends: from the input on.
        title: stands above.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    rows = math.ceil(len(bends) / PER_ROW[size])
    columns = math.ceil(len(bends) / rows)
    side = (sizes.width - 2.3) / columns  # beside them stands the legend
    height = sizes.height or TITLE + rows * (side + sizes.lines(5.5))
    figure = new_figure(sizes.width, height, title, sizes)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, bend in zip(axes, bends, strict=False):
        _panel(ax, plane, bend, sizes)
    for ax in axes[len(bends) :]:
        ax.set_axis_off()
    entries = _entries(plane, bends, sizes)
    if entries:
        write_legend(axes[columns - 1], entries, sizes, None)
    return figure


def _panel(ax: Axes, plane: Plane, bend: Bend, sizes: Look) -> None:
    from matplotlib.collections import LineCollection

    half = len(bend.lines) // 2
    for lines, colour in ((bend.lines[:half], _UPRIGHT), (bend.lines[half:], _LEVEL)):
        ax.add_collection(
            LineCollection(list(lines), colors=colour, linewidths=0.45 * sizes.line, alpha=0.7)
        )
    _points(ax, plane, bend.points, sizes)
    for border in bend.borders:
        ax.plot(*border.T, color="black", linewidth=1.2 * sizes.line, zorder=4)
    low, high = limits(bend)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), box_aspect=1)
    heading = "\n".join(wrapped(line, 30) for line in (lowered(bend.name), bend.note) if line)
    ax.set_title(heading, fontsize=sizes.small, parse_math=False)
    ax.set_xlabel(bend.axes[0], fontsize=sizes.small, parse_math=False)
    ax.set_ylabel(bend.axes[1], fontsize=sizes.small, parse_math=False)
    ax.tick_params(labelsize=0.85 * sizes.small, length=2)
    if not len(bend.lines) and plane.classes:  # a line of numbers: upwards stand the classes
        ax.set_yticks(range(len(plane.classes)), plane.classes)


def limits(bend: Bend) -> tuple[Numbers, Numbers]:
    """The least and the largest coordinates that are shown: of all points, and of the lines near by.

    A layer may throw the corners of the plane far away; the data are what is looked at.
    """
    low, high = np.nanmin(bend.points, axis=0), np.nanmax(bend.points, axis=0)
    span = np.where(high > low, high - low, 1.0)
    return low - 0.12 * span, high + 0.12 * span


def _points(ax: Axes, plane: Plane, points: Numbers, sizes: Look) -> None:
    side = sizes.mark * min(1.0, max(0.6, 12 / math.sqrt(len(points) + 1)))
    keywords: dict[str, Any] = {"s": side**2, "linewidths": 0.1 * side, "zorder": 3}
    for k, (colour, marker) in enumerate(class_marks(len(plane.classes))):
        x, y = points[plane.values == k].T
        ax.scatter(x, y, color=colour, marker=marker, edgecolors=class_edge(k), **keywords)
    if not plane.classes and np.isfinite(plane.values).any():
        x, y = points.T
        ax.scatter(x, y, c=plane.values, cmap="cividis", **keywords)
    else:
        x, y = points[np.isnan(plane.values)].T
        ax.scatter(x, y, color=GREY, **keywords)


def _entries(plane: Plane, bends: Sequence[Bend], sizes: Look) -> list[Entry]:
    """What the marks mean."""
    from matplotlib.lines import Line2D

    entries: list[Entry] = [
        (name, mark_sample(sizes, marker=marker, color=colour, markeredgecolor=class_edge(k)))
        for k, (name, (colour, marker)) in enumerate(
            zip(plane.classes, class_marks(len(plane.classes)), strict=True)
        )
    ]
    for word, colour in (
        (f"{plane.axes[0].split(', ')[0]} constant", _UPRIGHT),
        (f"{plane.axes[1].split(', ')[0]} constant", _LEVEL),
    ):
        entries.append((word, Line2D([], [], color=colour, linewidth=0.7 * sizes.line)))
    if any(bend.borders for bend in bends):
        line = Line2D([], [], color="black", linewidth=1.2 * sizes.line)
        entries.append(("probability ½", line))
    return entries
