"""Decision regions: what networks say on a plane, and the data points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.views.data import Numbers, Plane, Region
from chainrule.views.numbers import pooled
from chainrule.views.pens import COLOURS, MARKERS
from chainrule.views.pictures.look import (
    FAINT,
    Look,
    look,
    mark_sample,
    new_figure,
    ring_entry,
    wrapped,
    write_legend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

    from chainrule.views.pictures.look import Entry

    Colours = tuple[Colormap, Normalize]

_HALVES = ("#5DA4CE", "#FAFAFA", "#F5CE75")  # dark, white, light: apart without colour as well
_CLASS_COLOURS = (*(COLOURS[k] for k in (0, 1, 4, 5, 6, 7, 3)), "#777777", "#332288", "#F0E442")
_CLASS_MARKERS = (*MARKERS, "h", ">")
_EXTEND = {
    (False, False): "neither",
    (True, False): "min",
    (False, True): "max",
    (True, True): "both",
}


def decision(plane: Plane, region: Region, title: str, size: str = "page") -> Figure:
    """What one network says on the plane, large.

    Args:
        plane: the grid and the data points.
        region: what it says there.
        title: stands above.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    figure = new_figure(sizes.width, sizes.height or 0.68 * sizes.width, title, sizes)
    regions([figure.add_subplot()], plane, [region], size=size)
    return figure


def regions(
    axes: Sequence[Axes], plane: Plane, regions: Sequence[Region], *, size: str = "page"
) -> None:
    """Draw what each network says on the plane, and the data points.

    Two classes: the probability of the second, in two colours, with a line at ½. More classes: a
    colour for each. Numbers: one scale of colours for all panels. A point that the network gets
    wrong has a ring.

    Args:
        axes: as many as there are regions, in the same figure; each becomes square.
        plane: the grid and the data points.
        regions: what each network says there.
        size: "page" or "slide".
    """
    sizes, colours = look(size), _colours(plane, regions)
    type_size = _type_size(axes, regions, sizes)
    for ax, region in zip(axes, regions, strict=True):
        _mesh(ax, plane, region, colours)
        _borders(ax, plane, region, sizes)
        _points(ax, plane, region, colours, sizes)
        _panel(ax, plane, region, type_size, sizes)
    _name_outer(axes, plane, sizes)
    if plane.classes:
        _class_legend(axes, plane, regions, sizes)
    else:
        _colour_bar(axes, regions, colours, sizes)


def _tint(colour: str, share: float) -> tuple[float, ...]:
    """A colour mixed with white."""
    from matplotlib.colors import to_rgb

    return tuple(1 - share + share * part for part in to_rgb(colour))


def class_marks(count: int) -> list[tuple[str, str]]:
    """Colour and marker of each class; both together repeat after so many that none will see."""
    return [
        (_CLASS_COLOURS[k % len(_CLASS_COLOURS)], _CLASS_MARKERS[k % len(_CLASS_MARKERS)])
        for k in range(count)
    ]


def class_edge(k: int) -> str:
    """The colour around the points of a class: the first class has the darkest points."""
    return "white" if k == 0 else "black"


