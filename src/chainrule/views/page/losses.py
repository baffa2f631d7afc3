"""Loss curves: the median of every epoch, and a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.views.data import Curve, Numbers
from chainrule.views.numbers import median_of, settles, spread
from chainrule.views.page.parts import Part, figure_part
from chainrule.views.page.traces import (
    Plain,
    faint_colour,
    frame_of,
    group_of,
    hover_words,
    line_trace,
    marks_trace,
    numbers_of,
    plain_text,
    thinned,
)
from chainrule.views.pens import Pen


def losses_part(
    curves: Sequence[Curve],
    strokes: Mapping[str, Pen],
    *,
    heading: str = "Loss",
    each: str = "run",
) -> Part:
    """Medians, bands, and a × where a run ended.

    Args:
        curves: the losses under each name.
        strokes: the pen of each name.
        heading: stands above; no other part has the same.
        each: what the losses of one name are of.
    """
    spreads = [spread(curve.losses) for curve in curves]
    calm = [band for band in spreads if settles(band[1])]
    frame = frame_of("epoch", median_of(curves, each), calm, spreads)
    data = []
    for curve, band in zip(curves, spreads, strict=True):
        data += _curve(curve, band, strokes, frame.top, each)
    words = []
    if any(len(curve.losses) > 1 for curve in curves):
        words.append(
            f"Line: median of the {each}s still alive; band: from the lowest to the highest."
        )
    if any(not np.isfinite(curve.losses).all() for curve in curves):
        words.append(f"×: a {each} diverged; a large ×: the last one did.")
    key = "-".join(["losses", *heading.lower().split()[:-1]])
    return figure_part(heading, frame.figure(key, data), words)


def _curve(
    curve: Curve, band: Numbers, strokes: Mapping[str, Pen], top: float, each: str
) -> list[Plain]:
    """The traces of one name."""
    pen, group = strokes[curve.name], group_of(strokes, curve.name)
    shown = thinned(band.shape[1])
    epochs, band = np.arange(1.0, band.shape[1] + 1)[shown], band[:, shown]
    alpha = 0.15 if len(strokes) <= 6 else 0.07
    line = line_trace(curve.name, epochs, band[1], pen, group)
    line["hovertemplate"] = hover_words("epoch %{x}", "loss %{y:.4g}")
    traces = [line, *_run_ends(curve, pen, group, top, each)]
    return [_band(epochs, band, pen, group, alpha), *traces] if len(curve.losses) > 1 else traces


def _band(x: Numbers, band: Numbers, pen: Pen, group: str, alpha: float) -> Plain:
    """A closed line around the losses, from the lowest to the highest."""
    low, high = (each[np.isfinite(each)] for each in band[[0, 2]])
    x = x[np.isfinite(band[0])]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": numbers_of([*x, *x[::-1]]),
        "y": numbers_of([*high, *low[::-1]]),
        "fill": "toself",
        "fillcolor": faint_colour(pen.colour, alpha),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "legendgroup": group,
        "showlegend": False,
    }


def _run_ends(curve: Curve, pen: Pen, group: str, top: float, each: str) -> list[Plain]:
    """A small × for each run that ended early, a large one for the last, below the top edge."""
    alive = np.isfinite(curve.losses)
    ended = np.flatnonzero(~alive.all(axis=1))
    if not ended.size:
        return []
    epochs = alive[ended].argmin(axis=1)  # so many were finite
    last = np.where(epochs > 0, curve.losses[ended, epochs - 1], np.inf)
    none_left = (epochs == epochs.max()) & (ended.size == len(curve.losses))
    sizes = np.where(none_left, 13, 7)
    trace = marks_trace(np.maximum(epochs, 1.0), np.minimum(last, top), "x-thin", sizes, pen, group)
    words = f"{plain_text(curve.name)}: a {each} diverged"
    return [trace | {"text": words, "hovertemplate": "%{text}<br>epoch %{x}<extra></extra>"}]
