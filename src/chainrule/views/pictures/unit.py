"""What one unit sees: the weights that lead to it, what it gets from the data, its map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Bars, Numbers, UnitSight
from chainrule.views.pictures.bars import draw_bars, furthest
from chainrule.views.pictures.look import GREY, TITLE, Look, look, new_figure, wrapped
from chainrule.views.pictures.regions import class_marks
from chainrule.views.pictures.signs import signed_map
from chainrule.views.pictures.units import reach, short, unit_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_WEIGHTS = 14
_FEWEST = 7  # bars for which there is room: two shall not fill a panel
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
    columns, below = _key_layout(sight, sizes)
    height = sizes.height or TITLE + max(2.4, sizes.lines(1.4 * MOST_WEIGHTS)) + below
    figure = new_figure(sizes.width, height, sight.title, sizes)
    shares = [1.0, 1.0] if sight.map is None else [1.0, 0.9, 1.1]
    axes = figure.subplots(1, len(shares), width_ratios=shares, gridspec_kw={"wspace": 0.05})
    _weights(axes[0], sight, sizes)
    _histogram(axes[1], sight, sizes)
    if sight.map is not None:
        _map(axes[2], sight, sizes)
    _write_key(figure, sight, columns, sizes)
    return figure


def _weights(ax: Axes, sight: UnitSight, sizes: Look) -> None:
    """The weights as bars, or where the pixels are."""
    if sight.image is None:
        weights = _heaviest(sight.weights)
        draw_bars(ax, weights, sizes, max(_FEWEST, len(weights.names)))
        ax.set_title("its weights", fontsize=sizes.text)
        label = "\n".join(line for line in (weights.label, sight.note) if line)
        ax.set_xlabel(label, fontsize=sizes.small, parse_math=False)
        return
    top = reach(sight.image)
    shown = np.ma.masked_invalid(sight.image)
    ax.imshow(shown, cmap=signed_map(), vmin=-top, vmax=top, interpolation="nearest")
    ax.set_title(f"its weights, |w| ≤ {top:.3g}", fontsize=sizes.text)
    ax.set_xlabel(sight.note, fontsize=sizes.small, parse_math=False)
    ax.set(xticks=[], yticks=[], anchor="N")


def _heaviest(weights: Bars) -> Bars:
    """At most so many of the weights as are legible beside other panels."""
    if len(weights.names) <= MOST_WEIGHTS:
        return weights
    chosen = furthest(weights.values, MOST_WEIGHTS)
    label = f"{weights.label}, the heaviest {MOST_WEIGHTS} of {len(weights.names):,}"
    return Bars(
        weights.title, label, tuple(weights.names[k] for k in chosen), weights.values[chosen]
    )


def _map(ax: Axes, sight: UnitSight, sizes: Look) -> None:
    """What the unit gives over the plane."""
    assert sight.map is not None and sight.plane is not None
    z, u = sight.map.z[0], None if sight.map.u is None else sight.map.u[0]
    unit_map(ax, sight.plane, z, u, sizes, reach(z))
    ax.set_title(f"what it gives, |z| ≤ {reach(z):.3g}", fontsize=sizes.text)
    x, y = (short(name, sizes.width / 4, sizes.small) for name in sight.plane.axes)
    ax.set_xlabel(x, fontsize=sizes.small, parse_math=False)
    ax.set_ylabel(y, fontsize=sizes.small, parse_math=False)
    ax.tick_params(labelsize=sizes.small, length=2)
    ax.set_anchor("N")


def _histogram(ax: Axes, sight: UnitSight, sizes: Look) -> None:
    """How often the rows give it which u; a colour for each class."""
    from matplotlib.ticker import MaxNLocator

    counts, edges = histogram(sight)
    below = np.zeros(len(edges) - 1)
    for count, colour in zip(counts, _colours(sight), strict=True):
        ax.bar(edges[:-1], count, np.diff(edges), bottom=below, align="edge", color=colour)
        below = below + count
    ax.axvline(0, color="black", linewidth=0.8 * sizes.line)
    ax.set_title("what it gets from the rows", fontsize=sizes.text)
    ax.set_xlabel("u", fontsize=sizes.small)
    ax.set_ylabel("rows", fontsize=sizes.small)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.tick_params(labelsize=sizes.small, length=2)
    ax.spines[["top", "right"]].set_visible(False)


def histogram(sight: UnitSight) -> tuple[list[Numbers], Numbers]:
    """How many rows of each class have a u in each bin, and the edges of the bins.

    0 is one of the edges, and a u that lies on an edge is counted at its left: the rows at the right
    of 0 are those with u > 0. What is not finite is left out.
    """
    finite = np.isfinite(sight.u)
    known = sight.u[finite]
    low, high = float(known.min(initial=0.0)), float(known.max(initial=0.0))
    width = (high - low or 1.0) / BINS
    edges: Numbers = np.asarray(
        width * np.arange(math.ceil(low / width) - 1, math.ceil(high / width) + 1)
    )
    bins = (np.digitize(sight.u, edges, right=True) - 1).clip(0, len(edges) - 2)
    groups = [sight.values == k for k in range(len(sight.classes))] or [finite]
    counts = [np.bincount(bins[group & finite], minlength=len(edges) - 1) for group in groups]
    return [count.astype(np.float64) for count in counts], edges


def _colours(sight: UnitSight) -> list[str]:
    return [colour for colour, _ in class_marks(len(sight.classes))] or [GREY]


def _key_layout(sight: UnitSight, sizes: Look) -> tuple[int, float]:
    """How many classes stand in a row below the panels, and the height of all in inches."""
    letters = sizes.width * 72 / sizes.small / 0.6
    longest = 7 + max(map(len, sight.fires[1:]), default=0)
    columns = max(1, min(len(sight.fires) - 1, int(letters / longest)))
    return columns, sizes.lines(1.2 * math.ceil(len(sight.fires[1:]) / columns) + 5)


def _write_key(figure: Figure, sight: UnitSight, columns: int, sizes: Look) -> None:
    """On which rows it fires: of all, and of each class beside its colour."""
    from matplotlib.patches import Patch

    first, *each = sight.fires
    letters = int(sizes.width * 72 / sizes.small / 0.55)
    if not each:
        words = figure.supxlabel(
            wrapped(f"{first}.", letters), x=0.01, ha="left", fontsize=sizes.small
        )
        words.set_parse_math(False)
        return
    legend = figure.legend(
        [Patch(color=colour) for colour in _colours(sight)],
        [str(k) for k in range(len(each))],  # a name may begin with "_", or hold two "$"
        title=f"{first}; by class:",
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=sizes.small,
        title_fontsize=sizes.small,
        alignment="left",
        handlelength=1.0,
        borderaxespad=0.2,
    )
    for text, said in zip(legend.get_texts(), each, strict=True):
        text.set(text=said, parse_math=False)
