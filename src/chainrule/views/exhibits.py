"""What a report shows, as plain data: figures, tables, bars, and sections of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.views.data import Numbers

Places: TypeAlias = npt.NDArray[Any] | Sequence[str]  # along an axis: numbers, dates; categories
Look: TypeAlias = Literal["line", "dashes", "faint", "points", "marks", "dots", "bars", "band"]


@dataclass(frozen=True)
class Fact:
    """One number that matters.

    Attributes:
        name: what it is.
        value: the number, in words.
        beside: what to compare it with.
    """

    name: str
    value: str
    beside: str = ""


@dataclass(frozen=True)
class Facts:
    """Numbers that matter, side by side."""

    facts: Sequence[Fact]


@dataclass(frozen=True)
class Cells:
    """A table of text that can be sorted.

    Attributes:
        name: what it is a table of.
        headers: of the columns.
        rows: the cells.
    """

    name: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Profile:
    """A column of a table in a line.

    Attributes:
        name: of the column.
        kind: what it holds.
        missing: the share of gaps.
        heights: how its values are spread, from the least or the most frequent on.
        words: its range, or its most frequent values.
    """

    name: str
    kind: str
    missing: float
    heights: Numbers
    words: str


@dataclass(frozen=True)
class Profiles:
    """The columns of a table, a line each."""

    columns: Sequence[Profile]


@dataclass(frozen=True)
class Bars:
    """Lengths with names, as horizontal bars.

    Attributes:
        name: what they measure.
        labels: of the bars, (k,).
        values: their lengths, (k,); negative ones have no bar.
        words: what stands beside each.
        spreads: half the length of a whisker at the end of each, (k,); none without it.
    """

    name: str
    labels: Sequence[str]
    values: Numbers
    words: Sequence[str]
    spreads: Numbers | None = None


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix.

    Attributes:
        classes: their names, (k,).
        counts: rows, or their weights, of the class i that were taken for the class j, (k, k).
    """

    classes: Sequence[str]
    counts: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """A line, points or bars of a chart.

    Attributes:
        name: in the legend.
        x, y: where its points are.
        look: how it is drawn; a "band" runs there and back.
        colour: its number in the palette; that of the last is grey.
        hints: what is said beside each point; its coordinates without them.
    """

    name: str
    x: Places
    y: Numbers
    look: Look = "line"
    colour: int = 0
    hints: Sequence[str] = ()


@dataclass(frozen=True)
class Chart:
    """A figure with two axes.

    Attributes:
        name: what it shows.
        x, y: the names of its axes; no x where it is the chart's.
        series: what is drawn; several are named in a legend.
        note: how to read it.
        guide: a thin line: y = x, or y = 0.
        below: bars in a strip below, as the rows that points stand for.
        limits: of the y axis; found without them.
        log: whether the y axis is logarithmic.
        legend: the corner in which there is room for a legend.
    """

    name: str
    x: str
    y: str
    series: Sequence[Series]
    note: str = ""
    guide: Literal["y = x", "y = 0"] | None = None
    below: Series | None = None
    limits: tuple[float, float] | None = None
    log: bool = False
    legend: Literal["above", "bottom right"] = "above"


@dataclass(frozen=True)
class Drawing:
    """A picture as SVG text, with what comes from outside escaped in it."""

    svg: str


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


Exhibit: TypeAlias = Facts | Cells | Profiles | Bars | Matrix | Chart | Drawing | Words


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; neighbouring charts stand side by side."""

    heading: str
    exhibits: Sequence[Exhibit]
