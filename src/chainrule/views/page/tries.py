"""A sweep: a table of its trials, their losses, what mattered, and the losses over each setting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chainrule.views.data import Bars, Numbers, Slice, Tries
from chainrule.views.numbers import lowest, lowest_so_far
from chainrule.views.page.document import Cells, document
from chainrule.views.page.parts import Part, figure_part
from chainrule.views.page.traces import (
    Figure,
    Frame,
    Plain,
    frame_of,
    group_of,
    layout_of,
    line_trace,
    marks_trace,
    numbers_of,
    plain_text,
)
from chainrule.views.pens import Pen, pens

FINISHED, STOPPED, LOWEST = "finished", "stopped early", "lowest so far"
_CALM = 0.8  # the share of the losses, from below, that is seen in any case


def sweep(
    title: str, table: Cells, tries: Tries, importances: Bars | None, slices: Sequence[Slice]
) -> str:
    """A table of trials, losses, what mattered, and losses over each setting.

    Args:
        title: stands above all.
        table: headers and rows, as text.
        tries: the losses.
        importances: of the settings; None where nothing can be said of them.
        slices: the losses again, over one setting each.

    Raises:
        MissingExtra: plotly is not installed.
    """
    strokes = pens([FINISHED, STOPPED, LOWEST])
    parts = [_tries(tries, strokes)]
    if importances is not None:
        parts.append(_importances(importances, strokes))
    parts += [_slice(one, f"slice{k}", strokes) for k, one in enumerate(slices)]
    return document(title, parts, strokes, {}, table=table, kind="trial")


def _tries(tries: Tries, strokes: dict[str, Pen]) -> Part:
    frame = _frame("trial", tries.losses)
    best = lowest_so_far(tries.losses, tries.finished)
    line = line_trace(LOWEST, tries.numbers, best, strokes[LOWEST], group_of(strokes, LOWEST))
    line |= {"mode": "lines", "hoverinfo": "skip"}
    line["line"] |= {"shape": "hv"}
    hints = [f"trial {number:.0f}" for number in tries.numbers]
    points = _points(tries.numbers, tries.losses, tries.finished, hints, strokes)
    return figure_part("Loss", frame.figure("tries", [line, *points]), [])


def _importances(bars: Bars, strokes: dict[str, Pen]) -> Part:
    names = [plain_text(name) for name in bars.names]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": numbers_of(bars.values),
        "y": names,
        "marker": {"color": strokes[FINISHED].colour},
        "hovertemplate": "%{y}: %{x:.3g}<extra></extra>",
    }
    layout = layout_of(
        {"title": {"text": plain_text(bars.label)}, "rangemode": "tozero"},
        {"autorange": "reversed", "type": "category"},
    )
    return figure_part(bars.title, Figure("importances", [trace], layout), [])


def _slice(one: Slice, key: str, strokes: dict[str, Pen]) -> Part:
    frame = _frame(plain_text(one.name), one.losses, one.log)
    if one.choices:
        names = [plain_text(choice) for choice in one.choices]
        ends = [-0.5, len(names) - 0.5]
        frame.layout["xaxis"] |= {
            "tickvals": list(range(len(names))), "ticktext": names, "range": ends,
        }  # fmt: skip
        hints = [names[int(place)] for place in one.places]
    else:
        hints = [f"{place:.4g}" for place in one.places]
    points = _points(one.places, one.losses, one.finished, hints, strokes)
    return figure_part(one.name, frame.figure(key, points), [])


def _frame(x: str, losses: Numbers, x_log: bool = False) -> Frame:
    return frame_of(x, "validation loss", [lowest(losses, _CALM)], [losses], x_log=x_log)


def _points(
    x: Numbers,
    y: Numbers,
    finished: npt.NDArray[np.bool_],
    hints: Sequence[str],
    strokes: dict[str, Pen],
) -> list[Plain]:
    """The trials that were stopped, and above them those that came to their end."""
    traces = []
    for name, which, symbol in ((STOPPED, ~finished, "x-thin"), (FINISHED, finished, "circle")):
        trace = marks_trace(x[which], y[which], symbol, 6, strokes[name], group_of(strokes, name))
        words = [hint for hint, shown in zip(hints, which, strict=True) if shown]
        hover = "%{text}<br>loss %{y:.4g}<extra></extra>"
        traces.append(trace | {"name": name, "text": words, "hovertemplate": hover})
    return traces
