"""Pages: the same answers as the pictures, to point at, to zoom into and to sort.

Each function makes one HTML document that holds all it needs, Plotly's script as well, and that
asks nobody for anything: its Content-Security-Policy would not let it. Plotly is loaded by the
first of them.

What comes from outside (names of columns, classes and optimizers) reaches the page in two ways
only: as text in HTML, escaped, or in a block of JSON in which no "<" stands, and there escaped
once more, as Plotly reads tags in its texts.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import MissingExtra
from chainrule.views.data import Curve, Numbers, Path, Plane, Range, Region, Search, Surface
from chainrule.views.numbers import finite, first, lowest, pooled, settles, spread
from chainrule.views.pens import COLOURS, Pen, pens

__all__ = ["comparison", "range_test", "trajectories"]

Cells = tuple[list[str], list[list[str]]]  # headers, and the rows of a table
Plain = dict[str, Any]  # what becomes a JSON object
Places = npt.NDArray[np.int_]
Window = tuple[float, float]  # least and largest number shown

POINTS = 1000  # at most, of a line: more are not to be told apart on a screen
FIGURES, GRID_FIGURES = 6, 4  # of a number; of one on a grid, of which there are many
MARKERS = 8  # on a line
INK, GRID, GREY = "#1a1a1a", "#e6e6e6", "#666666"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_HALVES = ((0.0, "#5DA4CE"), (0.5, "#FAFAFA"), (1.0, "#F5CE75"))
_CLASS_COLOURS = (*(COLOURS[k] for k in (0, 1, 4, 5, 6, 7, 3)), "#777777", "#332288", "#F0E442")
_CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "*", "<", "h", ">")
_SYMBOLS = {  # matplotlib's name of a marker: Plotly's
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
_CORNERS = {  # its corners, the angle of the first in degrees, and how near every second one is
    "o": (24, 0, 1.0),
    "s": (4, 45, 1.0),
    "^": (3, 90, 1.0),
    "D": (4, 90, 1.0),
    "v": (3, 270, 1.0),
    "P": (8, 0, 0.45),
    "*": (10, 90, 0.42),
    "<": (3, 180, 1.0),
    ">": (3, 0, 1.0),
    "p": (5, 90, 1.0),
    "h": (6, 90, 1.0),
}


# ------------------------------------------------------------------------------------- the pages


def comparison(
    title: str,
    table: Cells,
    curves: Sequence[Curve],
    searches: Sequence[Search],
    plane: Plane | None,
    regions: Sequence[Region],
) -> str:
    """A table, losses, learning-rate searches and decision regions, as far as there are any.

    Args:
        title: stands above all.
        table: headers and rows, as text.
        curves: the losses of every optimizer.
        searches: the learning rates tried; may be empty.
        plane: where the regions lie; None: no regions are drawn.
        regions: what the networks say there; may be empty.

    Returns:
        An HTML document.

    Raises:
        MissingExtra: plotly is not installed.
    """
    strokes = pens([*(curve.name for curve in curves), *(search.name for search in searches)])
    rates = {each.name: each.chosen for each in searches} | {c.name: c.rate for c in curves}
    parts = []
    if curves:
        parts.append(_losses(curves, strokes))
    if searches:
        parts.append(_searches(searches, strokes))
    if plane is not None and regions:
        parts.append(_regions(plane, regions, strokes))
    return _document(title, parts, strokes, rates, table=table)


def trajectories(title: str, surface: Surface, paths: Sequence[Path]) -> str:
    """Where optimizers went on a surface, and the value that they had reached after each step.

    Args:
        title: stands above.
        surface: drawn as contour lines, each a constant factor above the one before.
        paths: one for each optimizer.

    Raises:
        MissingExtra: plotly is not installed.
    """
    strokes = pens(path.name for path in paths)
    parts = [_ways(surface, paths, strokes), _values(paths, strokes)]
    return _document(title, parts, strokes, {path.name: path.rate for path in paths})


def range_test(title: str, ranges: Sequence[Range]) -> str:
    """The smoothed loss while the learning rate grows; a suggested rate has a ring.

    Args:
        title: stands above.
        ranges: one for each optimizer.

    Raises:
        MissingExtra: plotly is not installed.
    """
    strokes = pens(each.name for each in ranges)
    rates = {each.name: each.suggested for each in ranges}
    return _document(title, [_ranges(ranges, strokes)], strokes, rates, rate="suggested rate")


# ------------------------------------------------------------------------------- parts of a page


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


@dataclass
class Part:
    """A section of the page.

    Attributes:
        html: the section, with an empty element for every figure.
        figures: what is drawn in them.
    """

    html: str
    figures: list[Figure] = field(default_factory=list)


def _figure_part(heading: str, figure: Figure, words: Iterable[str]) -> Part:
    """A heading, buttons, a large figure, and what its marks mean."""
    buttons = "".join(
        f'<button type="button" data-figure="{figure.key}" data-change="{k}" '
        f'aria-pressed="{"true" if k == 0 else "false"}">{escape(word)}</button>'
        for k, word in enumerate(figure.buttons)
    )
    choice = f'<div class="choice" role="group">{buttons}</div>' if buttons else ""
    return Part(
        f'<section><header><h2>{escape(heading)}</h2>{choice}</header><div id="{figure.key}" '
        f'class="large figure"></div><p class="words">{escape(" ".join(words))}</p></section>',
        [figure],
    )


def _table(table: Cells | None) -> str:
    """The table; a click on a header sorts it."""
    if table is None:
        return ""
    headers, rows = table
    head = "".join(
        f'<th scope="col"><button type="button">{escape(text)}</button></th>' for text in headers
    )
    body = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


# ----------------------------------------------------------------------------------- loss curves


def _losses(curves: Sequence[Curve], strokes: Mapping[str, Pen]) -> Part:
    """Medians, bands, and a × where a run ended."""
    spreads = [spread(curve.losses) for curve in curves]
    repeats = max(len(curve.losses) for curve in curves)
    name = "mean loss" if repeats == 1 else f"loss, median of {repeats} runs"
    calm = [each for each in spreads if settles(each[1])]
    frame = _frame("epoch", name, calm, spreads)
    data = []
    for curve, each in zip(curves, spreads, strict=True):
        data += _curve(curve, each, strokes, frame.top)
    words = []
    if repeats > 1:
        words.append("Line: median of the runs still alive; band: from the lowest to the highest.")
    if any(not np.isfinite(curve.losses).all() for curve in curves):
        words.append("×: a run diverged; a large ×: the last one did.")
    return _figure_part("Loss", frame.figure("losses", data), words)


def _curve(curve: Curve, band: Numbers, strokes: Mapping[str, Pen], top: float) -> list[Plain]:
    """The traces of one optimizer."""
    pen, group = strokes[curve.name], _group(strokes, curve.name)
    shown = _thin(band.shape[1])
    epochs, band = np.arange(1.0, band.shape[1] + 1)[shown], band[:, shown]
    alpha = 0.15 if len(strokes) <= 6 else 0.07
    line = _line(curve.name, epochs, band[1], pen, group)
    line["hovertemplate"] = _hover("epoch %{x}", "loss %{y:.4g}")
    traces = [line, *_run_ends(curve, pen, group, top)]
    return [_band(epochs, band, pen, group, alpha), *traces] if len(curve.losses) > 1 else traces


def _band(x: Numbers, band: Numbers, pen: Pen, group: str, alpha: float) -> Plain:
    """A closed line around the losses, from the lowest to the highest."""
    low, high = (each[np.isfinite(each)] for each in band[[0, 2]])
    x = x[np.isfinite(band[0])]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _numbers([*x, *x[::-1]]),
        "y": _numbers([*high, *low[::-1]]),
        "fill": "toself",
        "fillcolor": _faint(pen.colour, alpha),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "legendgroup": group,
        "showlegend": False,
    }


def _run_ends(curve: Curve, pen: Pen, group: str, top: float) -> list[Plain]:
    """A small × for each run that ended early, a large one for the last, below the top edge."""
    alive = np.isfinite(curve.losses)
    ended = np.flatnonzero(~alive.all(axis=1))
    if not ended.size:
        return []
    epochs = alive[ended].argmin(axis=1)  # so many were finite
    last = np.where(epochs > 0, curve.losses[ended, epochs - 1], np.inf)
    none_left = (epochs == epochs.max()) & (ended.size == len(curve.losses))
    sizes = np.where(none_left, 13, 7)
    trace = _marks(np.maximum(epochs, 1.0), np.minimum(last, top), "x-thin", sizes, pen, group)
    words = f"{_text(curve.name)}: a run diverged"
    return [trace | {"text": words, "hovertemplate": "%{text}<br>epoch %{x}<extra></extra>"}]


# ------------------------------------------------------------------------ learning-rate searches


def _searches(searches: Sequence[Search], strokes: Mapping[str, Pen]) -> Part:
    """Losses against rates, and above them a strip with the rates that diverged."""
    losses = [finite(search.losses) for search in searches]
    calm = [lowest(each, 0.8) for each in losses]
    frame = _frame("learning rate", "loss reached", calm, losses, x_log=True)
    lost = [search for search in searches if not np.isfinite(search.losses).all()]
    data = []
    for search in searches:
        data += _search(search, strokes)
    data += [_lost(search, k, strokes) for k, search in enumerate(reversed(lost))]
    words = ["A ring: the rate that was chosen."]
    if lost:
        frame.layout |= _strip(frame.layout, len(lost))
        words.append("In the strip at the top: training diverged.")
    return _figure_part("Search for the learning rate", frame.figure("searches", data), words)


def _search(search: Search, strokes: Mapping[str, Pen]) -> list[Plain]:
    """A line with a marker for each rate, and a ring around the chosen one."""
    pen, group = strokes[search.name], _group(strokes, search.name)
    line = _line(search.name, search.rates, search.losses, pen, group)
    line["marker"]["maxdisplayed"] = 0
    line["hovertemplate"] = _hover("rate %{x:.3g}", "loss %{y:.4g}")
    at = (search.rates == search.chosen) & np.isfinite(search.losses)
    return [line, _ring(search.rates[at], search.losses[at], group)]


def _lost(search: Search, row: int, strokes: Mapping[str, Pen]) -> Plain:
    """The rates that diverged, in a row of the strip."""
    pen, group = strokes[search.name], _group(strokes, search.name)
    rates = search.rates[~np.isfinite(search.losses)]
    trace = _line(search.name, rates, np.full(rates.shape, float(row)), pen, group)
    trace |= {"mode": "markers", "yaxis": "y2"}
    trace["marker"] |= {"maxdisplayed": 0, "size": 6}
    return trace | {"hovertemplate": _hover("rate %{x:.3g}", "diverged")}


def _strip(layout: Plain, rows: int) -> Plain:
    """The changes that give a layout a strip at the top, of so many rows."""
    low = 1 - min(0.04 * (rows + 0.5), 0.3)
    ground = {
        "type": "rect",
        "layer": "below",
        "xref": "paper",
        "yref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": low,
        "y1": 1,
        "fillcolor": "#f0f0f0",
        "line": {"width": 0},
    }
    return {
        "yaxis": layout["yaxis"] | {"domain": [0, low]},
        "yaxis2": {
            "domain": [low, 1],
            "range": [-0.75, rows - 0.25],
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "tickvals": [(rows - 1) / 2],
            "ticktext": ["diverged"],
            "anchor": "x",
        },
        "shapes": [ground],
    }


# --------------------------------------------------------------------------------------- regions


def _regions(plane: Plane, regions: Sequence[Region], strokes: Mapping[str, Pen]) -> Part:
    """A panel for each network, in rows as long as the screen is wide."""
    scale = _scale(plane, regions)
    figures = [
        Figure(f"region{k}", _region(plane, region, scale), _panel(plane))
        for k, region in enumerate(regions)
    ]
    panels = "".join(
        f'<figure data-group="{_group(strokes, region.name)}"><figcaption><b>'
        f"{escape(region.name)}</b> {escape(region.note)}</figcaption>"
        f'<div id="{figure.key}" class="square figure"></div></figure>'
        for region, figure in zip(regions, figures, strict=True)
    )
    kind = "Decision regions" if plane.classes else "Predictions"
    html = (
        f"<section><header><h2>{kind}</h2></header>{_class_legend(plane, regions)}"
        f'<div class="panels">{panels}</div></section>'
    )
    return Part(html, figures)


def _scale(plane: Plane, regions: Sequence[Region]) -> Plain:
    """The colours of the ground, the same in all panels."""
    count = len(plane.classes)
    if count == 2:
        return {"colorscale": _HALVES, "zmin": 0, "zmax": 1, "showscale": False}
    if count:
        tints = [_tint(_class_pen(k)[0]) for k in range(count)]
        steps = [(edge / count, tint) for k, tint in enumerate(tints) for edge in (k, k + 1)]
        return {"colorscale": steps, "zmin": -0.5, "zmax": count - 0.5, "showscale": False}
    values = pooled([plane.values, *(region.values for region in regions)])
    low, high = np.quantile(values, [0.01, 0.99]) if values.size else (0.0, 1.0)
    low, high = float(low), float(high) if high > low else float(low) + 1
    bar = {"thickness": 10, "len": 1, "outlinewidth": 0}
    return {"colorscale": "Cividis", "zmin": low, "zmax": high, "colorbar": bar}


def _region(plane: Plane, region: Region, scale: Plain) -> list[Plain]:
    """The ground and the points."""
    ground: Plain = {"x": _numbers(plane.x), "y": _numbers(plane.y), "z": _grid(region.values)}
    return [ground | scale | _ground(plane), *_points(plane, region, scale)]


def _ground(plane: Plane) -> Plain:
    """How the values on the grid are drawn; between two classes with a line at ½."""
    if len(plane.classes) == 2:
        line = {"start": 0.5, "end": 0.5, "size": 1, "coloring": "heatmap"}
        words = f"probability of {_text(plane.classes[1])}"
        hover = _hover("%{z:.2f}")
        drawn: Plain = {"type": "contour", "contours": line, "line": {"color": INK, "width": 1.2}}
        return drawn | {"name": words, "hovertemplate": hover}
    if plane.classes:
        return {"type": "heatmap", "hoverinfo": "skip"}
    return {"type": "heatmap", "name": "prediction", "hovertemplate": _hover("%{z:.4g}")}


def _points(plane: Plane, region: Region, scale: Plain) -> list[Plain]:
    """The data points, by class, and a ring around each that the network gets wrong."""
    size = 6.0 if len(plane.values) <= 400 else 4.0
    traces = []
    for k, name in enumerate(plane.classes):
        colour, marker = _class_pen(k)
        edge = {"width": 0.7, "color": "white" if k == 0 else "black"}
        drawn: Plain = {"color": colour, "symbol": _SYMBOLS[marker], "size": size, "line": edge}
        traces.append(_dots(plane.points[plane.values == k], _text(name), drawn))
    if not plane.classes:
        edge = {"width": 0.7, "color": "white"}
        ends = {"cmin": scale["zmin"], "cmax": scale["zmax"], "colorscale": scale["colorscale"]}
        drawn = {"color": _numbers(plane.values), "size": size, "line": edge} | ends
        trace = _dots(plane.points, "target", drawn)
        traces.append(trace | {"hovertemplate": _hover("%{marker.color:.4g}")})
    if region.wrong.any():
        ring = {"symbol": "circle-open", "size": 1.9 * size, "color": "black"}
        ring["line"] = {"width": 1.6}
        trace = _dots(plane.points[region.wrong], "wrong", ring)
        traces.append(trace | {"hoverinfo": "skip", "hovertemplate": None})
    return traces


def _dots(points: Numbers, name: str, marker: Plain) -> Plain:
    """Points of one kind."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": _numbers(points[:, 0]),
        "y": _numbers(points[:, 1]),
        "name": name,
        "marker": marker,
        "hovertemplate": _hover("(%{x:.4g}, %{y:.4g})"),
        "showlegend": False,
    }


