"""Numbers that belong to names, as bars to the left and right of 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chainrule.views.data import Bars, Numbers
from chainrule.views.layout import signed
from chainrule.views.pictures.look import FAINT, GREY, TITLE, Look, look, new_figure, wrapped
from chainrule.views.pictures.signs import ABOVE, BELOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = {"page": 40, "slide": 20}  # bars that are legible
_FEWEST = {"page": 1, "slide": 7}  # bars for which there is room: two shall not fill a slide
_NAMED = 32  # letters of a name
_PITCH = 1.3  # from bar to bar, in lines of small type


def bars(bars: Bars, size: str = "page") -> Figure:
    """The numbers as bars, from the top in the order given: orange above 0, blue below.

    Names stand at the left, the numbers at the right. Of more than can be read, those furthest
    from 0 are shown, and the others are counted below.

    Args:
        bars: the names and their numbers.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    kept, others = _furthest(bars, MOST[size])
    slots = max(len(kept.names), _FEWEST[size])
    height = sizes.height or TITLE + sizes.lines(_PITCH * slots) + sizes.lines(6)
    figure = new_figure(sizes.width, height, bars.title, sizes)
    draw_bars(figure.add_subplot(), kept, sizes, slots)
    _write_below(figure, "\n".join(line for line in (bars.total, others) if line), sizes)
    return figure


def draw_bars(ax: Axes, bars: Bars, sizes: Look, slots: int = 0) -> None:
    """Draw the bars, all of them, on axes with room for so many."""
    values = np.nan_to_num(bars.values, posinf=0.0, neginf=0.0)
    y = np.arange(len(values))
    ax.barh(y, values, height=0.72, color=[ABOVE if v > 0 else BELOW for v in values])
    ax.axvline(0, color="black", linewidth=0.5 * sizes.line)
    spare = max(0, slots - len(values)) / 2
    ax.set_ylim(len(values) - 0.4 + spare, -0.6 - spare)
    if not values.any():
        ax.set_xlim(-1, 1)
    ax.set_yticks(y, [_short(name) for name in bars.names], fontsize=sizes.small)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=sizes.small)
    for place, value in zip(y, bars.values, strict=True):
        _number(ax, float(place), float(value), sizes)
    ax.set_xlabel(bars.label, fontsize=sizes.small, parse_math=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)


def furthest(values: Numbers, most: int) -> npt.NDArray[np.int64]:
    """Which of the numbers are furthest from 0, in the order in which they stand."""
    order = np.argsort(-np.abs(values), kind="stable")[:most]
    return np.sort(order)


def _furthest(bars: Bars, most: int) -> tuple[Bars, str]:
    """At most so many bars, and what is said of the others."""
    chosen = furthest(bars.values, most)
    left = np.delete(bars.values, chosen)
    if not left.size:
        return bars, ""
    names = tuple(bars.names[k] for k in chosen)
    each = f"each at most {signed(float(np.abs(left).max()))} from 0"
    together = f", together {signed(float(left.sum()))}" if bars.total else ""
    others = f"{left.size:,} others are not shown: {each}{together}."
    return Bars(bars.title, bars.label, names, bars.values[chosen], bars.total), others


def _number(ax: Axes, y: float, value: float, sizes: Look) -> None:
    """The number in a column at the right."""
    ax.text(
        1.01,
        y,
        signed(value) if np.isfinite(value) else "–",
        transform=ax.get_yaxis_transform(),
        va="center",
        fontsize=sizes.small,
        parse_math=False,
    )


def _short(name: str) -> str:
    return name if len(name) <= _NAMED else name[: _NAMED - 1] + "…"


def _write_below(figure: Figure, text: str, sizes: Look) -> None:
    if text:
        letters = int(sizes.width * 72 / sizes.small / 0.55)
        lines = "\n".join(wrapped(line, letters) for line in text.splitlines())
        words = figure.supxlabel(lines, x=0.01, ha="left", fontsize=sizes.small, color=GREY)
        words.set_parse_math(False)
