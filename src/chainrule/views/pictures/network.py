"""A network as circles and lines, with its real weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.views.data import Diagram
from chainrule.views.layout import (
    Bundle,
    Edge,
    Layout,
    Node,
    arrange,
    caption,
    fill,
    heading,
    legend,
    longest_line,
    signed,
)
from chainrule.views.pictures.look import GREY, TITLE, Look, look, new_figure
from chainrule.views.pictures.signs import ABOVE, BELOW, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LETTER = 0.6  # the width of a letter, as a share of its size
_NAMED = 22  # letters of a name
_ROUND = 0.3  # inches: the largest circle


@dataclass(frozen=True)
class _Sheet:
    """Where a layout lies on the paper, in inches from the upper left corner.

    Attributes:
        ax: the paper.
        diagram, layout: what is drawn there.
        left, right, top, bottom: the edges of the layout.
        sizes: of type and lines.
        radius: of a circle.
    """

    ax: Axes
    diagram: Diagram
    layout: Layout
    left: float
    right: float
    top: float
    bottom: float
    sizes: Look
    radius: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A place in the layout, on the paper."""
        return (
            self.left + x * (self.right - self.left),
            self.top + y * (self.bottom - self.top),
        )

    @property
    def room(self) -> float:
        """Between two columns."""
        return (self.right - self.left) / (len(self.layout.columns) - 1)

    @property
    def caption(self) -> float:
        """The size of type in which captions of columns and layers stand side by side."""
        letters = longest_line(self.diagram, self.layout, self.narrow)
        return min(self.sizes.small, max(4.0, 72 * 0.95 * self.room / (_LETTER * letters)))

    @property
    def narrow(self) -> bool:
        """Whether captions have to be broken into more lines."""
        return self.room < 16 * _LETTER * self.sizes.small / 72

    def write(self, x: float, y: float, text: str, size: float, **keywords: object) -> None:
        """Text in the middle of a place on the paper, unless told otherwise."""
        told = {"ha": "center", "va": "center", "fontsize": size, "parse_math": False}
        self.ax.text(x, y, text, **(told | keywords))  # type: ignore[arg-type]