def _panel(plane: Plane) -> Plain:
    """The layout of a small panel."""
    across, up = (
        {"title": {"text": _wrapped(name), "standoff": 4}, "nticks": 5, "range": [a[0], a[-1]]}
        for name, a in zip(plane.axes, (plane.x, plane.y), strict=True)
    )
    margin = {"l": 44, "r": 6, "t": 4, "b": 40}
    return _layout(across, up, margin) | {"dragmode": False, "font": _font(11)}


def _class_legend(plane: Plane, regions: Sequence[Region]) -> str:
    """What colours, markers and rings mean."""
    if not plane.classes:
        return '<p class="words">Points: targets. Ground: predictions, in the same colours.</p>'
    entries = [
        (_mark(_class_pen(k)[1], _class_pen(k)[0], False), name)
        for k, name in enumerate(plane.classes)
    ]
    if any(region.wrong.any() for region in regions):
        entries.append((_mark("o", "black", True), "wrong"))
    samples = "".join(f"<span>{svg} {escape(name)}</span>" for svg, name in entries)
    if len(plane.classes) == 2:
        samples += f"<span>ground: probability of {escape(plane.classes[1])}; line: ½</span>"
    return f'<p class="classes">{samples}</p>'


def _class_pen(k: int) -> tuple[str, str]:
    """Colour and marker of a class; they repeat after so many that none will see."""
    return _CLASS_COLOURS[k % len(_CLASS_COLOURS)], _CLASS_MARKERS[k % len(_CLASS_MARKERS)]


