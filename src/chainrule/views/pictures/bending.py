"""The plane as each layer bends it: grid lines and data points, layer after layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.views.data import Bend, Numbers, Plane
from chainrule.views.layout import lowered, signed
from chainrule.views.pictures.look import (
    GREY,
    TITLE,
    Look,
    look,
    mark_sample,
    new_figure,
    wrapped,
)
from chainrule.views.pictures.regions import class_edge, class_marks
from chainrule.views.pictures.units import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chainrule.views.pictures.look import Entry

_UPRIGHT, _LEVEL = "#9C6B00", "#4A7FA0"  # the two families of lines: darker than the points
_LARGEST = {"page": 2.6, "slide": 4.8}  # inches: the side of a panel
_MOST_NAMES = 6  # of classes at an axis
_FEW = 20  # points that need not be drawn apart
_LETTER = 0.6  # the width of a letter, in sizes of type


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
    sizes, entries = look(size), _entries(plane, bends, look(size))
    keys = _key_columns(entries, sizes)
    below = sizes.lines(1.1 * math.ceil(len(entries) / keys) + 1)
    columns, side = _arrangement(len(bends), below, size)
    rows = math.ceil(len(bends) / columns)
    height = sizes.height or TITLE + rows * (side + _around(sizes)) + below
    figure = new_figure(sizes.width, height, title, sizes)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    letters = int(0.93 * sizes.width / columns * 72 / sizes.small / 0.55)
    for ax, bend in zip(axes, bends, strict=False):
        _panel(ax, plane, bend, (side, letters), sizes)
    for ax in axes[len(bends) :]:
        ax.set_axis_off()
    _write_key(figure, entries, keys, sizes)
    return figure


def _arrangement(count: int, below: float, size: str) -> tuple[int, float]:
    """The number of columns with which the panels are largest, and how long their sides are."""
    sizes = look(size)

    def side(columns: int) -> float:
        wide = sizes.width / columns - sizes.lines(3.6)  # beside each panel stand its numbers
        if sizes.height is None:
            return min(wide, _LARGEST[size])
        room = (sizes.height - TITLE - below) / math.ceil(count / columns)
        return min(wide, room - _around(sizes), _LARGEST[size])

    if sizes.height is None:  # a page has room downwards
        columns = 2 if count in (2, 4) else min(count, 3)
    else:
        columns = max(range(1, count + 1), key=lambda each: (side(each), -each))
    return columns, side(columns)


def _around(sizes: Look) -> float:
    """The height of what is written above and below a panel, in inches."""
    return sizes.lines(5.2)


def _panel(ax: Axes, plane: Plane, bend: Bend, room: tuple[float, int], sizes: Look) -> None:
    """Draw one; there is room for a panel of this side, and for a heading of so many letters."""
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    side, letters = room
    half = len(bend.lines) // 2
    for lines, colour in ((bend.lines[:half], _UPRIGHT), (bend.lines[half:], _LEVEL)):
        ax.add_collection(
            LineCollection(list(lines), colors=colour, linewidths=0.45 * sizes.line, alpha=0.7)
        )
    _points(ax, plane, bend, sizes)
    for border in bend.borders:
        ax.plot(*border.T, color="black", linewidth=1.2 * sizes.line, zorder=4)
    stacked = _stacked(plane, bend)
    low, high = limits(bend, stacked)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), box_aspect=1)
    note = bend.note if len(bend.note) <= letters else bend.note.replace(", ", ",\n")
    heading = [wrapped(line, letters) for line in (lowered(bend.name), *note.splitlines())]
    ax.set_title("\n".join(heading), fontsize=sizes.small, parse_math=False)
    x, y = (short(name, side, sizes.small) for name in bend.axes)
    ax.set_xlabel(x, fontsize=sizes.small, parse_math=False)
    ax.set_ylabel(y, fontsize=sizes.small, parse_math=False)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.tick_params(labelsize=sizes.small, length=2)
    if stacked or not (len(bend.lines) or _known(plane)):
        _name_classes(ax, plane.classes if stacked else (), sizes)


def _name_classes(ax: Axes, names: Sequence[str], sizes: Look) -> None:
    """Write the classes one above the other; where they are many, their marks tell them apart."""
    names = names if len(names) <= _MOST_NAMES else ()
    ticks = [short(name, 0.11 * sizes.small, sizes.small) for name in names]
    ax.set_yticks(range(len(names)), ticks, fontsize=sizes.small)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)


def limits(bend: Bend, classes: int = 0) -> tuple[Numbers, Numbers]:
    """The least and the largest coordinates that are shown: of all points, and of the lines near by.

    A layer may throw the corners of the plane far away; the data are what is looked at.

    Args:
        bend: what is shown.
        classes: how many of them stand one above the other.
    """
    low, high = bend.points.min(axis=0), bend.points.max(axis=0)
    if classes:
        low[1], high[1] = 0.0, classes - 1.0
    span = np.where(high > low, high - low, 1.0)
    space = np.array([0.12 * span[0], 0.5 if classes else 0.12 * span[1]])
    return low - space, high + space


def _stacked(plane: Plane, bend: Bend) -> int:
    """How many classes stand one above the other: where a layer has one number only."""
    return 0 if len(bend.lines) or not _known(plane) else len(plane.classes)


def _known(plane: Plane) -> bool:
    """Whether the points' classes or targets are known."""
    return not np.isnan(plane.values).any()