def network(diagram: Diagram, size: str = "page") -> Figure:
    """A network as circles and lines.

    A line is a weight: orange above 0, blue below; as wide as |w|, the widest of each layer being its
    largest. A circle is a unit, filled in the same colours by its value.

    Args:
        diagram: the network.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes, layout = look(size), arrange(diagram)
    height = sizes.height or _height(layout, sizes)
    figure = new_figure(sizes.width, height, diagram.title, sizes)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, sizes.width), ylim=(height, 0))
    ax.set_axis_off()
    sheet = _sheet(ax, diagram, layout, height, sizes)
    for bundle in layout.bundles:
        _lines(sheet, bundle)
    _circles(sheet)
    _names(sheet)
    _captions(sheet)
    _legend(sheet, height)
    return figure


def _height(layout: Layout, sizes: Look) -> float:
    """Of a page: so much that names in the longest column do not touch."""
    body = max(1.3, layout.slots * sizes.lines(1.15), 0.5 * min(layout.slots, 6))
    return TITLE + body + sizes.lines(10)


def _sheet(ax: Axes, diagram: Diagram, layout: Layout, height: float, sizes: Look) -> _Sheet:
    letter = _LETTER * sizes.small / 72
    beside = [
        letter * max(len(_short(stage.units[node.unit])) for node in column) + 0.3
        for stage, column in (
            (diagram.stages[0], layout.columns[0]),
            (diagram.stages[-1], layout.columns[-1]),
        )
    ]
    least = 0.06 * sizes.width  # half a caption
    left, right = max(least, beside[0]), sizes.width - max(least, beside[1])
    top, bottom = TITLE + sizes.lines(3.2), height - sizes.lines(6.8)
    pitch = layout.pitch * (bottom - top)
    return _Sheet(
        ax,
        diagram,
        layout,
        left,
        right,
        top,
        bottom,
        sizes,
        min(_round(sizes), 0.4 * pitch, 0.17 * (right - left) / len(layout.bundles)),
    )


def _round(sizes: Look) -> float:
    return _ROUND * sizes.small / 13 + 0.03


def _short(name: str) -> str:
    return name if len(name) <= _NAMED else name[: _NAMED - 1] + "…"


def _lines(sheet: _Sheet, bundle: Bundle) -> None:
    """The weights of a layer, and their numbers where there are few."""
    from matplotlib.collections import LineCollection

    widest = min(2.5 * sheet.sizes.line, 72 * 0.45 * sheet.radius)
    sheet.ax.add_collection(
        LineCollection(
            [[sheet.place(n.x, n.y) for n in (e.source, e.target)] for e in bundle.edges],
            colors=[ABOVE if e.weight > 0 else BELOW for e in bundle.edges],
            linewidths=[widest * e.share for e in bundle.edges],
            zorder=1,
        ),
        autolim=False,
    )
    if bundle.numbered:
        for edge in bundle.edges:
            _number(sheet, edge, 1 / (bundle.shape[1] + 1))


def _number(sheet: _Sheet, edge: Edge, share: float) -> None:
    """A weight, so far along its line that it does not meet another."""
    (x0, y0), (x1, y1) = (sheet.place(n.x, n.y) for n in (edge.source, edge.target))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    sheet.write(x, y, signed(edge.weight), sheet.sizes.small, zorder=2, bbox=box)


def _circles(sheet: _Sheet) -> None:
    """The units, and dots where a column is cut."""
    from matplotlib.collections import EllipseCollection

    nodes = [node for column in sheet.layout.columns for node in column]
    side = 2 * sheet.radius
    sheet.ax.add_collection(
        EllipseCollection(
            [side] * len(nodes),
            [side] * len(nodes),
            [0] * len(nodes),
            units="xy",
            offsets=[sheet.place(node.x, node.y) for node in nodes],
            offset_transform=sheet.ax.transData,
            facecolors=[tint(fill(sheet.diagram, node)) for node in nodes],
            edgecolors="black",
            linewidths=0.5 * sheet.sizes.line,
            zorder=3,
        ),
        autolim=False,
    )
    if 72 * side > 3.1 * _LETTER * sheet.sizes.small:
        for node in nodes:
            _value(sheet, node)
    for gap in sheet.layout.gaps:
        x, y = sheet.place(gap.x, gap.y)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        words = f"⋮ {gap.count:,} more"
        sheet.write(x, y, words, 0.9 * sheet.sizes.small, zorder=4, bbox=box, color="black")


def _value(sheet: _Sheet, node: Node) -> None:
    """The number of a unit within its circle."""
    value = float(sheet.diagram.stages[node.stage].values[node.unit])
    if np.isfinite(value):
        x, y = sheet.place(node.x, node.y)
        text = f"{value:.2g}".replace("-", "−")
        room = 72 * 1.7 * sheet.radius / (_LETTER * max(3, len(text)))
        sheet.write(x, y, text, min(sheet.sizes.small, room), zorder=4)


def _names(sheet: _Sheet) -> None:
    """The names of the columns at the input, and of the answers at the output."""
    gap = sheet.radius + 0.06
    pitch = 72 * sheet.layout.pitch * (sheet.bottom - sheet.top)
    for k, side, at in ((0, -1, "right"), (-1, 1, "left")):
        for node in sheet.layout.columns[k]:
            x, y = sheet.place(node.x, node.y)
            name = _short(sheet.diagram.stages[node.stage].units[node.unit])
            sheet.write(x + side * gap, y, name, min(sheet.sizes.small, pitch), ha=at)


def _captions(sheet: _Sheet) -> None:
    """What stands above the columns and below the weights."""
    for stage, column in zip(sheet.diagram.stages, sheet.layout.columns, strict=True):
        x, _ = sheet.place(column[0].x, 0)
        words = "\n".join(heading(stage, sheet.narrow))
        sheet.write(x, sheet.top - 0.05, words, sheet.caption, va="bottom")
    for bundle in sheet.layout.bundles:
        x, _ = sheet.place(bundle.x, 0)
        words = "\n".join(caption(bundle, sheet.narrow))
        sheet.write(x, sheet.bottom + 0.05, words, sheet.caption, va="top", color=GREY)


def _legend(sheet: _Sheet, height: float) -> None:
    """What colours and widths mean, in two lines at the foot."""
    sizes = sheet.sizes
    x, line = 0.15, sizes.lines(1.0)
    for row, words in enumerate(legend(sheet.diagram)):
        y = height - 0.12 - (1.5 - row) * line
        sheet.ax.plot([x, x + 0.3], [y, y], color=(ABOVE, BELOW)[row], linewidth=2.5 * sizes.line)
        sheet.write(x + 0.4, y, words, sizes.small, ha="left")
