"""Charts for light and dark ground: the theme's colours of axes and text are set by the page's script."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np

from chainrule.views.exhibits import Chart, Look, Places, Series
from chainrule.views.numbers import pooled
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
_FEW = 8  # places on an axis, that each have a tick
_LETTERS = 12  # of a category below an axis
_STRIP, _GAP = 0.17, 0.06  # of a chart's height: what stands below it, and between the two


def chart_part(key: str, chart: Chart) -> Part:
    """A figure with its name above it and a note below."""
    named = [series.name for series in chart.series if series.look != "band"]
    said = f"{chart.name}: {chart.y} against {chart.x or chart.name}"
    note = f"<p>{escape(chart.note)}</p>" if chart.note else ""
    html = (
        f"<figure><figcaption><h3>{escape(chart.name)}</h3></figcaption>"
        f'<div id="{key}" class="chart" role="img" aria-label="{escape(said)}"></div>{note}</figure>'
    )
    data = [_trace(series) for series in chart.series]
    _name_once(data)
    if chart.below is not None:
        data.append(_trace(chart.below) | {"yaxis": "y2", "showlegend": False})
    return Part(
        html, [Figure(key, data, _layout(chart, len(set(named)) > 1 or chart.legend != "above"))]
    )


def _name_once(data: list[Plain]) -> None:
    """A legend has one entry for all traces of a name, drawn like the last of them."""
    seen: set[str] = set()
    for trace in reversed(data):
        trace["showlegend"] = bool(trace["name"]) and trace["name"] not in seen
        trace["legendgroup"] = trace["name"]
        seen.add(trace["name"])


def _trace(series: Series) -> Plain:
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
    dash = _DASHES[series.colour % len(_DASHES)] if series.look != "dashes" else "dash"
    line = {"color": colour, "width": 2, "dash": dash}
    looks: dict[Look, Plain] = {
        "line": {"mode": "lines", "line": line},
        "dashes": {"mode": "lines", "line": line},
        "faint": {"mode": "lines", "line": {"color": faint_colour(colour, 0.4), "width": 1.2}},
        "marks": {"mode": "lines+markers", "line": line, "marker": {"size": 7, "color": colour}},
        "dots": {"mode": "markers", "marker": {"size": 9, "color": colour}},
        "points": {"mode": "markers", "marker": {"size": 5, "color": faint_colour(colour, 0.4)}},
        "bars": {"marker": {"color": faint_colour(colour, 0.65)}},
        "band": {
            "mode": "lines",
            "line": {"width": 0},
            "fill": "toself",
            "fillcolor": faint_colour(colour, 0.18),
            "hoverinfo": "skip",
        },
    }
    return looks[series.look]


def _layout(chart: Chart, legend: bool) -> Plain:
    across = {"title": {"text": plain_text(chart.x)}, "automargin": True} | _across(chart)
    up = {"title": {"text": plain_text(chart.y)}, "automargin": True, "nticks": 7}
    if chart.log:
        up |= {"type": "log"} | _log_ticks(chart)
    if chart.limits:
        up["range"] = [*chart.limits]
    above = legend and chart.legend == "above"
    layout: Plain = {
        "xaxis": across,
        "yaxis": up,
        "margin": {"l": 54, "r": 12, "t": 34 if above else 12, "b": 44},
        "hovermode": "closest",
        "bargap": 0.04,
        "showlegend": legend,
        "legend": _legend(chart),
        "shapes": _guide(chart),
    }
    return layout | (_strip(across, up) if chart.below is not None else {})


def _across(chart: Chart) -> Plain:
    """The kind of the x axis, and its ticks where all of its few places have one."""
    if not chart.series:
        return {}
    x, look = chart.series[0].x, chart.series[0].look
    if not isinstance(x, np.ndarray):
        return {"type": "category"} | _ticks(x)
    if x.dtype.kind == "M":
        return {"type": "date", "nticks": 5}
    few = look != "line" and len(x) <= _FEW and (x == np.rint(x)).all()
    return {"tickvals": x.tolist()} if few else {"nticks": 8}


def _log_ticks(chart: Chart) -> Plain:
    """Ticks at 1, 2 and 5 times powers of ten, or at the powers where there are many."""
    y = pooled([series.y for series in chart.series])
    low, high = (math.floor(math.log10(end)) for end in (y.min(), y.max()))
    steps = (1, 2, 5) if high - low < 3 else (1,)
    at = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return {"tickvals": at, "ticktext": [f"{each:g}" for each in at]}


def _ticks(names: Places) -> Plain:
    """All categories, each by its first letters."""
    short = [
        name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in map(str, names)
    ]
    return {"tickvals": list(range(len(short))), "ticktext": [plain_text(name) for name in short]}


def _strip(across: Plain, up: Plain) -> Plain:
    """A second y axis below the first."""
    return {
        "xaxis": across | {"anchor": "y2"},
        "yaxis": up | {"domain": [_STRIP + _GAP, 1]},
        "yaxis2": {"domain": [0, _STRIP], "nticks": 3, "automargin": True, "anchor": "x"},
    }


def _legend(chart: Chart) -> Plain:
    if chart.legend == "above":
        return {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    return {"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom"}


def _guide(chart: Chart) -> list[Plain]:
    """The thin line that points are compared with."""
    line = {"color": PALETTE[GREY], "width": 1.5, "dash": "dot"}
    if chart.guide == "y = 0":
        return [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": line}]
    if chart.guide is None or not chart.series:
        return []
    both = pooled([np.r_[series.x, series.y] for series in chart.series])
    low, high = float(both.min()), float(both.max())
    return [{"type": "line", "x0": low, "y0": low, "x1": high, "y1": high, "line": line}]


def _along(x: Places) -> list[Any]:
    if not isinstance(x, np.ndarray):
        return [plain_text(each) for each in x]
    return [str(each) for each in x] if x.dtype.kind == "M" else numbers_of(x)
