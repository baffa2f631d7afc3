"""Ways: where optimizers went on a surface, and what they had reached after each step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.views.data import Numbers, Path, Surface
from chainrule.views.numbers import finite, first, pooled, settles
from chainrule.views.page.parts import Part, figure_part
from chainrule.views.page.regions import dots_trace
from chainrule.views.page.traces import (
    Figure,
    Plain,
    crosses_trace,
    frame_of,
    grid_numbers,
    group_of,
    hover_words,
    layout_of,
    line_trace,
    numbers_of,
    thinned,
)
from chainrule.views.pens import Pen


def ways_part(surface: Surface, paths: Sequence[Path], strokes: Mapping[str, Pen]) -> Part:
    """The paths over the contour lines."""
    data = [_contours(surface)]
    for path in paths:
        data += _way(path, surface, strokes)
    for words, symbol, at in _landmarks(surface, paths):
        edge = {"width": 1.5, "color": "black"}
        mark = {"symbol": symbol, "size": 13, "color": "white", "line": edge}
        data.append(dots_trace(at[np.newaxis], words, mark))
    across, up = ({"range": [a[0], a[-1]]} for a in (surface.x, surface.y))
    notes = ["Circle: start. Star: minimum. Each contour line is a constant factor above the last."]
    if any(not np.isfinite(path.points).all() for path in paths):
        notes.append("×: it diverged.")
    figure = Figure("ways", data, layout_of(across, up))
    return figure_part(f"Ways on the {surface.name}", figure, notes)


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
        "x": numbers_of(surface.x),
        "y": numbers_of(surface.y),
        "z": grid_numbers(np.log10(np.maximum(surface.values, least / 10))),
        "contours": levels | {"coloring": "fill"},
        "colorscale": [[0, "#ffffff"], [1, "#d4d4d4"]],
        "line": {"color": "#a8a8a8", "width": 0.6},
        "showscale": False,
        "hoverinfo": "skip",
    }


def _way(path: Path, surface: Surface, strokes: Mapping[str, Pen]) -> list[Plain]:
    """One path, as far as its points are near the surface, and a × where it ended if it diverged."""
    pen, group = strokes[path.name], group_of(strokes, path.name)
    shown = thinned(_last_near(path, surface) + 1)
    x, y = path.points[shown].T
    line = line_trace(path.name, x, y, pen, group)
    line["marker"] |= {"maxdisplayed": 40, "size": 5}
    line["customdata"] = [
        [int(step), number]
        for step, number in zip(shown, numbers_of(path.values[shown]), strict=True)
    ]
    line["hovertemplate"] = hover_words("step %{customdata[0]}", "value %{customdata[1]:.4g}")
    if np.isfinite(path.points).all():
        return [line]
    low, high = np.array([surface.x[[0, -1]], surface.y[[0, -1]]]).T
    end = np.clip(path.points[shown[-1:]], low, high)
    return [line, crosses_trace(path.name, end[:, 0], end[:, 1], pen, group)]


def _last_near(path: Path, surface: Surface) -> int:
    """The last step within the surface, or the one after it: it shows where the path left."""
    low, high = np.array([surface.x[[0, -1]], surface.y[[0, -1]]]).T  # (2,), (2,)
    inside = np.flatnonzero(((path.points >= low) & (path.points <= high)).all(axis=1))
    alive = np.flatnonzero(np.isfinite(path.points).all(axis=1))
    return int(min(inside.max(initial=0) + 1, alive.max(initial=0)))


def values_part(paths: Sequence[Path], strokes: Mapping[str, Pen]) -> Part:
    """The values against the steps."""
    start = pooled([first(path.values) for path in paths]).max(initial=0.0)
    least = start * np.finfo(np.float64).eps  # what is told from 0
    reached = [np.maximum(finite(path.values), least) for path in paths]
    frame = frame_of("step", "value", [values for values in reached if settles(values)], reached)
    data = []
    for path, values in zip(paths, reached, strict=True):
        data += _fall(path.name, values, strokes, frame.top)
    return figure_part("Value after each step", frame.figure("values", data), [])


def _fall(name: str, values: Numbers, strokes: Mapping[str, Pen], top: float) -> list[Plain]:
    """One line, and a × where it ended if it diverged."""
    pen, group = strokes[name], group_of(strokes, name)
    steps, shown = np.arange(float(values.size)), thinned(values.size)
    line = line_trace(name, steps[shown], values[shown], pen, group)
    line["hovertemplate"] = hover_words("step %{x}", "value %{y:.4g}")
    alive = np.flatnonzero(np.isfinite(values))
    if alive.size == values.size or not alive.size:
        return [line]
    last = alive[-1:]
    return [line, crosses_trace(name, steps[last], np.minimum(values[last], top), pen, group)]
