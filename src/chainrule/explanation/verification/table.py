"""A verification as a table: a line for each layer, a column for each way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainrule.views import words
from chainrule.views.report import Report

if TYPE_CHECKING:
    from chainrule.explanation.verification.ways import Verification


def report(found: Verification) -> Report:
    """The table, what to know of each way, and the verdict."""
    sizes, count = "-".join(map(str, found.sizes)), len(found.activations)
    return Report(
        f"∂L/∂W and ∂L/∂b of a network {sizes}, {found.loss} over {words.many(found.rows, 'row')}",
        ["layer", "W", *(_short(way.name) for way in found.ways)],
        [
            [
                f"{count - i} {found.activations[i]}",
                f"{found.sizes[i]}×{found.sizes[i + 1]}",
                *(_cell(way.worst[i], found.tolerance) for way in found.ways),
            ]
            for i in range(count)
        ],
        [
            "The largest difference from backprop in NumPy, over the largest entry; up to"
            f" {found.tolerance:g} passes. All in float64.",
            *(f"{way.name}: {way.note}." for way in found.ways if way.note),
        ],
        [found.verdict],
    )


def _short(name: str) -> str:
    return name.removesuffix(" engine").removeprefix("PyTorch's ").removesuffix(" factors")


def _cell(worst: float, tolerance: float) -> str:
    if math.isnan(worst):
        return "–"
    return (f"{worst:.1e}" if worst else "0") + (" ✗" if worst > tolerance else "")
