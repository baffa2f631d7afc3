"""Learning rates: the loss that each led to, and one training in which they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.views.data import Range, Search
from chainrule.views.numbers import finite, first, lowest
from chainrule.views.page.parts import Part, figure_part
from chainrule.views.page.traces import (
    Plain,
    crosses_trace,
    frame_of,
    group_of,
    hover_words,
    line_trace,
    ring_trace,
    thinned,
)
from chainrule.views.pens import Pen


def searches_part(searches: Sequence[Search], strokes: Mapping[str, Pen]) -> Part:
    """Losses against rates, and above them a strip with the rates that diverged."""
    losses = [finite(search.losses) for search in searches]
    calm = [lowest(each, 0.8) for each in losses]
    frame = frame_of("learning rate", "loss reached", calm, losses, x_log=True)
    lost = [search for search in searches if not np.isfinite(search.losses).all()]
    data = []
    for search in searches:
        data += _search(search, strokes)
    data += [_lost(search, k, strokes) for k, search in enumerate(reversed(lost))]
    words = ["A ring: the rate that was chosen."]
    if lost:
        frame.layout |= _strip(frame.layout, len(lost))
        words.append("In the strip at the top: training diverged.")
    return figure_part("Search for the learning rate", frame.figure("searches", data), words)


def _search(search: Search, strokes: Mapping[str, Pen]) -> list[Plain]:
    """A line with a marker for each rate, and a ring around the chosen one."""
    pen, group = strokes[search.name], group_of(strokes, search.name)
    line = line_trace(search.name, search.rates, search.losses, pen, group)
    line["marker"]["maxdisplayed"] = 0
    line["hovertemplate"] = hover_words("rate %{x:.3g}", "loss %{y:.4g}")
    at = (search.rates == search.chosen) & np.isfinite(search.losses)
    return [line, ring_trace(search.rates[at], search.losses[at], group)]


def _lost(search: Search, row: int, strokes: Mapping[str, Pen]) -> Plain:
    """The rates that diverged, in a row of the strip."""
    pen, group = strokes[search.name], group_of(strokes, search.name)
    rates = search.rates[~np.isfinite(search.losses)]
    trace = line_trace(search.name, rates, np.full(rates.shape, float(row)), pen, group)
    trace |= {"mode": "markers", "yaxis": "y2"}
    trace["marker"] |= {"maxdisplayed": 0, "size": 6}
    return trace | {"hovertemplate": hover_words("rate %{x:.3g}", "diverged")}


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


def ranges_part(ranges: Sequence[Range], strokes: Mapping[str, Pen]) -> Part:
    """The losses, as far as they are not far above those at the beginning."""
    losses = [finite(each.losses) for each in ranges]
    calm = [first(each) for each in losses]
    name = "smoothed loss of the batches"
    frame = frame_of("learning rate", name, calm, losses, x_log=True, kinds=("linear", "log"))
    data = []
    for each in ranges:
        data += _range(each, strokes, frame.top)
    words = ["The learning rate grows with every step. A ring: a rate to begin with."]
    if any(not np.isfinite(each.losses).all() for each in ranges):
        words.append("×: it diverged.")
    return figure_part("Range test", frame.figure("ranges", data), words)


def _range(each: Range, strokes: Mapping[str, Pen], top: float) -> list[Plain]:
    """One line, a ring at the suggested rate, and a × at its end if it diverged."""
    pen, group = strokes[each.name], group_of(strokes, each.name)
    shown = thinned(each.rates.size)
    line = line_trace(each.name, each.rates[shown], each.losses[shown], pen, group)
    line["hovertemplate"] = hover_words("rate %{x:.3g}", "loss %{y:.4g}")
    at = each.rates == each.suggested
    traces = [line, ring_trace(each.rates[at], each.losses[at], group)]
    alive = np.flatnonzero(np.isfinite(each.losses))
    if alive.size and alive.size < each.losses.size:
        last = alive[-1:]
        y = np.minimum(each.losses[last], top)
        traces.append(crosses_trace(each.name, each.rates[last], y, pen, group))
    return traces
