"""How pictures are laid out: sizes for a page and for a slide, axes, marks, legends."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import MissingExtra, lookup
from chainrule.views.data import Numbers
from chainrule.views.numbers import pooled
from chainrule.views.pens import Pen

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Entry = tuple[str, Artist]  # one line of a legend

DOTS = 150  # per inch
TITLE = 0.55  # inches: the height of a figure's title with the white around it
ROW = 2.6  # inches: the least height of a row of large panels
GREY = "0.35"  # of marks that belong to no optimizer
FAINT = "0.9"  # of lines and strips behind the data
RING: dict[str, Any] = {
    "marker": "o",
    "markerfacecolor": "none",
    "markeredgecolor": "black",
    "linestyle": "none",
}


@dataclass(frozen=True)
class Look:
    """Sizes: of type, lines and markers in points, all others in inches.

    Attributes:
        width: of a figure.
        height: of a figure; None where it grows with what is in it.
        text: the names of axes and panels.
        small: numbers and legends.
        title: the title of a figure.
        line: the width of a line.
        mark: the size of a marker.
        entries: how many lines one column of a legend holds.
        panels: how many small panels stand in a row.
        side: the longest side of a small panel.
    """

    width: float
    height: float | None
    text: float
    small: float
    title: float
    line: float
    mark: float
    entries: int
    panels: int
    side: float

    def lines(self, count: float) -> float:
        """The height of so many lines of small type."""
        return count * 1.35 * self.small / 72


LOOKS = {
    "page": Look(7.0, None, 9, 7.5, 10.5, 1.2, 3.5, 24, 5, 1.7),
    "slide": Look(40 / 3, 7.5, 15, 13, 20, 2.0, 6.0, 8, 8, 3.0),
}


def look(size: str) -> Look:
    """The sizes for a "page" or a "slide".

    Raises:
        UnknownName: another word.
    """
    return lookup("size of a picture", size, LOOKS)


def wrapped(text: str, columns: int) -> str:
    """The text in lines of at most so many letters."""
    return "\n".join(textwrap.wrap(text, columns))


def new_figure(width: float, height: float, title: str, sizes: Look) -> Figure:
    """An empty figure with a title."""
    try:
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ModuleNotFoundError as absent:
        raise MissingExtra("plot") from absent
    from chainrule.views.pictures.picture import Picture

    layout = ConstrainedLayoutEngine(h_pad=0.07)  # inches: with square panels it may err by half
    figure = Picture((width, height), dpi=DOTS, facecolor="white", layout=layout)
    letters = int(width * 72 / sizes.title / 0.6)
    words = figure.suptitle(wrapped(title, letters), x=0.01, ha="left", fontsize=sizes.title)
    words.set(parse_math=False, fontweight="bold")
    return figure


def set_scale(
    ax: Axes,
    calm: Sequence[Numbers],
    many: Sequence[Numbers],
    *,
    log: bool | None = None,
    strip: float = 0.0,
) -> None:
    """Set the limits of y; logarithmic, unless told, where no value is below 0.

    On a logarithmic axis a 0, as float32 may say of a very small loss, lies below the edge.

    Args:
        ax: the axes.
        calm: the values that shall be seen in any case.
        many: all values.
        log: whether the axis is logarithmic.
        strip: the share of the height to leave free at the top.
    """
    values, calm_values = pooled(many), pooled(calm)
    if not values.size:  # no number to show, but perhaps marks at the top
        ax.set(ylim=(0, 1), yticks=[])
    elif log or (log is None and values.min() >= 0 and values.max() > 0):
        ax.set_yscale("log")
        low, top = _window(*(np.log10(each[each > 0]) for each in (calm_values, values)))
        ax.set_ylim(10.0**low, 10.0 ** min(low + (top - low) / (1 - strip), 300))
    else:
        low, top = _window(calm_values, values)
        ax.set_ylim(low, low + (top - low) / (1 - strip))


def _window(calm: Numbers, values: Numbers) -> tuple[float, float]:
    """From the lowest value to the highest, but for what explodes.

    What lies above the calm values by more than half of their span is left out: one run that
    explodes shall not press all others into one line.
    """
    low, high = float(values.min()), float(values.max())
    calmest = float(calm.max()) if calm.size else high
    least = low + 0.3 * (abs(low) or 1.0)
    top = min(high, max(calmest + 0.5 * (calmest - low), least))
    margin = 0.05 * (top - low) or 0.15 * (abs(low) or 1.0)
    return low - margin, top + margin


def name_axes(ax: Axes, sizes: Look, x: str, y: str) -> None:
    """Name the axes, and take away what says nothing."""
    ax.set_xlabel(x, fontsize=sizes.text, parse_math=False)
    ax.set_ylabel(y, fontsize=sizes.text, parse_math=False)
    ax.tick_params(which="both", labelsize=sizes.small)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)


def count_x(ax: Axes) -> None:
    """Write only whole numbers at x."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def draw_line(ax: Axes, x: Numbers, y: Numbers, pen: Pen, sizes: Look, phase: float) -> None:
    """Draw a line with about eight markers; the phase keeps those of several lines apart."""
    every = max(1, len(y) // 8)
    ax.plot(
        x,
        y,
        **pen.keywords(),
        linewidth=sizes.line,
        markersize=sizes.mark,
        markevery=(int(phase * every), every),
    )


def draw_cross(ax: Axes, x: Numbers, y: Numbers, pen: Pen, size: float) -> None:
    """Mark where something ended by a ×; at the top edge what lies above it."""
    if not x.size:  # an empty line would count as a point in the figure's corner
        return
    ax.plot(
        x,
        np.minimum(y, ax.get_ylim()[1]),
        linestyle="none",
        marker="x",
        color=pen.colour,
        markersize=size,
        markeredgewidth=size / 4,
        clip_on=False,
        zorder=4,
    )


def draw_ring(ax: Axes, x: float, y: float, size: float) -> None:
    """Draw a ring around a point."""
    ax.plot(x, y, **RING, markersize=size, zorder=5)


def write_legend(ax: Axes, entries: Sequence[Entry], sizes: Look, title: str | None) -> None:
    """Write a legend beside the axes, where nothing is drawn."""
    legend = ax.legend(
        [artist for _, artist in entries],
        [str(k) for k in range(len(entries))],  # a name may begin with "_", or hold two "$"
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize=sizes.small,
        title_fontsize=sizes.small,
        alignment="left",
        handlelength=3.6 if title else 1.6,  # a line has to show its gaps
        labelspacing=0.35,
        ncols=math.ceil(len(entries) / sizes.entries),
    )
    for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
        text.set(text=wrapped(name, 26), parse_math=False)


def name_optimizers(
    ax: Axes,
    strokes: Mapping[str, Pen],
    rates: Mapping[str, float | None],
    others: Sequence[Entry],
    sizes: Look,
    word: str = "learning rate",
    what: str = "optimizer",
) -> None:
    """The names with their learning rates, then what the other marks mean."""
    entries = [
        (name if rates[name] is None else f"{name} ({rates[name]:.3g})", line_sample(pen, sizes))
        for name, pen in strokes.items()
        if name in rates
    ]
    rated = any(rate is not None for rate in rates.values())
    write_legend(ax, [*entries, *others], sizes, f"{what} ({word})" if rated else what)


def line_sample(pen: Pen, sizes: Look) -> Artist:
    """A short line for the legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **pen.keywords(), linewidth=sizes.line, markersize=sizes.mark)


def mark_sample(sizes: Look, **keywords: Any) -> Artist:
    """A marker for the legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **{"linestyle": "none", "markersize": 1.6 * sizes.mark, **keywords})


def cross_entry(word: str, sizes: Look) -> Entry:
    """The × in the legend."""
    return word, mark_sample(sizes, marker="x", color=GREY, markeredgewidth=0.4 * sizes.mark)


def ring_entry(word: str, sizes: Look) -> Entry:
    """The ring in the legend."""
    return word, mark_sample(sizes, **RING)