# ----------------------------------------------------------------------------------- trajectories


def _ways(surface: Surface, paths: Sequence[Path], strokes: Mapping[str, Pen]) -> Part:
    """The paths over the contour lines."""
    data = [_contours(surface)]
    for path in paths:
        data += _way(path, surface, strokes)
    for words, symbol, at in _landmarks(surface, paths):
        edge = {"width": 1.5, "color": "black"}
        mark = {"symbol": symbol, "size": 13, "color": "white", "line": edge}
        data.append(_dots(at[np.newaxis], words, mark))
    across, up = ({"range": [a[0], a[-1]]} for a in (surface.x, surface.y))
    notes = ["Circle: start. Star: minimum. Each contour line is a constant factor above the last."]
    if any(not np.isfinite(path.points).all() for path in paths):
        notes.append("×: it diverged.")
    figure = Figure("ways", data, _layout(across, up))
    return _figure_part(f"Ways on the {surface.name}", figure, notes)


def _landmarks(surface: Surface, paths: Sequence[Path]) -> list[tuple[str, str, Numbers]]:
    """The minimum, and where the paths begin: words, symbol, place."""
    starts = {tuple(path.points[0].tolist()): path.points[0] for path in paths}
    return [
        ("minimum", "star", surface.minimum),
        *(("start", "circle", start) for start in starts.values()),
    ]


