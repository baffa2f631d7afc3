"""Markers and lines for legends, as SVG."""

from __future__ import annotations

import math

from chainrule.views.pens import Pen

_CORNERS = {  # its corners, the angle of the first in degrees, and how near every second one is
    "o": (24, 0, 1.0),
    "s": (4, 45, 1.0),
    "^": (3, 90, 1.0),
    "D": (4, 90, 1.0),
    "v": (3, 270, 1.0),
    "P": (8, 0, 0.45),
    "*": (10, 90, 0.42),
    "<": (3, 180, 1.0),
    ">": (3, 0, 1.0),
    "p": (5, 90, 1.0),
    "h": (6, 90, 1.0),
}


def sample_svg(pen: Pen) -> str:
    """A short line with its marker."""
    gaps = " ".join(f"{2 * part:g}" for part in pen.dashes)
    return (
        '<svg width="44" height="14" viewBox="0 0 44 14" aria-hidden="true"><path d="M1 7H43" '
        f'stroke="{pen.colour}" stroke-width="2" stroke-dasharray="{gaps}"/>'
        f"{_polygon(pen.marker, pen.colour, pen.hollow, 22)}</svg>"
    )


def mark_svg(marker: str, colour: str, hollow: bool) -> str:
    """A marker alone."""
    return (
        '<svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">'
        f"{_polygon(marker, colour, hollow, 7)}</svg>"
    )


def _polygon(marker: str, colour: str, hollow: bool, x: float) -> str:
    """A marker as a polygon, at a height of 7."""
    corners, first, near = _CORNERS[marker]
    points = [
        (x + radius * math.cos(angle), 7 - radius * math.sin(angle))
        for k in range(corners)
        for angle in [math.radians(first + 360 * k / corners)]
        for radius in [5.0 * (near if k % 2 else 1.0)]
    ]
    inside = "white" if hollow else colour
    joined = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return f'<polygon points="{joined}" fill="{inside}" stroke="{colour}" stroke-width="1.4"/>'
