"""What one unit sees: the weights that lead to it, what it gets from the data, its map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Bars, UnitSight
from chainrule.views.pictures.bars import draw_bars, furthest
from chainrule.views.pictures.look import GREY, TITLE, Look, look, mark_sample, new_figure, wrapped
from chainrule.views.pictures.look import write_legend as legend
from chainrule.views.pictures.regions import class_marks
from chainrule.views.pictures.signs import signed_map
from chainrule.views.pictures.units import reach, unit_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_WEIGHTS = 14
BINS = 24


def unit(sight: UnitSight, size: str = "page") -> Figure:
    """Draw what one unit sees.

    Args:
        sight: the unit.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    count = 2 if sight.map is None else 3
    words = "\n".join(
        wrapped(line, int(sizes.width * 72 / sizes.small / 0.55)) for line in sight.fires
    )
    below = sizes.lines(2 + len(words.splitlines()))
    height = sizes.height or TITLE + max(2.5, sizes.lines(1.3 * MOST_WEIGHTS)) + below
    figure = new_figure(sizes.width, height, sight.title, sizes)
    axes = figure.subplots(1, count, squeeze=False)[0]
    if sight.image is None:
        draw_bars(axes[0], _heaviest(sight.weights), sizes)
        axes[0].set_title("its weights", fontsize=sizes.text)
    else:
        _image(axes[0], sight, sizes)
    _histogram(axes[1], sight, sizes)
    if sight.map is not None and sight.plane is not None:
        z, u = sight.map.z[0], None if sight.map.u is None else sight.map.u[0]
        unit_map(axes[2], sight.plane, z, u, sizes, reach(z))
        axes[2].set_title(f"what it gives, |z| ≤ {reach(z):.3g}", fontsize=sizes.text)
        axes[2].set_xlabel(sight.plane.axes[0], fontsize=sizes.small, parse_math=False)
        axes[2].set_ylabel(sight.plane.axes[1], fontsize=sizes.small, parse_math=False)
        axes[2].tick_params(labelsize=sizes.small, length=2)
    below_all = figure.supxlabel(words, x=0.01, ha="left", fontsize=sizes.small, color=GREY)
    below_all.set_parse_math(False)
    return figure


def _heaviest(weights: Bars) -> Bars:
    """At most so many of the weights as are legible beside other panels."""
    if len(weights.names) <= MOST_WEIGHTS:
        return weights
    chosen = furthest(weights.values, MOST_WEIGHTS)
    label = f"{weights.label}, the heaviest {MOST_WEIGHTS} of {len(weights.names):,}"
    return Bars(
        weights.title, label, tuple(weights.names[k] for k in chosen), weights.values[chosen]
    )


def _image(ax: Axes, sight: UnitSight, sizes: Look) -> None:
    """The weights where the pixels are."""
    assert sight.image is not None
    top = reach(sight.image)
    shown = np.ma.masked_invalid(sight.image)
    ax.imshow(shown, cmap=signed_map(), vmin=-top, vmax=top, interpolation="nearest")
    ax.set_title(f"its weights, |w| ≤ {top:.3g}", fontsize=sizes.text)
    ax.set(xticks=[], yticks=[])


def _histogram(ax: Axes, sight: UnitSight, sizes: Look) -> None:
    """How often the rows give it which u; a colour for each class."""
    known = sight.u[np.isfinite(sight.u)]
    low, high = (float(known.min()), float(known.max())) if known.size else (-1.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    marks = class_marks(len(sight.classes))
    groups = [sight.u[sight.values == k] for k in range(len(sight.classes))] or [sight.u]
    colours = [colour for colour, _ in marks] or [GREY]
    ax.hist(groups, edges.tolist(), stacked=True, color=colours)
    ax.axvline(0, color="black", linewidth=0.8 * sizes.line)
    ax.set_title("what it gets from the rows", fontsize=sizes.text)
    ax.set_xlabel("u", fontsize=sizes.small)
    ax.set_ylabel("rows", fontsize=sizes.small)
    ax.tick_params(labelsize=sizes.small, length=2)
    ax.spines[["top", "right"]].set_visible(False)
    if sight.classes and sight.map is None:
        entries = [
            (name, mark_sample(sizes, marker="s", color=colour))
            for name, colour in zip(sight.classes, colours, strict=True)
        ]
        legend(ax, entries, sizes, None)
    elif sight.classes:
        ax.legend(
            ax.containers, list(sight.classes), fontsize=sizes.small, frameon=False, loc="best",
            handlelength=0.8,
        )  # fmt: skip