def _contours(surface: Surface) -> Plain:
    """Lines of equal value, of the logarithm: the last are as far apart as the first."""
    positive = surface.values[surface.values > 0]
    least, most = float(np.quantile(positive, 0.005)), float(positive.max())
    low, high = math.log10(least), math.log10(most)
    levels = {"start": low, "end": high, "size": (high - low) / 11 or 1.0}
    return {
        "type": "contour",
        "x": _numbers(surface.x),
        "y": _numbers(surface.y),
        "z": _grid(np.log10(np.maximum(surface.values, least / 10))),
        "contours": levels | {"coloring": "fill"},
        "colorscale": [[0, "#ffffff"], [1, "#d4d4d4"]],
        "line": {"color": "#a8a8a8", "width": 0.6},
        "showscale": False,
        "hoverinfo": "skip",
    }


def _way(path: Path, surface: Surface, strokes: Mapping[str, Pen]) -> list[Plain]:
    """One path, as far as its points are near the surface, and a × where it ended if it diverged."""
    pen, group = strokes[path.name], _group(strokes, path.name)
    shown = _thin(_last_near(path, surface) + 1)
    x, y = path.points[shown].T
    line = _line(path.name, x, y, pen, group)
    line["marker"] |= {"maxdisplayed": 40, "size": 5}
    line["customdata"] = [
        [int(step), number]
        for step, number in zip(shown, _numbers(path.values[shown]), strict=True)
    ]
    line["hovertemplate"] = _hover("step %{customdata[0]}", "value %{customdata[1]:.4g}")
    if np.isfinite(path.points).all():
        return [line]
    low, high = np.array([surface.x[[0, -1]], surface.y[[0, -1]]]).T
    end = np.clip(path.points[shown[-1:]], low, high)
    return [line, _crosses(path.name, end[:, 0], end[:, 1], pen, group)]


