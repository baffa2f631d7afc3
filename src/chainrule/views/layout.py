"""Where the circles and lines of a drawn network stand, whoever draws them.

x goes from 0, the input, to 1, the output; y from 0 at the top to 1. A column too long to be drawn
is cut in its middle, and of a layer with too many weights the heaviest are drawn: both are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from chainrule.views.data import Diagram, Numbers, Stage

MOST_UNITS, MOST_EDGES = 24, 120  # drawn in a column; of a layer
PITCH = 0.25  # the largest distance between two units of a column beside a longer one
FEW_EDGES = 8  # so few of a layer have room for their numbers
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Node:
    """A unit: the numbers of its stage and of itself, both from 0, and its place."""

    stage: int
    unit: int
    x: float
    y: float


@dataclass(frozen=True)
class Gap:
    """Where a column is cut: the number of its stage, its place, and how many units are left out."""

    stage: int
    x: float
    y: float
    count: int


@dataclass(frozen=True)
class Edge:
    """A weight.

    Attributes:
        layer: the lecture's number of its layer.
        source, target: the units that it joins.
        weight: w.
        share: |w| over the largest of its layer, drawn or not: the width of the line.
    """

    layer: int
    source: Node
    target: Node
    weight: float
    share: float


@dataclass(frozen=True)
class Bundle:
    """The weights of a layer, the heaviest last, so that it lies above the others.

    Attributes:
        layer: the lecture's number.
        x: the middle between its two columns.
        shape: of W.
        largest: the largest |w|.
        chosen: whether only the heaviest are drawn of those between units that are drawn.
        edges: those that are drawn.
    """

    layer: int
    x: float
    shape: tuple[int, int]
    largest: float
    chosen: bool
    edges: tuple[Edge, ...]

    @property
    def numbered(self) -> bool:
        """Whether there is room to write each weight beside its line."""
        return len(self.edges) <= FEW_EDGES

    @property
    def captions(self) -> tuple[str, ...]:
        """What is written below the weights, a line each."""
        d, e = self.shape
        lines = (f"W_{self.layer}, {d:,}×{e:,}", f"|w| ≤ {self.largest:.3g}")
        if len(self.edges) == d * e:
            return lines
        return (*lines, f"{'heaviest ' if self.chosen else ''}{len(self.edges):,} drawn")


@dataclass(frozen=True)
class Layout:
    """A drawn network.

    Attributes:
        columns: the units that are drawn, for each stage.
        gaps: where columns are cut.
        bundles: the weights, for each layer from input to output.
        pitch: the least distance between two units of a column.
        slots: the places in the longest column.
    """

    columns: tuple[tuple[Node, ...], ...]
    gaps: tuple[Gap, ...]
    bundles: tuple[Bundle, ...]
    pitch: float
    slots: int


def arrange(diagram: Diagram, units: int = MOST_UNITS, edges: int = MOST_EDGES) -> Layout:
    """Find the places.

    Args:
        diagram: the network.
        units: so many of a column are drawn at most: the first and the last.
        edges: so many weights of a layer are drawn at most: the heaviest of those between units
            that are drawn.
    """
    last = len(diagram.stages) - 1
    slots = max(_slots(len(stage.units), units) for stage in diagram.stages)
    columns: list[tuple[Node, ...]] = []
    gaps: list[Gap] = []
    for k, stage in enumerate(diagram.stages):
        column, gap = _column(k, k / last, len(stage.units), units, max(PITCH, 1 / slots))
        columns.append(column)
        gaps += gap
    bundles = tuple(
        _bundle(last - k, W, *two, edges)
        for k, (W, two) in enumerate(zip(diagram.weights, pairwise(columns), strict=True))
    )
    return Layout(tuple(columns), tuple(gaps), bundles, 1 / slots, slots)


def shown(count: int, most: int) -> tuple[Ints, int]:
    """Which of so many are shown, the first and the last, and how many of these are the first."""
    if count <= most:
        return np.arange(count), count
    first = (most + 1) // 2
    return np.concatenate([np.arange(first), np.arange(count - most + first, count)]), first


def lowered(name: str) -> str:
    """The name with its numbers below the line: "z_3" as "z₃"."""
    before, *rest = name.split("_")
    return before + "".join(_lower_first(part) for part in rest)


def edge_name(edge: Edge, diagram: Diagram) -> str:
    """What a weight is, as "W_2, height → unit 1: −0.53"."""
    source = diagram.stages[edge.source.stage].units[edge.source.unit]
    target = diagram.stages[edge.target.stage].units[edge.target.unit]
    return f"W_{edge.layer}, {source} → {target}: {signed(edge.weight)}"


def legend(diagram: Diagram) -> tuple[str, str]:
    """What the colour of what is above 0 means, and that of what is below."""
    filled = any(np.isfinite(stage.values).any() for stage in diagram.stages)
    return (
        "above 0: a weight, as wide as |w|; in each layer the widest is its largest",
        f"below 0; circles: {diagram.filled}, white at 0" if filled else "below 0",
    )


def fill(diagram: Diagram, node: Node) -> float:
    """What fills a unit, as a share of the largest of its stage, −1 to 1; 0 where nothing does."""
    values = diagram.stages[node.stage].values
    known = values[np.isfinite(values)]
    largest = float(np.abs(known).max()) if known.size else 0.0
    value = float(values[node.unit])
    return value / largest if largest and np.isfinite(value) else 0.0


def heading(stage: Stage, narrow: bool) -> list[str]:
    """The lines above a column: its name, and how many units it has; one more where it is narrow."""
    count = len(stage.units)
    name = lowered(stage.name).replace(" = ", " =\n" if narrow else " = ")
    return [*name.splitlines(), f"{count:,} unit{'s' * (count != 1)}"]


def caption(bundle: Bundle, narrow: bool) -> list[str]:
    """The lines below a layer's weights; more of them, and shorter ones, where it is narrow."""
    lines = [lowered(line) for line in bundle.captions]
    if not narrow:
        return lines
    name, *others = lines
    shorter = [
        part for line in others for part in line.replace("heaviest ", "heaviest\n").split("\n")
    ]
    return [*name.split(", "), *shorter]


