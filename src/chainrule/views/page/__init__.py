"""Pages: the same answers as the pictures, to point at, to zoom into and to sort.

Each function makes one HTML document that holds all it needs, Plotly's script as well, and that
asks nobody for anything: its Content-Security-Policy would not let it. Plotly is loaded by the
first of them.

What comes from outside (names of columns, classes and optimizers) reaches the page in two ways
only: as text in HTML, escaped, or in a block of JSON in which no "<" stands, and there escaped
once more, as Plotly reads tags in its texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainrule.views.data import Curve, Path, Plane, Range, Region, Search, Surface
from chainrule.views.page.document import Cells, document
from chainrule.views.page.losses import losses_part
from chainrule.views.page.rates import ranges_part, searches_part
from chainrule.views.page.regions import regions_part
from chainrule.views.page.sections import report
from chainrule.views.page.tries import sweep
from chainrule.views.page.ways import values_part, ways_part
from chainrule.views.pens import pens

__all__ = ["comparison", "range_test", "report", "runs", "sweep", "trajectories"]


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
        parts.append(losses_part(curves, strokes))
    if searches:
        parts.append(searches_part(searches, strokes))
    if plane is not None and regions:
        parts.append(regions_part(plane, regions, strokes))
    return document(title, parts, strokes, rates, table=table)


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
    parts = [ways_part(surface, paths, strokes), values_part(paths, strokes)]
    return document(title, parts, strokes, {path.name: path.rate for path in paths})


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
    return document(title, [ranges_part(ranges, strokes)], strokes, rates, rate="suggested rate")


def runs(title: str, table: Cells, curves: Mapping[str, Sequence[Curve]]) -> str:
    """Loss curves of runs, a figure for each kind of loss.

    Args:
        title: stands above.
        table: headers and rows, as text.
        curves: of every run, by the name of the loss, as "training loss"; not empty.

    Raises:
        MissingExtra: plotly is not installed.
    """
    strokes = pens(curve.name for group in curves.values() for curve in group)
    parts = [
        losses_part(group, strokes, heading=name.capitalize(), each="network")
        for name, group in curves.items()
    ]
    return document(title, parts, strokes, {}, kind="run", table=table)
