"""A verification as a table: a line for each layer, a column for each way."""

from __future__ import annotations

import math
import textwrap
from html import escape
from typing import TYPE_CHECKING

from chainrule.views import words

if TYPE_CHECKING:
    from chainrule.explanation.verification.ways import Verification

WIDTH = 80


def text(found: Verification) -> str:
    """The table, what to know of each way, and the verdict, in lines of 80 characters."""
    headers, rows = _table(found)
    lines = [
        *textwrap.wrap(_title(found), WIDTH),
        "",
        *words.table(headers, rows).splitlines(),
        "",
        *textwrap.wrap(_what(found), WIDTH),
        *(line for note in _notes(found) for line in textwrap.wrap(note, WIDTH)),
        "",
        *textwrap.wrap(found.verdict, WIDTH),
    ]
    return "\n".join(lines)


def html(found: Verification) -> str:
    """The same as an element for any page, on light or dark ground."""
    headers, rows = _table(found)
    style = "text-align:right;padding:0.1em 0.7em;border:none;background:none"
    head = "".join(f"<th style='{style}'>{escape(name)}</th>" for name in headers)
    body = "".join(
        "<tr>" + "".join(f"<td style='{style}'>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    notes = "<br>".join(map(escape, (_what(found), *_notes(found))))
    return (
        "<div style='overflow-x:auto;line-height:1.5'>"
        f"<p style='margin:0.3em 0'>{escape(_title(found))}</p>"
        "<table style='border-collapse:collapse;background:none;border:none'>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p style='margin:0.3em 0;opacity:0.7;font-size:0.9em'>{notes}</p>"
        f"<p style='margin:0.3em 0'><b>{escape(found.verdict)}</b></p></div>"
    )


def _title(found: Verification) -> str:
    sizes = "-".join(map(str, found.sizes))
    return (
        f"∂L/∂W and ∂L/∂b of a network {sizes}, {found.loss} over {words.many(found.rows, 'row')}"
    )


def _what(found: Verification) -> str:
    return (
        "The largest difference from backprop in NumPy, over the largest entry; up to"
        f" {found.tolerance:g} passes. All in float64."
    )


def _notes(found: Verification) -> list[str]:
    return [f"{way.name}: {way.note}." for way in found.ways if way.note]


def _table(found: Verification) -> tuple[list[str], list[list[str]]]:
    count = len(found.activations)
    headers = ["layer", "W", *(_short(way.name) for way in found.ways)]
    rows = [
        [
            f"{count - i} {found.activations[i]}",
            f"{found.sizes[i]}×{found.sizes[i + 1]}",
            *(_cell(way.worst[i], found.tolerance) for way in found.ways),
        ]
        for i in range(count)
    ]
    return headers, rows


def _short(name: str) -> str:
    return name.removesuffix(" engine").removeprefix("PyTorch's ").removesuffix(" factors")


def _cell(worst: float, tolerance: float) -> str:
    if math.isnan(worst):
        return "–"
    return (f"{worst:.1e}" if worst else "0") + (" ✗" if worst > tolerance else "")
