"""Loss curves: the median of every epoch, and a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Curve, Numbers
from chainrule.views.numbers import settles, spread
from chainrule.views.pens import Pen, pens
from chainrule.views.pictures.look import (
    GREY,
    Look,
    count_x,
    cross_entry,
    draw_cross,
    draw_line,
    look,
    name_axes,
    name_optimizers,
    set_scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.views.pictures.look import Entry


def loss_curves(
    ax: Axes,
    curves: Sequence[Curve],
    *,
    strokes: Mapping[str, Pen] | None = None,
    size: str = "page",
    legend: bool = True,
) -> None:
    """Draw the median loss of every epoch, and a band from the lowest to the highest.

    The median is that of the runs still alive. A small × stands where a run ended, a large one
    where none is left. The axis is logarithmic where no loss is below 0; a curve that ends
    higher than it began may leave it at the top.

    Args:
        ax: what to draw on.
        curves: the losses of every optimizer.
        strokes: the pen of each name; the usual order without it.
        size: "page" or "slide".
        legend: whether to write the names beside the axes.
    """
    sizes, strokes = look(size), strokes or pens(curve.name for curve in curves)
    spreads = [spread(curve.losses) for curve in curves]
    set_scale(ax, [each for each in spreads if settles(each[1])], spreads)
    for k, (curve, each) in enumerate(zip(curves, spreads, strict=True)):
        _band(ax, each, strokes[curve.name], 0.18 if len(curves) <= 6 else 0.09)
        epochs = np.arange(1.0, each.shape[1] + 1)
        draw_line(ax, epochs, each[1], strokes[curve.name], sizes, k / len(curves))
        _curve_ends(ax, curve.losses, each[1], strokes[curve.name], sizes)
    name_axes(ax, sizes, "epoch", _median_of(curves))
    count_x(ax)
    if legend:
        rates = {curve.name: curve.rate for curve in curves}
        name_optimizers(ax, strokes, rates, curve_entries(curves, sizes), sizes)


def _band(ax: Axes, losses: Numbers, pen: Pen, alpha: float) -> None:
    """Fill between the lowest and the highest loss."""
    epochs = np.arange(1, losses.shape[1] + 1)
    ax.fill_between(epochs, losses[0], losses[2], color=pen.colour, alpha=alpha, linewidth=0)


def _run_ends(losses: Numbers) -> tuple[Numbers, Numbers]:
    """Epoch and loss with which the runs ended that ended early; from the first epoch on, inf."""
    alive = np.isfinite(losses)
    ended = np.flatnonzero(~alive.all(axis=1))
    epochs = alive[ended].argmin(axis=1)  # so many were finite
    last = np.where(epochs > 0, losses[ended, epochs - 1], np.inf)
    return np.maximum(epochs, 1).astype(np.float64), last


def _curve_ends(ax: Axes, losses: Numbers, median: Numbers, pen: Pen, sizes: Look) -> None:
    """A small × for each run that ended, a large one where none is left."""
    draw_cross(ax, *_run_ends(losses), pen, sizes.mark)
    alive = np.flatnonzero(np.isfinite(median))
    if alive.size < median.size:
        epoch = int(alive[-1]) if alive.size else 0
        last = median[epoch] if alive.size else np.inf
        draw_cross(ax, np.array([epoch + 1.0]), np.array([last]), pen, 2 * sizes.mark)


def _median_of(curves: Sequence[Curve]) -> str:
    """The name of the axis: of how many runs the line is the median."""
    repeats = {curve.losses.shape[0] for curve in curves}
    if repeats <= {1}:
        return "mean loss"
    return f"loss, median of {max(repeats) if len(repeats) == 1 else 'all'} runs"


def curve_entries(curves: Sequence[Curve], sizes: Look) -> list[Entry]:
    """What band and × mean, where there are any."""
    from matplotlib.patches import Patch

    entries: list[Entry] = []
    if any(curve.losses.shape[0] > 1 for curve in curves):
        entries.append(("lowest to highest", Patch(color=GREY, alpha=0.25, linewidth=0)))
    if any(not np.isfinite(curve.losses).all() for curve in curves):
        entries.append(cross_entry("a run diverged", sizes))
    return entries
