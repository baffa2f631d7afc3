"""Colours for numbers that have a sign: orange above 0, blue below, white at 0.

Apart for all eyes, and in lightness too where there is no colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.views.pens import COLOURS

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

BELOW, ABOVE = COLOURS[0], COLOURS[1]  # blue, orange


def tint(share: float) -> tuple[float, ...]:
    """The colour of a number between −1 and 1; white at 0, and where there is none.

    Black type remains legible on each.
    """
    from matplotlib.colors import to_rgb

    if not abs(share) > 0:
        return (1.0, 1.0, 1.0)
    weight = 0.75 * min(1.0, abs(share))
    return tuple(1 - weight + weight * part for part in to_rgb(ABOVE if share > 0 else BELOW))


def signed_map() -> Colormap:
    """The same colours as a map from −1 to 1; grey where there is no number."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signs", (BELOW, "#FFFFFF", ABOVE)).with_extremes(
        bad="0.85"
    )