def _last_near(path: Path, surface: Surface) -> int:
    """The last step within the surface, or the one after it: it shows where the path left."""
    low, high = np.array([surface.x[[0, -1]], surface.y[[0, -1]]]).T  # (2,), (2,)
    inside = np.flatnonzero(((path.points >= low) & (path.points <= high)).all(axis=1))
    alive = np.flatnonzero(np.isfinite(path.points).all(axis=1))
    return int(min(inside.max(initial=0) + 1, alive.max(initial=0)))


def _values(paths: Sequence[Path], strokes: Mapping[str, Pen]) -> Part:
    """The values against the steps."""
    start = pooled([first(path.values) for path in paths]).max(initial=0.0)
    least = start * np.finfo(np.float64).eps  # what is told from 0
    reached = [np.maximum(finite(path.values), least) for path in paths]
    frame = _frame("step", "value", [values for values in reached if settles(values)], reached)
    data = []
    for path, values in zip(paths, reached, strict=True):
        data += _fall(path.name, values, strokes, frame.top)
    return _figure_part("Value after each step", frame.figure("values", data), [])


def _fall(name: str, values: Numbers, strokes: Mapping[str, Pen], top: float) -> list[Plain]:
    """One line, and a × where it ended if it diverged."""
    pen, group = strokes[name], _group(strokes, name)
    steps, shown = np.arange(float(values.size)), _thin(values.size)
    line = _line(name, steps[shown], values[shown], pen, group)
    line["hovertemplate"] = _hover("step %{x}", "value %{y:.4g}")
    alive = np.flatnonzero(np.isfinite(values))
    if alive.size == values.size or not alive.size:
        return [line]
    last = alive[-1:]
    return [line, _crosses(name, steps[last], np.minimum(values[last], top), pen, group)]


# ------------------------------------------------------------------------------ learning-rate range


def _ranges(ranges: Sequence[Range], strokes: Mapping[str, Pen]) -> Part:
    """The losses, as far as they are not far above those at the beginning."""
    losses = [finite(each.losses) for each in ranges]
    calm = [first(each) for each in losses]
    name = "smoothed loss of the batches"
    frame = _frame("learning rate", name, calm, losses, x_log=True, kinds=("linear", "log"))
    data = []
    for each in ranges:
        data += _range(each, strokes, frame.top)
    words = ["The learning rate grows with every step. A ring: a rate to begin with."]
    if any(not np.isfinite(each.losses).all() for each in ranges):
        words.append("×: it diverged.")
    return _figure_part("Range test", frame.figure("ranges", data), words)


