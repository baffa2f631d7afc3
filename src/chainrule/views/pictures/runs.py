"""Runs: their loss curves, a panel for each kind of loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chainrule.errors import InvalidValue
from chainrule.views.data import Curve
from chainrule.views.pens import pens
from chainrule.views.pictures.look import ROW, TITLE, look, name_optimizers, new_figure
from chainrule.views.pictures.losses import curve_entries, loss_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def runs(curves: Mapping[str, Sequence[Curve]], title: str, size: str = "page") -> Figure:
    """Loss curves of runs, side by side.

    Args:
        curves: of every run, by the name of the loss, as "training loss".
        title: stands above all.
        size: "page" or "slide".

    Raises:
        InvalidValue: nothing to draw.
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    every = [curve for group in curves.values() for curve in group]
    if not every:
        raise InvalidValue("there is nothing to draw: no run has completed an epoch")
    sizes, strokes = look(size), pens(curve.name for curve in every)
    legend = sizes.lines(min(len(strokes) + 3, sizes.entries + 1))
    height = sizes.height or max(ROW, legend + sizes.lines(4)) + TITLE
    figure = new_figure(sizes.width, height, title, sizes)
    axes = list(figure.subplots(1, len(curves), squeeze=False)[0])
    for ax, (name, group) in zip(axes, curves.items(), strict=True):
        loss_curves(ax, group, strokes=strokes, size=size, legend=False, each="network")
        ax.set_title(name, fontsize=sizes.text, loc="left")
    rates = dict.fromkeys(strokes)
    entries = curve_entries(every, sizes, "network")
    name_optimizers(axes[-1], strokes, rates, entries, sizes, what="run")
    return figure