def _points(ax: Axes, plane: Plane, bend: Bend, sizes: Look) -> None:
    points = bend.points
    if _stacked(plane, bend) and len(points) > _FEW:  # apart: many rows would look like one
        points = points + np.column_stack([np.zeros(len(points)), _scattered(len(points))])
    side = sizes.mark * min(1.3, max(0.6, 12 / math.sqrt(len(points) + 1)))
    keywords: dict[str, Any] = {"s": side**2, "linewidths": 0.1 * side, "zorder": 3}
    for k, (colour, marker) in enumerate(class_marks(len(plane.classes))):
        x, y = points[plane.values == k].T
        ax.scatter(x, y, color=colour, marker=marker, edgecolors=class_edge(k), **keywords)
    x, y = points.T
    if not _known(plane):
        ax.scatter(x, y, color=GREY, **keywords)
    elif not plane.classes:
        ax.scatter(x, y, c=plane.values, cmap="cividis", **keywords)


def _scattered(count: int) -> Numbers:
    """So many numbers between −0.3 and 0.3, evenly spread and without order."""
    golden = (math.sqrt(5) - 1) / 2
    return np.asarray(0.6 * (np.arange(count) * golden % 1.0) - 0.3)


def _entries(plane: Plane, bends: Sequence[Bend], sizes: Look) -> list[Entry]:
    """What the marks mean."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    classes = plane.classes if _known(plane) else ()
    entries: list[Entry] = [
        (name, mark_sample(sizes, marker=marker, color=colour, markeredgecolor=class_edge(k)))
        for k, (name, (colour, marker)) in enumerate(
            zip(classes, class_marks(len(classes)), strict=True)
        )
    ]
    if not plane.classes and _known(plane):
        for share, value in ((0.0, plane.values.min()), (1.0, plane.values.max())):
            mark = mark_sample(sizes, marker="o", color=colormaps["cividis"](share))
            entries.append((f"target {signed(value)}", mark))
    for word, colour in (("upright in the input", _UPRIGHT), ("level in the input", _LEVEL)):
        entries.append((word, Line2D([], [], color=colour, linewidth=0.7 * sizes.line)))
    if any(bend.borders for bend in bends):
        word = "probability ½" if len(plane.classes) == 2 else "border of the decision"
        entries.append((word, Line2D([], [], color="black", linewidth=1.2 * sizes.line)))
    return entries


def _key_columns(entries: Sequence[Entry], sizes: Look) -> int:
    """How many entries stand in a row below the panels."""
    letters = [8 + min(26, len(name)) for name, _ in entries]
    room = sizes.width * 72 / sizes.small / _LETTER
    return len(entries) if sum(letters) <= room else max(1, int(room / max(letters)))


def _write_key(figure: Figure, entries: Sequence[Entry], columns: int, sizes: Look) -> None:
    legend = figure.legend(
        [artist for _, artist in entries],
        [str(k) for k in range(len(entries))],  # a name may begin with "_", or hold two "$"
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=sizes.small,
        handlelength=1.6,
        borderaxespad=0.2,
    )
    for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
        text.set(text=wrapped(name, 26), parse_math=False)
