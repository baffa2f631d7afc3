"""An attribution as a table with bars, in characters and in HTML."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from chainrule.explanation.attribution.own_units import Cell
from chainrule.views import words
from chainrule.views.mathematics.document import entry
from chainrule.views.pens import COLOURS

if TYPE_CHECKING:
    from chainrule.explanation.attribution.result import Attribution

MOST = 20  # columns that are shown
_HEADERS = ("column", "value", "baseline", "gradient", "integrated")
_LEAST_BAR, _WIDEST_BAR, _LONGEST_CELL, _LEAST_NAME = 11, 25, 14, 8
_ASCII = str.maketrans(
    {"−": "-", "│": "|", "█": "#", "▌": "#", "▐": "#", "…": "~", "∞": "inf", "–": "-"}
)
_BELOW, _ABOVE = COLOURS[:2]  # blue and orange, as in the pictures


@dataclass(frozen=True)
class _Line:
    """A column, or all those left out together.

    Attributes:
        name: of the column.
        texts: its value, that of the baseline, its slope and its share.
        share: the number that the bar shows.
    """

    name: str
    texts: tuple[str, str, str, str]
    share: float


def text(found: Attribution, width: int, unicode: bool) -> str:
    """The table, the sum and what the numbers are, in so many columns of characters."""
    lines = [
        *_wrapped(found.title, width),
        *_wrapped(f"from {_from(found)}", width),
        "",
        *_table(_lines(found), width),
        "",
        *_wrapped(found.total, width),
        "",
        *_wrapped(" ".join(_notes(found)), width),
    ]
    joined = "\n".join(lines)
    return joined if unicode else joined.translate(_ASCII).encode("ascii", "replace").decode()


def html(found: Attribution) -> str:
    """The same as an element for any page, on light or dark ground."""
    lines = _lines(found)
    below, above = _reach(lines)
    head = "".join(f"<th style='{_cell(i == 0)}'>{name}</th>" for i, name in enumerate(_HEADERS))
    body = "".join(
        f"<tr><td style='{_cell(True)}'>{escape(line.name)}</td>"
        + "".join(f"<td style='{_cell(False)}'>{escape(each)}</td>" for each in line.texts)
        + f"<td style='min-width:12em;padding:0'>{_html_bar(line.share, below, above)}</td></tr>"
        for line in lines
    )
    return (
        "<div style='overflow-x:auto;line-height:1.5'>"
        f"<p style='margin:0.3em 0'><b>{escape(found.title)}</b>, from {escape(_from(found))}</p>"
        "<table style='border-collapse:collapse;background:none;border:none'>"
        f"<thead><tr>{head}<th></th></tr></thead><tbody>{body}</tbody></table>"
        f"<p style='margin:0.3em 0'>{escape(found.total)}</p>"
        f"<p style='margin:0.3em 0;opacity:0.7;font-size:0.9em'>{escape(' '.join(_notes(found)))}</p>"
        "</div>"
    )


def page(found: Attribution) -> str:
    """The same as a page for a browser; nothing in it is loaded from elsewhere."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(found.title)}</title></head>"
        f"<body style='font-family:system-ui,sans-serif'>{html(found)}</body></html>\n"
    )


def written(cell: Cell, figures: int = 6) -> str:
    """What stands in a column: text as it is, a number to six figures; nan is a dash."""
    if isinstance(cell, str):
        return cell
    if math.isnan(cell):
        return "–"
    rounded = f"{cell:.{figures}g}"
    plain = f"{float(rounded):.0f}" if 1e4 <= abs(cell) < 1e9 and "e" in rounded else rounded
    return plain.replace("-", "−")


def alike(values: Sequence[float]) -> list[str]:
    """Numbers with as many decimals each as give the largest four figures."""
    largest = max(map(abs, values))
    if not 1e-4 <= largest < 1e9:
        return [entry(value) for value in values]
    decimals = max(0, 3 - math.floor(math.log10(largest)))
    return [f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "−") for value in values]


