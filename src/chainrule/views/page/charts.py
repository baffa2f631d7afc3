"""Charts for light and dark ground: the theme's colours of axes and text are set by the page's script."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np

from chainrule.views.exhibits import Chart, Places, Series
from chainrule.views.page.parts import Part
from chainrule.views.page.traces import Figure, Plain, faint_colour, numbers_of, plain_text

# Each has a contrast of 3 or more with white and with the dark ground; after Okabe and Ito (2008).
PALETTE = (
    "#0072B2",  # blue
    "#D55E00",  # vermilion
    "#00906A",  # green
    "#9A6FC4",  # violet
    "#B07800",  # ochre
    "#B8558C",  # pink
    "#2E8FA8",  # teal
    "#808080",  # grey
)
GREY = len(PALETTE) - 1
_DASHES = ("solid", "dash", "dashdot", "dot", "longdash", "longdashdot")
_STRIP, _GAP = 0.17, 0.06  # of a chart's height: what stands below it, and between the two


def chart_part(key: str, chart: Chart) -> Part:
    """A figure with its name above it and a note below."""
    named = [series.name for series in chart.series if series.look != "band"]
    said = f"{chart.name}: {chart.y} against {chart.x}"
    note = f"<p>{escape(chart.note)}</p>" if chart.note else ""
    html = (
        f"<figure><figcaption><h3>{escape(chart.name)}</h3></figcaption>"
        f'<div id="{key}" class="chart" role="img" aria-label="{escape(said)}"></div>{note}</figure>'
    )
    data = [_trace(series, k) for k, series in enumerate(chart.series)]
    _name_once(data)
    if chart.below is not None:
        data.append(_trace(chart.below, 0) | {"yaxis": "y2", "showlegend": False})
    return Part(html, [Figure(key, data, _layout(chart, len(set(named)) > 1))])


def _name_once(data: list[Plain]) -> None:
    """A legend has one entry for all traces of a name."""
    seen: set[str] = set()
    for trace in data:
        trace["showlegend"] = bool(trace["name"]) and trace["name"] not in seen
        trace["legendgroup"] = trace["name"]
        seen.add(trace["name"])


def _trace(series: Series, k: int) -> Plain:
    colour = PALETTE[series.colour % len(PALETTE)]
    trace: Plain = {
        "type": "bar" if series.look == "bars" else "scatter",
        "name": plain_text(series.name),
        "x": _along(series.x),
        "y": numbers_of(series.y),
        "hovertemplate": _hint(series),
    } | _look(series, colour)
    if series.hints:
        trace["text"] = [plain_text(hint) for hint in series.hints]
        trace["textposition"] = "none" if series.look == "bars" else "top center"
    return trace


def _hint(series: Series) -> str:
    if series.look == "band":
        return ""
    words = "%{text}" if series.hints else "%{x}, %{y:.4g}"
    return f"{words}<extra>{plain_text(series.name).replace('%', '&#37;')}</extra>"


def _look(series: Series, colour: str) -> Plain:
    """What Plotly is told of lines, markers and bars."""
    dash = _DASHES[series.colour % len(_DASHES)] if series.colour != GREY else "dash"
    match series.look:
        case "bars":
            return {"marker": {"color": faint_colour(colour, 0.55)}}
        case "points":
            marker = {"size": 5, "color": faint_colour(colour, 0.4)}
            return {"mode": "markers", "marker": marker}
        case "marks":
            line = {"color": colour, "width": 2, "dash": dash}
            return {"mode": "lines+markers", "line": line, "marker": {"size": 7, "color": colour}}
        case "band":
            fill = faint_colour(colour, 0.18)
            return {"mode": "lines", "line": {"width": 0}, "fill": "toself", "fillcolor": fill, "hoverinfo": "skip"}  # fmt: skip
        case "faint":
            return {"mode": "lines", "line": {"color": faint_colour(colour, 0.4), "width": 1.2}}
        case "dashes":
            return {"mode": "lines", "line": {"color": colour, "width": 2, "dash": "dash"}}
        case _:
            return {"mode": "lines", "line": {"color": colour, "width": 2, "dash": dash}}


def _layout(chart: Chart, legend: bool) -> Plain:
    categories = any(not isinstance(series.x, np.ndarray) for series in chart.series)
    across: Plain = {"title": {"text": plain_text(chart.x)}, "automargin": True, "nticks": 8}
    if categories and not _dates(chart):
        across |= {"type": "category"}
    up: Plain = {"title": {"text": plain_text(chart.y)}, "automargin": True, "nticks": 7}
    up |= {"type": "log", "exponentformat": "power", "minexponent": 4} if chart.log else {}
    if chart.limits:
        up["range"] = [math.log10(end) for end in chart.limits] if chart.log else [*chart.limits]
    layout: Plain = {
        "xaxis": across,
        "yaxis": up,
        "margin": {
            "l": 54,
            "r": 12,
            "t": 34 if legend and chart.legend == "above" else 12,
            "b": 44,
        },
        "hovermode": "closest",
        "bargap": 0.04,
        "showlegend": legend,
        "legend": _legend(chart),
        "shapes": _guide(chart),
    }
    return layout | (_strip(up) if chart.below is not None else {})


def _dates(chart: Chart) -> bool:
    first = chart.series[0].x
    return (
        not isinstance(first, np.ndarray)
        and bool(first)
        and first[0][:4].isdigit()
        and "-" in first[0]
    )


def _strip(up: Plain) -> Plain:
    """A second axis below the first."""
    return {
        "yaxis": up | {"domain": [_STRIP + _GAP, 1]},
        "yaxis2": {"domain": [0, _STRIP], "nticks": 3, "automargin": True, "anchor": "x"},
    }


def _legend(chart: Chart) -> Plain:
    if chart.legend == "above":
        return {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    return {"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom"}


def _guide(chart: Chart) -> list[Plain]:
    """The thin line that points are compared with."""
    line = {"color": PALETTE[GREY], "width": 1, "dash": "dot"}
    if chart.guide == "y = 0":
        return [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": line}]
    if chart.guide is None:
        return []
    both = np.concatenate([np.asarray(series.x, np.float64) for series in chart.series])
    low, high = float(np.nanmin(both)), float(np.nanmax(both))
    return [{"type": "line", "x0": low, "y0": low, "x1": high, "y1": high, "line": line}]


def _along(x: Places) -> list[Any]:
    return numbers_of(x) if isinstance(x, np.ndarray) else [plain_text(each) for each in x]
