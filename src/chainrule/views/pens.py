"""A pen for every optimizer: the same in every picture.

A picture may be printed without colour, or read by eyes that do not tell red from green. So each
of the first eight pens differs from the others in colour, line and marker at once, and the eight
after them repeat a colour only with another line and another, hollow marker. The colours follow
Okabe and Ito (Color Universal Design, 2008) and Tol (Colour schemes, 2021), and are apart in
lightness too: CIE L* is 46, 71, 0, 54, 32, 77, 60 and 67, in this order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

COLOURS = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#000000",  # black
    "#D55E00",  # vermilion
    "#882255",  # wine
    "#7CC8F2",  # sky
    "#00A67A",  # green
    "#D68CB6",  # pink
)
LINES: tuple[tuple[float, ...], ...] = (  # ink, gap, ink, gap, … in widths of the line
    (),
    (5, 1.8),
    (6, 1.5, 1, 1.5),
    (1, 1.2),
    (9, 2),
    (6, 1.2, 1, 1.2, 1, 1.2),
    (2.5, 1.2),
    (6, 1.3, 6, 1.3, 1, 1.3),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "*", "<")
HOLLOW = ("s", "^", "D", "v", "p", "o", "h", ">")


@dataclass(frozen=True)
class Pen:
    """How one optimizer is drawn, in every panel.

    Attributes:
        colour: as "#0072B2".
        dashes: ink, gap, ink, gap, … in widths of the line; empty for a line without gaps.
        marker: matplotlib's name of it.
        hollow: whether the marker is white inside.
    """

    colour: str
    dashes: tuple[float, ...]
    marker: str
    hollow: bool = False

    def keywords(self) -> dict[str, Any]:
        """What matplotlib's `plot` takes."""
        return {
            "color": self.colour,
            "linestyle": (0, self.dashes) if self.dashes else "-",
            "marker": self.marker,
            "markerfacecolor": "white" if self.hollow else self.colour,
        }


PENS = (
    *map(Pen, COLOURS, LINES, MARKERS),
    *(
        Pen(colour, dashes, marker, hollow=True)
        for colour, dashes, marker in zip(COLOURS, LINES[3:] + LINES[:3], HOLLOW, strict=True)
    ),
)


def pens(names: Iterable[str]) -> dict[str, Pen]:
    """A pen for every name, in the order in which the names first come; they repeat after 16."""
    return dict(zip(dict.fromkeys(names), cycle(PENS), strict=False))