def _range(each: Range, strokes: Mapping[str, Pen], top: float) -> list[Plain]:
    """One line, a ring at the suggested rate, and a × at its end if it diverged."""
    pen, group = strokes[each.name], _group(strokes, each.name)
    shown = _thin(each.rates.size)
    line = _line(each.name, each.rates[shown], each.losses[shown], pen, group)
    line["hovertemplate"] = _hover("rate %{x:.3g}", "loss %{y:.4g}")
    at = each.rates == each.suggested
    traces = [line, _ring(each.rates[at], each.losses[at], group)]
    alive = np.flatnonzero(np.isfinite(each.losses))
    if alive.size and alive.size < each.losses.size:
        last = alive[-1:]
        y = np.minimum(each.losses[last], top)
        traces.append(_crosses(each.name, each.rates[last], y, pen, group))
    return traces


# ------------------------------------------------------------------------------ traces and layouts


def _line(name: str, x: Numbers, y: Numbers, pen: Pen, group: str) -> Plain:
    """A line with a few markers; what its text has to say is set by the caller."""
    edge = {"width": 1.5, "color": pen.colour}
    symbol = _SYMBOLS[pen.marker] + ("-open" if pen.hollow else "")
    marker = {"symbol": symbol, "size": 7, "maxdisplayed": MARKERS, "line": edge}
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": _text(name),
        "x": _numbers(x),
        "y": _numbers(y),
        "line": {"color": pen.colour, "width": 2, "dash": _dash(pen)},
        "marker": marker | {"color": pen.colour},
        "legendgroup": group,
        "showlegend": False,
    }


def _marks(x: Numbers, y: Numbers, symbol: str, size: int | Places, pen: Pen, group: str) -> Plain:
    """Marks without a line."""
    sizes = size if isinstance(size, int) else size.tolist()
    line = {"width": 2, "color": pen.colour}  # a thin × has no inside
    return {
        "type": "scatter",
        "mode": "markers",
        "x": _numbers(x),
        "y": _numbers(y),
        "marker": {"symbol": symbol, "size": sizes, "color": pen.colour, "line": line},
        "cliponaxis": False,
        "legendgroup": group,
        "showlegend": False,
    }


def _crosses(name: str, x: Numbers, y: Numbers, pen: Pen, group: str) -> Plain:
    """A × where something diverged."""
    trace = _marks(x, y, "x-thin", 12, pen, group)
    return trace | {"name": _text(name), "hovertemplate": _hover("diverged")}


def _ring(x: Numbers, y: Numbers, group: str) -> Plain:
    """A ring around a point."""
    black = Pen("#000000", (), "o")
    return _marks(x, y, "circle-open", 15, black, group) | {"hoverinfo": "skip"}


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


def _frame(
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
    return Frame(_layout(across, up), choices if len(choices) > 1 else {}, window[1])


_POWERS = {"exponentformat": "power", "minexponent": 4}


def _shown(window: Window, kind: str) -> list[float]:
    """What Plotly calls the range: the window with room around it, of a log axis the exponents."""
    low, high = (math.log10(end) for end in window) if kind == "log" else window
    room = 0.05 * (high - low) or 0.5
    return [low - room, high + room]


def _layout(across: Plain, up: Plain, margin: Plain | None = None) -> Plain:
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
        "font": _font(13),
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "white", "font": {"color": INK}},
        "showlegend": False,
    }


def _font(size: int) -> Plain:
    return {"family": "system-ui, sans-serif", "size": size, "color": INK}


def _hover(*words: str) -> str:
    """What is shown beside the pointer: the name of the trace, and the words below it."""
    return "<br>".join(["%{fullData.name}", *words]) + "<extra></extra>"


def _dash(pen: Pen) -> str:
    """The ink and gaps of a line that is 2 pixels wide."""
    return ",".join(f"{2 * part:g}px" for part in pen.dashes) or "solid"


def _faint(colour: str, alpha: float) -> str:
    """A colour that lets others through."""
    red, green, blue = _rgb(colour)
    return f"rgba({red},{green},{blue},{alpha:g})"


def _tint(colour: str) -> str:
    """A colour mixed with white."""
    red, green, blue = (round(255 - 0.45 * (255 - part)) for part in _rgb(colour))
    return f"rgb({red},{green},{blue})"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:], 16)


def _group(strokes: Mapping[str, Pen], name: str) -> str:
    """What the traces of one optimizer have in common: a word without anything from outside."""
    return f"g{list(strokes).index(name)}" if name in strokes else ""


