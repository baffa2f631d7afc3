"""Loss curves: the median of every epoch, and a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Curve, Numbers
from chainrule.views.numbers import median_of, settles, spread
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
    each: str = "run",
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
        each: what the losses of one name are of.
    """
    sizes, strokes = look(size), strokes or pens(curve.name for curve in curves)
    spreads = [spread(curve.losses) for curve in curves]
    set_scale(ax, [band for band in spreads if settles(band[1])], spreads)
    for k, (curve, band) in enumerate(zip(curves, spreads, strict=True)):
        _band(ax, band, strokes[curve.name], 0.18 if len(curves) <= 6 else 0.09)
        epochs = np.arange(1.0, band.shape[1] + 1)
        draw_line(ax, epochs, band[1], strokes[curve.name], sizes, k / len(curves))
        _curve_ends(ax, curve.losses, band[1], strokes[curve.name], sizes)
    name_axes(ax, sizes, "epoch", median_of(curves, each))
    count_x(ax)
    if legend:
        rates = {curve.name: curve.rate for curve in curves}
        name_optimizers(ax, strokes, rates, curve_entries(curves, sizes, each), sizes)


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


def curve_entries(curves: Sequence[Curve], sizes: Look, each: str = "run") -> list[Entry]:
    """What band and × mean, where there are any."""
    from matplotlib.patches import Patch

    entries: list[Entry] = []
    if any(curve.losses.shape[0] > 1 for curve in curves):
        entries.append(("lowest to highest", Patch(color=GREY, alpha=0.25, linewidth=0)))
    if any(not np.isfinite(curve.losses).all() for curve in curves):
        entries.append(cross_entry(f"a {each} diverged", sizes))
    return entries