def longest_line(diagram: Diagram, layout: Layout, narrow: bool) -> int:
    """The letters of the longest line above or below."""
    lines = [line for stage in diagram.stages for line in heading(stage, narrow)]
    lines += [line for bundle in layout.bundles for line in caption(bundle, narrow)]
    return max(map(len, lines))


def signed(value: float) -> str:
    """A number to three figures, with a true minus."""
    return f"{value:.3g}".replace("-", "−")


def _lower_first(part: str) -> str:
    digits = len(part) - len(part.lstrip("0123456789"))
    return part[:digits].translate(_LOWERED) + part[digits:]


def _slots(count: int, most: int) -> int:
    """The places in a column of so many units; a cut takes one of its own."""
    return count if count <= most else most + 1


def _column(
    stage: int, x: float, count: int, most: int, pitch: float
) -> tuple[tuple[Node, ...], Sequence[Gap]]:
    """The units of a stage around the middle, at this distance or, where that is too much, less."""
    units, first = shown(count, most)
    cut = count > most
    slots = _slots(count, most)
    y = 0.5 + (np.arange(slots) - (slots - 1) / 2) * min(pitch, 1 / slots)
    places = np.delete(y, first) if cut else y
    nodes = tuple(
        Node(stage, int(unit), x, float(place)) for unit, place in zip(units, places, strict=True)
    )
    return nodes, [Gap(stage, x, float(y[first]), count - most)] if cut else []


def _bundle(
    layer: int, W: Numbers, sources: Sequence[Node], targets: Sequence[Node], most: int
) -> Bundle:
    """The heaviest of the weights between units that are drawn, in ascending order."""
    rows, columns = ([node.unit for node in nodes] for nodes in (sources, targets))
    seen = W[np.ix_(rows, columns)]
    largest = float(np.abs(W).max())
    heaviest = np.argsort(np.abs(seen), axis=None, kind="stable")[-most:]
    edges = tuple(
        Edge(layer, sources[i], targets[j], w := float(seen[i, j]), abs(w) / (largest or 1.0))
        for i, j in zip(*np.unravel_index(heaviest, seen.shape), strict=True)
    )
    x = (sources[0].x + targets[0].x) / 2
    return Bundle(layer, x, (len(W), W.shape[1]), largest, seen.size > most, edges)