def _colours(plane: Plane, regions: Sequence[Region]) -> tuple[Colormap, Normalize]:
    """The colours of the regions, and the numbers between which they lie.

    Numbers lie between the least and the largest target, or prediction where no target is known.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap, Normalize

    count = len(plane.classes)
    if not count:
        known = pooled([plane.values])
        values = known if known.size else pooled([region.values for region in regions])
        ends = (values.min(), values.max()) if values.size else (0.0, 1.0)
        chosen, norm = colormaps["cividis"], Normalize(*ends)
    elif count == 2:
        chosen = LinearSegmentedColormap.from_list("halves", _HALVES)
        norm = Normalize(0, 1)
    else:
        chosen = ListedColormap(
            [_tint(colour, 0.45) for colour, _ in class_marks(len(plane.classes))]
        )
        norm = Normalize(-0.5, count - 0.5)
    return chosen.with_extremes(bad=FAINT), norm


def _mesh(ax: Axes, plane: Plane, region: Region, colours: Colours) -> None:
    """One cell for each point of the grid; an image within an SVG, which would be huge else."""
    cmap, norm = colours
    values = np.ma.masked_invalid(region.values)
    ax.pcolormesh(
        plane.x, plane.y, values, cmap=cmap, norm=norm, shading="nearest", rasterized=True
    )


def _borders(ax: Axes, plane: Plane, region: Region, sizes: Look) -> None:
    """The line at ½ between two classes, or those around each of more classes."""
    count = len(plane.classes)
    layers = [region.values] if count == 2 else [region.values == k for k in range(count)]
    for layer in layers:
        _half(ax, plane, layer.astype(np.float64), sizes)


def _half(ax: Axes, plane: Plane, layer: Numbers, sizes: Look) -> None:
    """The line on which a layer is ½, if there is one."""
    seen = layer[np.isfinite(layer)]
    if seen.size and seen.min() < 0.5 < seen.max():
        masked = np.ma.masked_invalid(layer)
        ax.contour(plane.x, plane.y, masked, [0.5], colors="black", linewidths=0.6 * sizes.line)


def _points(ax: Axes, plane: Plane, region: Region, colours: Colours, sizes: Look) -> None:
    """The data points, and a ring around each that the network gets wrong."""
    largest = min(0.05 * _side(ax), 5.4 * sizes.line)
    side = largest * min(1.0, max(0.5, 12 / math.sqrt(len(plane.values) + 1)))
    many = len(plane.values) > 500  # edges would cover the colours, and a file would be large
    edge = 0.0 if many else 0.12 * side
    keywords: dict[str, Any] = {"s": side**2, "linewidths": edge, "rasterized": many, "zorder": 2}
    unknown = np.isnan(plane.values)
    if unknown.any():
        x, y = plane.points[unknown].T
        ax.scatter(x, y, facecolors="white", edgecolors="black", **keywords)
    if not plane.classes and not unknown.all():
        cmap, norm = colours
        shown: dict[str, Any] = {
            "c": plane.values,
            "cmap": cmap,
            "norm": norm,
            "edgecolors": "white",
        }
        x, y = plane.points.T
        ax.scatter(x, y, **shown, **keywords)
    for k, (colour, marker) in enumerate(class_marks(len(plane.classes))):
        x, y = plane.points[plane.values == k].T
        ax.scatter(x, y, facecolors=colour, marker=marker, edgecolors=class_edge(k), **keywords)
    if region.wrong.any():
        x, y = plane.points[region.wrong].T
        keywords |= {"s": (1.8 * side) ** 2, "linewidths": 0.25 * side, "zorder": 3}
        ax.scatter(x, y, facecolors="none", edgecolors="black", **keywords)


def _heading(region: Region) -> str:
    """The name and the note above a panel."""
    return "\n".join(wrapped(line, 20) for line in (region.name, region.note) if line)


def _type_size(axes: Sequence[Axes], regions: Sequence[Region], sizes: Look) -> float:
    """The size of type with which no heading runs into the next one, if it remains legible."""
    letters = max((len(line) for r in regions for line in _heading(r).splitlines()), default=1)
    pitch = 1.15 * min((_side(ax) for ax in axes), default=0.0)
    return max(0.6 * sizes.small, min(sizes.small, pitch / (0.58 * letters)))


def _side(ax: Axes) -> float:
    """About the width of the axes, or the height if that is less, in points."""
    return float(72 * min(ax.bbox.width, ax.bbox.height) / ax.figure.dpi)


def _panel(ax: Axes, plane: Plane, region: Region, type_size: float, sizes: Look) -> None:
    """Make a panel square, with the heading above and few numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.set_title(_heading(region), fontsize=type_size, parse_math=False)
    ax.set(xlim=plane.x[[0, -1]], ylim=plane.y[[0, -1]], box_aspect=1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    ax.tick_params(labelsize=sizes.small, length=2)


def _places(axes: Sequence[Axes]) -> list[tuple[int, int]]:
    """Row and column of each panel; one row where they stand in no grid."""
    specs = [ax.get_subplotspec() for ax in axes]
    return [(s.rowspan.start, s.colspan.start) if s else (0, k) for k, s in enumerate(specs)]


def _name_outer(axes: Sequence[Axes], plane: Plane, sizes: Look) -> None:
    """Name the axes of the panels at the left and in the last row, and only those."""
    places = _places(axes)
    for ax, (row, column) in zip(axes, places, strict=True):
        left = column == min(column for _, column in places)
        last = row == max(row for row, _ in places)
        ax.tick_params(labelleft=left, labelbottom=last)
        ax.set_ylabel(plane.axes[1] if left else "", fontsize=sizes.small, parse_math=False)
        ax.set_xlabel(plane.axes[0] if last else "", fontsize=sizes.small, parse_math=False)


def _class_legend(
    axes: Sequence[Axes], plane: Plane, regions: Sequence[Region], sizes: Look
) -> None:
    """What colours, markers and rings mean, beside the last panel of the first row."""
    from matplotlib.lines import Line2D

    entries: list[Entry] = [
        (name, mark_sample(sizes, marker=marker, color=colour, markeredgecolor=class_edge(k)))
        for k, (name, (colour, marker)) in enumerate(
            zip(plane.classes, class_marks(len(plane.classes)), strict=True)
        )
    ]
    if any(region.wrong.any() for region in regions):
        entries.append(ring_entry("wrong", sizes))
    if len(plane.classes) == 2:
        line = Line2D([], [], color="black", linewidth=0.6 * sizes.line)
        entries.append(("probability ½", line))
    if axes:
        write_legend(_last_of_the_first_row(axes), entries, sizes, None)


def _last_of_the_first_row(axes: Sequence[Axes]) -> Axes:
    """The panel that has free space at its right."""
    places = _places(axes)
    first = min(row for row, _ in places)
    return axes[max(k for k, (row, _) in enumerate(places) if row == first)]


def _colour_bar(
    axes: Sequence[Axes], regions: Sequence[Region], colours: Colours, sizes: Look
) -> None:
    """One scale of colours for all panels; an arrow where a prediction lies beyond it."""
    from matplotlib.cm import ScalarMappable

    cmap, norm = colours
    values = pooled([region.values for region in regions])
    if not (axes and values.size):
        return
    beyond = (bool(values.min() < norm.vmin), bool(values.max() > norm.vmax))
    bar = axes[0].figure.colorbar(
        ScalarMappable(norm, cmap), ax=list(axes), extend=_EXTEND[beyond], aspect=30
    )
    bar.set_label("target, prediction", fontsize=sizes.small)
    bar.ax.tick_params(labelsize=sizes.small)
