"""A sweep: the losses over its trials, what mattered, and the losses over each setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Bars, Numbers, Slice, Tries
from chainrule.views.numbers import lowest, lowest_so_far
from chainrule.views.pens import COLOURS
from chainrule.views.pictures.bars import draw_bars
from chainrule.views.pictures.look import (
    GREY,
    ROW,
    TITLE,
    Look,
    count_x,
    look,
    mark_sample,
    name_axes,
    new_figure,
    set_scale,
    write_legend,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FINISHED, STOPPED = COLOURS[0], COLOURS[1]
_COLUMNS = 3  # of slices
_SLICE = 2.0  # inches: the height of one
_CALM = 0.8  # the share of the losses, from below, that is seen in any case


def sweep(
    title: str, tries: Tries, importances: Bars | None, slices: Sequence[Slice], size: str = "page"
) -> Figure:
    """Losses over the trials, what mattered, and losses over each setting.

    Args:
        title: stands above all.
        tries: the losses.
        importances: of the settings; None where nothing can be said of them.
        slices: the losses again, over one setting each.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    rows = math.ceil(len(slices) / _COLUMNS)
    heights = [ROW, _SLICE * rows]
    figure = new_figure(sizes.width, sizes.height or TITLE + sum(heights), title, sizes)
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    axes = upper.subplots(1, 1 + (importances is not None), squeeze=False)[0]
    draw_tries(axes[0], tries, sizes)
    if importances is not None:
        axes[1].set_title(importances.title, fontsize=sizes.text, loc="left")
        draw_bars(axes[1], importances, sizes)
    each = lower.subplots(rows, _COLUMNS, squeeze=False, sharey=True).flat
    for place, (ax, one) in enumerate(zip(each, slices, strict=False)):
        draw_slice(ax, one, sizes, named=place % _COLUMNS == 0)
    for ax in each:  # those that are left
        ax.set_visible(False)
    return figure


def draw_tries(ax: Axes, tries: Tries, sizes: Look) -> None:
    """The loss of each trial, and as a line the lowest so far of those that came to their end."""
    set_scale(ax, [lowest(tries.losses, _CALM)], [tries.losses])
    _points(ax, tries.numbers, tries.losses, tries.finished, sizes)
    best = lowest_so_far(tries.losses, tries.finished)
    ax.step(tries.numbers, best, where="post", color=GREY, linewidth=sizes.line)
    name_axes(ax, sizes, "trial", "validation loss")
    count_x(ax)
    if not tries.finished.all():
        marks = [("finished", FINISHED, "o"), ("stopped early", STOPPED, "x")]
        entries = [(word, mark_sample(sizes, color=c, marker=m)) for word, c, m in marks]
        write_legend(ax, entries, sizes, None)


def draw_slice(ax: Axes, one: Slice, sizes: Look, named: bool) -> None:
    """The loss of each trial over one of its settings."""
    set_scale(ax, [lowest(one.losses, _CALM)], [one.losses])
    places = one.places + _spread(one.places) if one.choices else one.places
    _points(ax, places, one.losses, one.finished, sizes)
    if one.log:
        _log_x(ax)
    name_axes(ax, sizes, one.name, "validation loss" if named else "")
    if one.choices:
        ax.set_xticks(np.arange(len(one.choices)), one.choices)
        for text in ax.get_xticklabels():
            text.set_parse_math(False)
            if len(one.choices) > 2:
                text.set(rotation=30, ha="right")


def _log_x(ax: Axes) -> None:
    """A logarithmic axis, with plain numbers where it spans few powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    if high < 100 * low:
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def _points(ax: Axes, x: Numbers, y: Numbers, finished: npt.NDArray[np.bool_], sizes: Look) -> None:
    for which, colour, marker in ((~finished, STOPPED, "x"), (finished, FINISHED, "o")):
        ax.plot(
            x[which], y[which], linestyle="none", marker=marker, color=colour, alpha=0.7,
            markersize=0.8 * sizes.mark, markeredgewidth=0.25 * sizes.mark,
        )  # fmt: skip


def _spread(places: Numbers) -> Numbers:
    """Small distances that keep the points of one choice apart: the fractions of multiples of the golden ratio."""
    golden = np.arange(len(places)) * (math.sqrt(5) - 1) / 2
    return np.asarray(0.5 * (golden % 1 - 0.5))
