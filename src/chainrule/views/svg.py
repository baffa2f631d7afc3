"""A network as SVG text: for a notebook, a web page, a file.

Type takes the colour of the text around it, and all else a colour that is legible on light and on
dark ground; as a file of its own it brings its ground along. Each weight and each unit says its
name and its number where the pointer rests on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

import numpy as np

from chainrule.views.data import Diagram
from chainrule.views.layout import (
    Bundle,
    Layout,
    Node,
    arrange,
    caption,
    edge_name,
    fill,
    heading,
    legend,
    longest_line,
    signed,
)
from chainrule.views.pens import COLOURS

BELOW, ABOVE = COLOURS[0], COLOURS[1]
_WIDTH, _SLOT, _LETTER = 720.0, 17.0, 6.3  # of the picture, a place in a column, a letter
_TOP, _FOOT = 38.0, 53.0  # for the title, for the legend
_LINE, _NARROW = 13.0, 105.0  # of captions; where columns are closer, theirs have to be broken
_NAMED = 22  # letters of a name
# As the root of a file it follows the system's choice of light or dark; within a page, the page's.
_STYLE = (
    "svg:root{color:#222;background:#fff}"
    "@media(prefers-color-scheme:dark){svg:root{color:#ddd;background:#111}}"
)


def network_svg(diagram: Diagram, width: float = _WIDTH) -> str:
    """A network as SVG text, with circles for units and lines for weights.

    Args:
        diagram: the network.
        width: of the picture, in pixels; its height follows.
    """
    layout = arrange(diagram)
    sheet = _Sheet(diagram, layout)
    scale = width / _WIDTH
    said = escape(f"{diagram.title}: {_description(diagram)}", {'"': "&quot;"})
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{said}"'
            f' width="{width:g}" height="{sheet.height * scale:g}"'
            f' viewBox="0 0 {_WIDTH:g} {sheet.height:g}" style="max-width:100%;height:auto"'
            f' font-family="sans-serif" font-size="11" fill="currentColor" stroke-linecap="butt">',
            f"<style>{_STYLE}</style>",
            sheet.text(8, 20, diagram.title, "start", ' font-size="15" font-weight="bold"'),
            *(line for bundle in layout.bundles for line in sheet.lines(bundle)),
            *sheet.circles(),
            *sheet.gaps(),
            *sheet.names(),
            *sheet.captions(),
            *sheet.legend(),
            "</svg>",
        ]
    )


def _description(diagram: Diagram) -> str:
    """The network in a sentence, for who cannot see it."""
    first, *others = diagram.stages
    steps = [f"{len(stage.units):,} of {stage.name}" for stage in others]
    return f"{len(first.units):,} inputs, then {', '.join(steps)}"


class _Sheet:
    """The parts of the picture, each a line of SVG."""

    def __init__(self, diagram: Diagram, layout: Layout) -> None:
        self.diagram, self.layout = diagram, layout
        body = max(110.0, layout.slots * _SLOT, 45.0 * min(layout.slots, 5))
        self.body = body
        self.radius = min(17.0, 0.4 * body / layout.slots, 95.0 / len(layout.bundles))
        self.left = self._beside(0)
        self.right = _WIDTH - self._beside(-1)
        self.narrow = (self.right - self.left) / len(layout.bundles) < _NARROW
        lines = max(len(caption(bundle, self.narrow)) for bundle in layout.bundles)
        self.top = _TOP + _LINE * max(len(heading(each, self.narrow)) for each in diagram.stages)
        self.height = self.top + body + _LINE * lines + _FOOT

    def _beside(self, k: int) -> float:
        """The room that the names beside a column take."""
        names = (self.diagram.stages[k].units[node.unit] for node in self.layout.columns[k])
        return max(50.0, _LETTER * max(len(_short(name)) for name in names) + self.radius + 12)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A place in the layout, in the picture."""
        return self.left + x * (self.right - self.left), self.top + y * self.body

    def text(self, x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> str:
        """Text with its baseline at y."""
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'

    def lines(self, bundle: Bundle) -> Iterator[str]:
        """The weights of a layer, and their numbers where there are few."""
        widest = min(6.0, 0.45 * self.radius)
        for edge in bundle.edges:
            (x0, y0), (x1, y1) = (self.place(n.x, n.y) for n in (edge.source, edge.target))
            yield (
                f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"'
                f' stroke="{ABOVE if edge.weight > 0 else BELOW}"'
                f' stroke-width="{widest * edge.share:.3g}">'
                f"<title>{escape(edge_name(edge, self.diagram))}</title></path>"
            )
        for edge in bundle.edges if bundle.numbered else ():
            (x0, y0), (x1, y1) = (self.place(n.x, n.y) for n in (edge.source, edge.target))
            share = 1 / (bundle.shape[1] + 1)
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            yield self.text(x, y - widest / 2 - 3, signed(edge.weight))

    def circles(self) -> Iterator[str]:
        """The units, with their numbers where there is room."""
        for node in (node for column in self.layout.columns for node in column):
            x, y = self.place(node.x, node.y)
            share = fill(self.diagram, node)
            colour = ABOVE if share > 0 else BELOW
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{self.radius:.1f}" fill="#fff"'
                ' stroke="currentColor"/>'
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{self.radius:.1f}" fill="{colour}"'
                f' fill-opacity="{0.75 * abs(share):.2f}">'
                f"<title>{escape(self._said(node))}</title></circle>"
            )
            if self.radius > 13 and np.isfinite(self._value(node)):
                words = f"{self._value(node):.2g}".replace("-", "−")
                more = ' fill="#000" font-size="10" pointer-events="none"'
                yield self.text(x, y + 3.5, words, more=more)

    def _value(self, node: Node) -> float:
        return float(self.diagram.stages[node.stage].values[node.unit])

    def _said(self, node: Node) -> str:
        """What a unit says of itself, as "z_2, unit 3: bias b 0.53"."""
        stage = self.diagram.stages[node.stage]
        name = f"{stage.name.split(' ')[0]}, {stage.units[node.unit]}"
        value = self._value(node)
        return f"{name}: {self.diagram.filled} {signed(value)}" if np.isfinite(value) else name

    def gaps(self) -> Iterator[str]:
        """How many units are left out."""
        for gap in self.layout.gaps:
            x, y = self.place(gap.x, gap.y)
            yield (
                f'<rect x="{x - 30:.1f}" y="{y - 8:.1f}" width="60" height="15" rx="4" fill="#fff"/>'
            )
            yield self.text(x, y + 3.5, f"⋮ {gap.count:,} more", more=' fill="#222" font-size="10"')

    def names(self) -> Iterator[str]:
        """The names of the columns at the input, and of the answers at the output."""
        gap = self.radius + 5
        for k, side, anchor in ((0, -1, "end"), (-1, 1, "start")):
            for node in self.layout.columns[k]:
                x, y = self.place(node.x, node.y)
                name = self.diagram.stages[node.stage].units[node.unit]
                yield self.text(x + side * gap, y + 4, _short(name), anchor)

    def captions(self) -> Iterator[str]:
        """What stands above the columns and below the weights."""
        room = (self.right - self.left) / len(self.layout.bundles)
        letters = longest_line(self.diagram, self.layout, self.narrow)
        small = f' font-size="{min(11.0, room / (0.6 * letters)):.3g}"'
        for stage, column in zip(self.diagram.stages, self.layout.columns, strict=True):
            x, _ = self.place(column[0].x, 0)
            for i, line in enumerate(reversed(heading(stage, self.narrow))):
                yield self.text(x, self.top - 7 - _LINE * i, line, more=small)
        for bundle in self.layout.bundles:
            x, _ = self.place(bundle.x, 0)
            for i, line in enumerate(caption(bundle, self.narrow)):
                y = self.top + self.body + 12 + _LINE * i
                yield self.text(x, y, line, more=f'{small} opacity="0.75"')

    def legend(self) -> Iterator[str]:
        """What colours and widths mean, in two lines at the foot."""
        for row, words in enumerate(legend(self.diagram)):
            y = self.height - 30 + 17 * row
            colour = (ABOVE, BELOW)[row]
            yield f'<path d="M10 {y:.1f}h28" stroke="{colour}" stroke-width="5"/>'
            yield self.text(46, y + 4, words, "start")


def _short(name: str) -> str:
    return name if len(name) <= _NAMED else name[: _NAMED - 1] + "…"
