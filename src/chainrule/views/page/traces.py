"""Plotly's traces and layouts, as plain data; names from outside are escaped here."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.views.data import Numbers
from chainrule.views.numbers import pooled
from chainrule.views.pens import Pen

Plain = dict[str, Any]  # what becomes a JSON object


Places = npt.NDArray[np.int_]


Window = tuple[float, float]  # least and largest number shown


POINTS = 1000  # at most, of a line: more are not to be told apart on a screen


FIGURES, GRID_FIGURES = 6, 4  # of a number; of one on a grid, of which there are many


MARKERS = 8  # on a line


INK, GRID, GREY = "#1a1a1a", "#e6e6e6", "#666666"


SYMBOLS = {  # matplotlib's name of a marker: Plotly's
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "*": "star",
    "<": "triangle-left",
    ">": "triangle-right",
    "p": "pentagon",
    "h": "hexagon",
}


@dataclass
class Figure:
    """What Plotly draws in one place, and what belongs to one optimizer there.

    Attributes:
        key: the id of its element.
        data: Plotly's traces.
        layout: Plotly's layout.
        buttons: words on buttons, and the change of the layout that each makes.
    """

    key: str
    data: list[Plain]
    layout: Plain
    buttons: dict[str, Plain] = field(default_factory=dict)


def line_trace(name: str, x: Numbers, y: Numbers, pen: Pen, group: str) -> Plain:
    """A line with a few markers; what its text has to say is set by the caller."""
    edge = {"width": 1.5, "color": pen.colour}
    symbol = SYMBOLS[pen.marker] + ("-open" if pen.hollow else "")
    marker = {"symbol": symbol, "size": 7, "maxdisplayed": MARKERS, "line": edge}
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": plain_text(name),
        "x": numbers_of(x),
        "y": numbers_of(y),
        "line": {"color": pen.colour, "width": 2, "dash": _dash(pen)},
        "marker": marker | {"color": pen.colour},
        "legendgroup": group,
        "showlegend": False,
    }


def marks_trace(
    x: Numbers, y: Numbers, symbol: str, size: int | Places, pen: Pen, group: str
) -> Plain:
    """Marks without a line."""
    sizes = size if isinstance(size, int) else size.tolist()
    line = {"width": 2, "color": pen.colour}  # a thin × has no inside
    return {
        "type": "scatter",
        "mode": "markers",
        "x": numbers_of(x),
        "y": numbers_of(y),
        "marker": {"symbol": symbol, "size": sizes, "color": pen.colour, "line": line},
        "cliponaxis": False,
        "legendgroup": group,
        "showlegend": False,
    }


def crosses_trace(name: str, x: Numbers, y: Numbers, pen: Pen, group: str) -> Plain:
    """A × where something diverged."""
    trace = marks_trace(x, y, "x-thin", 12, pen, group)
    return trace | {"name": plain_text(name), "hovertemplate": hover_words("diverged")}


def ring_trace(x: Numbers, y: Numbers, group: str) -> Plain:
    """A ring around a point."""
    black = Pen("#000000", (), "o")
    return marks_trace(x, y, "circle-open", 15, black, group) | {"hoverinfo": "skip"}


@dataclass
class Frame:
    """Axes, before anything is drawn.

    Attributes:
        layout: Plotly's layout.
        buttons: the choices between scales of y; empty where only one is possible.
        top: the largest y that is shown.
    """

    layout: Plain
    buttons: dict[str, Plain]
    top: float

    def figure(self, key: str, data: list[Plain]) -> Figure:
        """The figure that shows so much."""
        return Figure(key, data, self.layout, self.buttons)


def frame_of(
    x: str,
    y: str,
    calm: Sequence[Numbers],
    many: Sequence[Numbers],
    *,
    x_log: bool = False,
    kinds: Sequence[str] = ("log", "linear"),
) -> Frame:
    """Axes that show what is calm, and all of the others that is not far above.

    Args:
        x: the name of the x axis.
        y: the name of the y axis.
        calm: the values that shall be seen in any case.
        many: all values; where one of them is not positive there is no logarithmic scale.
        x_log: whether the x axis is logarithmic.
        kinds: the scales of y, the first to begin with.
    """
    values = pooled(many)
    positive = bool(values.size and values.min() > 0)
    windows = {kind: _window(calm, many, kind) for kind in kinds if positive or kind != "log"}
    kind, window = next(iter(windows.items()))
    across: Plain = {"title": {"text": x}, "nticks": 8}
    across |= {"type": "log"} | _POWERS if x_log else {"rangemode": "tozero"}
    up = {"title": {"text": y}, "nticks": 6, "type": kind, "range": _shown(window, kind)} | _POWERS
    choices = {
        f"{kind} scale": {"yaxis.type": kind, "yaxis.range": _shown(window, kind)}
        for kind, window in windows.items()
    }
    return Frame(layout_of(across, up), choices if len(choices) > 1 else {}, window[1])


_POWERS = {"exponentformat": "power", "minexponent": 4}


def _shown(window: Window, kind: str) -> list[float]:
    """What Plotly calls the range: the window with room around it, of a log axis the exponents."""
    low, high = (math.log10(end) for end in window) if kind == "log" else window
    room = 0.05 * (high - low) or 0.5
    return [low - room, high + room]


def layout_of(across: Plain, up: Plain, margin: Plain | None = None) -> Plain:
    """What all layouts share."""
    axis = {
        "gridcolor": GRID,
        "linecolor": GREY,
        "zeroline": False,
        "showline": True,
        "ticks": "outside",
        "tickcolor": GREY,
        "automargin": True,
    }
    return {
        "xaxis": axis | across,
        "yaxis": axis | up,
        "margin": margin or {"l": 60, "r": 14, "t": 30, "b": 46},
        "font": font_of(13),
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "white", "font": {"color": INK}},
        "showlegend": False,
    }


def font_of(size: int) -> Plain:
    """A font of that size."""
    return {"family": "system-ui, sans-serif", "size": size, "color": INK}


def hover_words(*words: str) -> str:
    """What is shown beside the pointer: the name of the trace, and the words below it."""
    return "<br>".join(["%{fullData.name}", *words]) + "<extra></extra>"


def _dash(pen: Pen) -> str:
    """The ink and gaps of a line that is 2 pixels wide."""
    return ",".join(f"{2 * part:g}px" for part in pen.dashes) or "solid"


def faint_colour(colour: str, alpha: float) -> str:
    """A colour that lets others through."""
    red, green, blue = _rgb(colour)
    return f"rgba({red},{green},{blue},{alpha:g})"


def tinted(colour: str) -> str:
    """A colour mixed with white."""
    red, green, blue = (round(255 - 0.45 * (255 - part)) for part in _rgb(colour))
    return f"rgb({red},{green},{blue})"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:], 16)


def group_of(strokes: Mapping[str, Pen], name: str) -> str:
    """What the traces of one optimizer have in common: a word without anything from outside."""
    return f"g{list(strokes).index(name)}" if name in strokes else ""


def _window(calm: Sequence[Numbers], many: Sequence[Numbers], kind: str) -> Window:
    """Least and largest y to show: what explodes shall not press all others into one line.

    What lies above the calm values by more than half of their span is left out.
    """
    values = pooled(many)
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    most = float(pooled(calm).max(initial=low)) if calm else high
    if kind == "log":
        decades = 1.5 * math.log10(most / low)
        return low, min(high, low * 10.0 ** min(decades, 290.0)) if most > low else high
    return low, min(high, most + 0.5 * (most - low)) if most > low else high


def thinned(count: int) -> Places:
    """The numbers of the points to draw, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.int_))


def numbers_of(values: Iterable[float]) -> list[float | None]:
    """To few figures; None where there is no number."""
    return [float(f"{value:.{FIGURES}g}") if math.isfinite(value) else None for value in values]


def grid_numbers(values: Numbers) -> list[list[float | None]]:
    """The values on a grid, to few figures of the largest; whole numbers as such."""
    alive = values[np.isfinite(values)]
    largest = float(np.abs(alive).max(initial=0.0)) or 1.0
    digits = GRID_FIGURES - 1 - math.floor(math.log10(largest))
    rounded = np.round(values, digits)
    if (alive == np.rint(alive)).all():
        return [[int(v) if math.isfinite(v) else None for v in row] for row in rounded.tolist()]
    return [[v if math.isfinite(v) else None for v in row] for row in rounded.tolist()]


def plain_text(text: str) -> str:
    """For Plotly, which reads some tags in its texts: what is no tag of its own stays text."""
    return escape(text, quote=False)


def wrapped_text(text: str) -> str:
    """For Plotly, in at most two lines that are no longer than a panel."""
    return "<br>".join(map(plain_text, textwrap.wrap(text, 30, max_lines=2, placeholder="…")))