# ---------------------------------------------------------------------------------------- numbers


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


def _thin(count: int) -> Places:
    """The numbers of the points to draw, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.int_))


def _numbers(values: Iterable[float]) -> list[float | None]:
    """To few figures; None where there is no number."""
    return [float(f"{value:.{FIGURES}g}") if math.isfinite(value) else None for value in values]


def _grid(values: Numbers) -> list[list[float | None]]:
    """The values on a grid, to few figures of the largest; whole numbers as such."""
    alive = values[np.isfinite(values)]
    largest = float(np.abs(alive).max(initial=0.0)) or 1.0
    digits = GRID_FIGURES - 1 - math.floor(math.log10(largest))
    rounded = np.round(values, digits)
    if (alive == np.rint(alive)).all():
        return [[int(v) if math.isfinite(v) else None for v in row] for row in rounded.tolist()]
    return [[v if math.isfinite(v) else None for v in row] for row in rounded.tolist()]


# ------------------------------------------------------------------------------------------- HTML


def _document(
    title: str,
    parts: Sequence[Part],
    strokes: Mapping[str, Pen],
    rates: Mapping[str, float | None],
    *,
    rate: str = "learning rate",
    table: Cells | None = None,
) -> str:
    """The whole page; the legend stands beside all figures."""
    figures = [figure for part in parts for figure in part.figures]
    return _PAGE.format(
        policy=POLICY,
        title=escape(title),
        style=_STYLE,
        table=_table(table),
        sections="\n".join(part.html for part in parts),
        legend=_legend(strokes, rates, rate),
        data=_json([vars(figure) for figure in figures]),
        plotly=_plotly(),
        script=_SCRIPT,
    )


def _plotly() -> str:
    """The script that draws."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as absent:
        raise MissingExtra("plot") from absent
    return str(get_plotlyjs())


def _legend(strokes: Mapping[str, Pen], rates: Mapping[str, float | None], rate: str) -> str:
    """A button for each optimizer; it hides and shows it in all figures."""
    entries = "".join(
        f'<button type="button" data-toggle="{_group(strokes, name)}" aria-pressed="true">'
        f"{_sample(pen)}<span>{escape(name)}{_rate(rates.get(name))}</span></button>"
        for name, pen in strokes.items()
    )
    rated = any(each is not None for each in rates.values())
    heading = f"optimizer ({rate})" if rated else "optimizer"
    return f"<h2>{heading}</h2><div>{entries}</div>"


def _rate(rate: float | None) -> str:
    return "" if rate is None else f" ({rate:.3g})"


def _sample(pen: Pen) -> str:
    """A short line with its marker."""
    gaps = " ".join(f"{2 * part:g}" for part in pen.dashes)
    return (
        '<svg width="44" height="14" viewBox="0 0 44 14" aria-hidden="true"><path d="M1 7H43" '
        f'stroke="{pen.colour}" stroke-width="2" stroke-dasharray="{gaps}"/>'
        f"{_polygon(pen.marker, pen.colour, pen.hollow, 22)}</svg>"
    )


def _mark(marker: str, colour: str, hollow: bool) -> str:
    """A marker alone."""
    return (
        '<svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">'
        f"{_polygon(marker, colour, hollow, 7)}</svg>"
    )


def _polygon(marker: str, colour: str, hollow: bool, x: float) -> str:
    """A marker as a polygon, at a height of 7."""
    corners, first, near = _CORNERS[marker]
    points = [
        (x + radius * math.cos(angle), 7 - radius * math.sin(angle))
        for k in range(corners)
        for angle in [math.radians(first + 360 * k / corners)]
        for radius in [5.0 * (near if k % 2 else 1.0)]
    ]
    inside = "white" if hollow else colour
    joined = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return f'<polygon points="{joined}" fill="{inside}" stroke="{colour}" stroke-width="1.4"/>'


def _text(text: str) -> str:
    """For Plotly, which reads some tags in its texts: what is no tag of its own stays text."""
    return escape(text, quote=False)


def _wrapped(text: str) -> str:
    """For Plotly, in at most two lines that are no longer than a panel."""
    return "<br>".join(map(_text, textwrap.wrap(text, 30, max_lines=2, placeholder="…")))


def _json(data: object) -> str:
    """JSON in which nothing can end the script element that it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, default=float)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


_STYLE = """
body { margin: 0 auto; max-width: 1240px; padding: 0 16px 32px; background: white; color: #1a1a1a;
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 20px 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0; }
main { display: grid; grid-template-columns: minmax(0, 1fr) 210px; column-gap: 24px; }
main > div { grid-area: 1 / 1; }
section { margin: 12px 0 24px; }
section > header { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center;
  justify-content: space-between; }
