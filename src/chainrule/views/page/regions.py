"""Decision regions: a panel for each network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from chainrule.views.data import Numbers, Plane, Region
from chainrule.views.numbers import pooled
from chainrule.views.page.marks import mark_svg
from chainrule.views.page.parts import Part
from chainrule.views.page.traces import (
    INK,
    SYMBOLS,
    Figure,
    Plain,
    font_of,
    grid_numbers,
    group_of,
    hover_words,
    layout_of,
    numbers_of,
    plain_text,
    tinted,
    wrapped_text,
)
from chainrule.views.pens import COLOURS, Pen

_HALVES = ((0.0, "#5DA4CE"), (0.5, "#FAFAFA"), (1.0, "#F5CE75"))


_CLASS_COLOURS = (*(COLOURS[k] for k in (0, 1, 4, 5, 6, 7, 3)), "#777777", "#332288", "#F0E442")


_CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "*", "<", "h", ">")


def regions_part(plane: Plane, regions: Sequence[Region], strokes: Mapping[str, Pen]) -> Part:
    """A panel for each network, in rows as long as the screen is wide."""
    scale = _scale(plane, regions)
    figures = [
        Figure(f"region{k}", _region(plane, region, scale), _panel(plane))
        for k, region in enumerate(regions)
    ]
    panels = "".join(
        f'<figure data-group="{group_of(strokes, region.name)}"><figcaption><b>'
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
        tints = [tinted(_class_pen(k)[0]) for k in range(count)]
        steps = [(edge / count, tint) for k, tint in enumerate(tints) for edge in (k, k + 1)]
        return {"colorscale": steps, "zmin": -0.5, "zmax": count - 0.5, "showscale": False}
    values = pooled([plane.values, *(region.values for region in regions)])
    low, high = np.quantile(values, [0.01, 0.99]) if values.size else (0.0, 1.0)
    low, high = float(low), float(high) if high > low else float(low) + 1
    bar = {"thickness": 10, "len": 1, "outlinewidth": 0}
    return {"colorscale": "Cividis", "zmin": low, "zmax": high, "colorbar": bar}


def _region(plane: Plane, region: Region, scale: Plain) -> list[Plain]:
    """The ground and the points."""
    ground: Plain = {
        "x": numbers_of(plane.x),
        "y": numbers_of(plane.y),
        "z": grid_numbers(region.values),
    }
    return [ground | scale | _ground(plane), *_points(plane, region, scale)]


def _ground(plane: Plane) -> Plain:
    """How the values on the grid are drawn; between two classes with a line at ½."""
    if len(plane.classes) == 2:
        line = {"start": 0.5, "end": 0.5, "size": 1, "coloring": "heatmap"}
        words = f"probability of {plain_text(plane.classes[1])}"
        hover = hover_words("%{z:.2f}")
        drawn: Plain = {"type": "contour", "contours": line, "line": {"color": INK, "width": 1.2}}
        return drawn | {"name": words, "hovertemplate": hover}
    if plane.classes:
        return {"type": "heatmap", "hoverinfo": "skip"}
    return {"type": "heatmap", "name": "prediction", "hovertemplate": hover_words("%{z:.4g}")}


def _points(plane: Plane, region: Region, scale: Plain) -> list[Plain]:
    """The data points, by class, and a ring around each that the network gets wrong."""
    size = 6.0 if len(plane.values) <= 400 else 4.0
    traces = []
    for k, name in enumerate(plane.classes):
        colour, marker = _class_pen(k)
        edge = {"width": 0.7, "color": "white" if k == 0 else "black"}
        drawn: Plain = {"color": colour, "symbol": SYMBOLS[marker], "size": size, "line": edge}
        traces.append(dots_trace(plane.points[plane.values == k], plain_text(name), drawn))
    if not plane.classes:
        edge = {"width": 0.7, "color": "white"}
        ends = {"cmin": scale["zmin"], "cmax": scale["zmax"], "colorscale": scale["colorscale"]}
        drawn = {"color": numbers_of(plane.values), "size": size, "line": edge} | ends
        trace = dots_trace(plane.points, "target", drawn)
        traces.append(trace | {"hovertemplate": hover_words("%{marker.color:.4g}")})
    if region.wrong.any():
        ring = {"symbol": "circle-open", "size": 1.9 * size, "color": "black"}
        ring["line"] = {"width": 1.6}
        trace = dots_trace(plane.points[region.wrong], "wrong", ring)
        traces.append(trace | {"hoverinfo": "skip", "hovertemplate": None})
    return traces


def dots_trace(points: Numbers, name: str, marker: Plain) -> Plain:
    """Points of one kind."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": numbers_of(points[:, 0]),
        "y": numbers_of(points[:, 1]),
        "name": name,
        "marker": marker,
        "hovertemplate": hover_words("(%{x:.4g}, %{y:.4g})"),
        "showlegend": False,
    }


def _panel(plane: Plane) -> Plain:
    """The layout of a small panel."""
    across, up = (
        {"title": {"text": wrapped_text(name), "standoff": 4}, "nticks": 5, "range": [a[0], a[-1]]}
        for name, a in zip(plane.axes, (plane.x, plane.y), strict=True)
    )
    margin = {"l": 44, "r": 6, "t": 4, "b": 40}
    return layout_of(across, up, margin) | {"dragmode": False, "font": font_of(11)}


def _class_legend(plane: Plane, regions: Sequence[Region]) -> str:
    """What colours, markers and rings mean."""
    if not plane.classes:
        return '<p class="words">Points: targets. Ground: predictions, in the same colours.</p>'
    entries = [
        (mark_svg(_class_pen(k)[1], _class_pen(k)[0], False), name)
        for k, name in enumerate(plane.classes)
    ]
    if any(region.wrong.any() for region in regions):
        entries.append((mark_svg("o", "black", True), "wrong"))
    samples = "".join(f"<span>{svg} {escape(name)}</span>" for svg, name in entries)
    if len(plane.classes) == 2:
        samples += f"<span>ground: probability of {escape(plane.classes[1])}; line: ½</span>"
    return f'<p class="classes">{samples}</p>'


def _class_pen(k: int) -> tuple[str, str]:
    """Colour and marker of a class; they repeat after so many that none will see."""
    return _CLASS_COLOURS[k % len(_CLASS_COLOURS)], _CLASS_MARKERS[k % len(_CLASS_MARKERS)]