def _from(found: Attribution) -> str:
    start = alike((found.baseline_value, found.value))[0]
    return f"the baseline, {found.baseline_name}, where it is {start}"


def _notes(found: Attribution) -> list[str]:
    text = any(isinstance(cell, str) for cell in found.row_cells)
    return [
        "integrated: the share of the column in the sum.",
        "gradient: what one unit more of the column would change, at the rate it has at the row"
        + ("; text has no unit." if text else "."),
        f"The integral took {words.many(found.points, 'point')}; the sum is off by {found.remainder:.1g}.",
    ]


def _lines(found: Attribution) -> list[_Line]:
    """A line for each column, by size; of too many, one for the smallest together."""
    order, shares = found.order, found.by_column
    shown = order if len(order) <= MOST else order[: MOST - 1]
    left = order[len(shown) :]
    rest = float(shares[left].sum())
    *sizes, rest_size = alike([*shares[shown].tolist(), rest])
    lines = [
        _Line(
            found.columns[i],
            (
                written(found.row_cells[i]),
                written(found.baseline_cells[i]),
                written(float(found.slopes[i]), 4),
                size,
            ),
            float(shares[i]),
        )
        for i, size in zip(shown, sizes, strict=True)
    ]
    if left:
        lines.append(_Line(f"{len(left):,} others", ("", "", "", rest_size), rest))
    return lines


def _table(lines: Sequence[_Line], width: int) -> list[str]:
    longest_cell = max(_LEAST_NAME, min(_LONGEST_CELL, (width - 40) // 2))
    texts = [
        [_cut(line.texts[0], longest_cell), _cut(line.texts[1], longest_cell), *line.texts[2:]]
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(_HEADERS[1:], *texts, strict=True)]
    room = width - sum(widths) - 2 * (len(widths) + 1)
    longest = max(len(_HEADERS[0]), *(len(line.name) for line in lines))
    name = min(longest, max(_LEAST_NAME, room - _LEAST_BAR))
    wide = max(3, min(_WIDEST_BAR, room - name))
    below, above = _reach(lines)

    def row(first: str, others: Sequence[str], last: str) -> str:
        cells = [each.rjust(size) for each, size in zip(others, widths, strict=True)]
        return "  ".join([_cut(first, name).ljust(name), *cells, last]).rstrip()

    bars = [_bar(line.share, below, above, wide) for line in lines]
    return [
        row(_HEADERS[0], _HEADERS[1:], ""),
        *(row(line.name, cells, bar) for line, cells, bar in zip(lines, texts, bars, strict=True)),
    ]


def _reach(lines: Sequence[_Line]) -> tuple[float, float]:
    """How far the bars go below 0 and above it."""
    shares = [line.share for line in lines]
    return max(0.0, -min(shares)), max(0.0, *shares)


def _bar(share: float, below: float, above: float, width: int) -> str:
    """A bar from the line at 0, to the left or to the right, in half characters."""
    unit = (width - 1) / (below + above or 1.0)
    left = round(unit * below)
    halves = min(round(2 * unit * abs(share)), 2 * (left if share < 0 else width - 1 - left))
    whole, half = divmod(halves, 2)
    if share < 0:
        return ("▐" * half + "█" * whole).rjust(left) + "│"
    return " " * left + "│" + "█" * whole + "▌" * half


def _html_bar(share: float, below: float, above: float) -> str:
    zero = 100 * below / (below + above or 1.0)
    wide = 100 * abs(share) / (below + above or 1.0)
    start, colour = (zero - wide, _BELOW) if share < 0 else (zero, _ABOVE)
    return (
        "<div style='position:relative;height:0.9em'>"
        f"<div style='position:absolute;left:{start:.2f}%;width:{wide:.2f}%;height:100%;"
        f"background:{colour}'></div><div style='position:absolute;left:{zero:.2f}%;height:100%;"
        "border-left:1px solid currentColor'></div></div>"
    )


def _cell(left: bool) -> str:
    return (
        f"text-align:{'left' if left else 'right'};padding:0.1em 0.6em;border:none;background:none;"
        "font-variant-numeric:tabular-nums"
    )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]