aside { grid-area: 1 / 2; position: sticky; top: 12px; align-self: start; max-height: 96vh; overflow-y: auto; }
aside h2 { font-size: 0.9rem; margin: 14px 0 6px; }
aside button { display: flex; gap: 8px; align-items: center; width: 100%; padding: 3px 4px;
  border: 0; background: none; color: inherit; font: inherit; font-size: 0.88rem; text-align: left;
  cursor: pointer; overflow-wrap: anywhere; }
aside button svg { flex: none; }
aside button[aria-pressed="false"] { opacity: 0.4; text-decoration: line-through; }
button:focus-visible { outline: 2px solid #0072b2; }
.choice button { border: 1px solid #767676; background: white; color: inherit; font: inherit;
  font-size: 0.85rem; padding: 2px 10px; cursor: pointer; }
.choice button[aria-pressed="true"] { background: #1a1a1a; color: white; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 4px; }
th { border-bottom: 2px solid #1a1a1a; padding: 0; }
th button { width: 100%; border: 0; background: none; font: inherit; color: inherit;
  padding: 4px 12px; text-align: inherit; cursor: pointer; white-space: nowrap; }
th:first-child button { padding-left: 4px; }
th[aria-sort="ascending"] button::after { content: " ▲"; }
th[aria-sort="descending"] button::after { content: " ▼"; }
.large { height: 430px; }
.words, .classes { margin: 4px 0; font-size: 0.88rem; color: #444; }
.classes span { display: inline-block; margin-right: 16px; overflow-wrap: anywhere; }
.classes svg { vertical-align: -2px; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 12px; }
.panels figure { margin: 0; min-width: 0; }
.panels figcaption { padding-left: 44px; overflow-wrap: anywhere; }
.square { aspect-ratio: 1; min-height: 0; overflow: hidden; }
@media (max-width: 760px) {
  main { display: block; }
  aside { position: static; max-height: none; }
  aside div { display: flex; flex-wrap: wrap; gap: 0 12px; }
  aside button { width: auto; }
  .large { height: 340px; }
}
"""

_SCRIPT = """
"use strict";
const all = (query) => [...document.querySelectorAll(query)];
const narrow = matchMedia("(max-width: 760px)").matches;
const figures = JSON.parse(document.getElementById("figures").textContent);
const config = { responsive: true, displaylogo: false, typesetMath: false,
  showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
for (const { key, data, layout } of figures) {
  if (narrow) layout.dragmode = false;  // a finger scrolls the page
  const displayModeBar = layout.dragmode === false ? false : "hover";
  Plotly.newPlot(key, data, layout, { ...config, displayModeBar });
}

// the scale of an axis
for (const button of all("[data-change]")) button.onclick = () => {
  const { key, buttons } = figures.find((each) => each.key === button.dataset.figure);
  Plotly.relayout(key, structuredClone(Object.values(buttons)[button.dataset.change]));
  for (const each of button.parentNode.children) each.ariaPressed = each === button;
};

// the legend
for (const button of all("[data-toggle]")) button.onclick = () => {
  const group = button.dataset.toggle, shown = button.ariaPressed !== "true";
  button.ariaPressed = shown;
  for (const { key, data } of figures) {
    const mine = data.flatMap((trace, k) => trace.legendgroup === group ? [k] : []);
    if (mine.length) Plotly.restyle(key, { visible: shown }, mine);
  }
  for (const panel of all("figure")) if (panel.dataset.group === group) panel.hidden = !shown;
};

// the table: numbers by size, then words, then dashes
const units = { ns: 1e-9, "µs": 1e-6, ms: 1e-3 };
const worth = (text) => {
  const [, number, unit] = /^(-?[0-9][0-9.,]*(?:e[-+]?[0-9]+)?)\\s*(\\S*)/.exec(text) || [];
  return number ? Number(number.replaceAll(",", "")) * (units[unit] || 1) : text === "–" ? 2e308 : 1e308;
};
all("th").forEach((header, column) => header.onclick = () => {
  const sign = header.ariaSort === "ascending" ? -1 : 1, body = header.closest("table").tBodies[0];
  const text = (row) => row.cells[column].textContent;
  const order = (a, b) => sign * (worth(text(a)) - worth(text(b)) || text(a).localeCompare(text(b)));
  all("th").forEach((each) => each.removeAttribute("aria-sort"));
  header.ariaSort = sign > 0 ? "ascending" : "descending";
  body.append(...[...body.rows].sort(order));
});
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{table}
<main>
<aside>{legend}</aside>
<div>
{sections}
</div>
</main>
<script type="application/json" id="figures">{data}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""
