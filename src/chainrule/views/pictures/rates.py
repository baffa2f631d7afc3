"""Learning rates: the loss that each led to, and one training in which they grow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.views.data import Numbers, Range, Search
from chainrule.views.numbers import finite, first, lowest
from chainrule.views.pens import Pen, pens
from chainrule.views.pictures.look import (
    FAINT,
    TITLE,
    Look,
    cross_entry,
    draw_cross,
    draw_line,
    draw_ring,
    look,
    name_axes,
    name_optimizers,
    new_figure,
    ring_entry,
    set_scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chainrule.views.pictures.look import Entry

_STRIP = 0.045  # of the height of the axes: one line of marks of diverged runs


def rate_search(
    ax: Axes,
    searches: Sequence[Search],
    *,
    strokes: Mapping[str, Pen] | None = None,
    size: str = "page",
    legend: bool = True,
) -> None:
    """Draw the loss that was reached with each learning rate; the chosen one has a ring.

    A rate with which training diverged has its mark in a strip at the top edge, one line of marks
    for each optimizer.

    Args:
        ax: what to draw on.
        searches: the learning rates tried, and what they led to.
        strokes: the pen of each name; the usual order without it.
        size: "page" or "slide".
        legend: whether to write the names beside the axes.
    """
    sizes, strokes = look(size), strokes or pens(search.name for search in searches)
    lost = [search for search in searches if not np.isfinite(search.losses).all()]
    strip = min(_STRIP * (len(lost) + 0.5), 0.35) if lost else 0.0
    losses = [finite(search.losses) for search in searches]
    set_scale(ax, [lowest(values, 0.8) for values in losses], losses, strip=strip)
    ax.set_xscale("log")
    for search, values in zip(searches, losses, strict=True):
        _searched(ax, search, values, strokes[search.name], sizes)
    if lost:
        _lost(ax, lost, strip, strokes, sizes)
    name_axes(ax, sizes, "learning rate", "loss reached")
    if legend:
        rates = {search.name: search.chosen for search in searches}
        name_optimizers(ax, strokes, rates, search_entries(searches, sizes), sizes)


def _searched(ax: Axes, search: Search, losses: Numbers, pen: Pen, sizes: Look) -> None:
    """One line, with a marker for each rate tried and a ring around the chosen one."""
    ax.plot(
        search.rates,
        losses,
        **pen.keywords(),
        linewidth=sizes.line,
        markersize=0.8 * sizes.mark,
    )
    for k in np.flatnonzero((search.rates == search.chosen) & np.isfinite(losses)):
        draw_ring(ax, search.rates[k], max(losses[k], ax.get_ylim()[0]), 2.4 * sizes.mark)


def _lost(
    ax: Axes, searches: Sequence[Search], strip: float, strokes: Mapping[str, Pen], sizes: Look
) -> None:
    """The rates with which training diverged, in a strip at the top, a line for each optimizer."""
    from matplotlib.patches import Rectangle

    ground = Rectangle((0, 1 - strip), 1, strip, facecolor=FAINT, transform=ax.transAxes)
    ground.set_zorder(3)  # above the lines that leave the axes
    ax.add_patch(ground)
    _strip_word(ax, searches, 1 - strip / 2, sizes)
    for k, search in enumerate(searches):
        rates = search.rates[~np.isfinite(search.losses)]
        height = 1 - strip * (k + 0.75) / (len(searches) + 0.5)
        _at_the_top(ax, rates, height, strokes[search.name], sizes)


def _strip_word(ax: Axes, searches: Sequence[Search], height: float, sizes: Look) -> None:
    """Say what the strip means, at that end of it where no mark stands."""
    least = min(search.rates[~np.isfinite(search.losses)].min() for search in searches)
    left = least > math.prod(ax.get_xlim()) ** 0.5
    x, side = (0.01, "left") if left else (0.99, "right")
    place: dict[str, Any] = {"ha": side, "va": "center", "transform": ax.transAxes, "zorder": 4}
    ax.text(x, height, "diverged", fontsize=sizes.small, **place)


def _at_the_top(ax: Axes, rates: Numbers, height: float, pen: Pen, sizes: Look) -> None:
    """Marks in one line, at a height given as a share of the axes'."""
    ax.plot(
        rates,
        np.full(rates.shape, height),
        **{**pen.keywords(), "linestyle": "none"},
        markersize=sizes.mark,
        transform=ax.get_xaxis_transform(),
        clip_on=False,
        zorder=4,
    )


def search_entries(searches: Sequence[Search], sizes: Look) -> list[Entry]:
    """What the ring means."""
    return [ring_entry("chosen rate", sizes)] if searches else []


def range_test(ranges: Sequence[Range], title: str, size: str = "page") -> Figure:
    """The smoothed loss while the learning rate grows; a suggested rate has a ring.

    The axis ends not far above the losses at the beginning: a loss that explodes leaves it.

    Args:
        ranges: one for each optimizer.
        title: stands above.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes, strokes = look(size), pens(each.name for each in ranges)
    height = sizes.height or max(3.0, sizes.lines(len(strokes) + 8)) + TITLE
    figure = new_figure(sizes.width, height, title, sizes)
    ax = figure.add_subplot()
    losses = [finite(each.losses) for each in ranges]
    set_scale(ax, [first(values) for values in losses], losses, log=False)
    ax.set_xscale("log")
    for k, each in enumerate(ranges):
        _ranged(ax, each, strokes[each.name], sizes, k / len(ranges))
    _end_where_all_left(ax, ranges)
    name_axes(ax, sizes, "learning rate, growing with every step", "smoothed loss of the batches")
    rates = {each.name: each.suggested for each in ranges}
    name_optimizers(ax, strokes, rates, _range_entries(ranges, sizes), sizes, "suggested rate")
    return figure


def _ranged(ax: Axes, each: Range, pen: Pen, sizes: Look, phase: float) -> None:
    """One line, a ring at the suggested rate, and a × where it leaves if it diverged."""
    draw_line(ax, each.rates, each.losses, pen, sizes, phase)
    for k in np.flatnonzero(each.rates == each.suggested):
        draw_ring(ax, each.rates[k], each.losses[k], 2.4 * sizes.mark)
    if not np.isfinite(each.losses).all():
        last = _last_seen(ax, each)
        y = np.where(np.isfinite(each.losses), each.losses, np.inf)
        draw_cross(ax, each.rates[[last]], y[[last]], pen, 2 * sizes.mark)


def _last_seen(ax: Axes, each: Range) -> int:
    """The number of the step in which the loss leaves the axes for good, or of the last step."""
    inside = np.flatnonzero(each.losses <= ax.get_ylim()[1])  # nan is not
    return min(int(inside.max(initial=-1)) + 1, each.losses.size - 1)


def _end_where_all_left(ax: Axes, ranges: Sequence[Range]) -> None:
    """Show no rates beyond those with which the last loss leaves the axes."""
    if ranges:
        first = min(each.rates[0] for each in ranges)
        last = max(each.rates[_last_seen(ax, each)] for each in ranges)
        margin = max((last / first) ** 0.03, 1.05)
        ax.set_xlim(first / margin, last * margin)


def _range_entries(ranges: Sequence[Range], sizes: Look) -> list[Entry]:
    """What ring and × mean, where there are any."""
    entries = []
    if any(each.suggested is not None for each in ranges):
        entries.append(ring_entry("suggested rate", sizes))
    if any(not np.isfinite(each.losses).all() for each in ranges):
        entries.append(cross_entry("diverged", sizes))
    return entries
