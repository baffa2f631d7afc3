"""Tables, bars and matrices as HTML: what comes from outside is escaped here."""

from __future__ import annotations

import re
from html import escape

import numpy as np

from chainrule.views import words
from chainrule.views.data import Numbers
from chainrule.views.exhibits import Bars, Cells, Drawing, Facts, Matrix, Profiles, Words

_NUMBER = re.compile(r"[-−+]?[0-9][0-9.,]*(e[-+]?[0-9]+)?( [%a-zµ]{1,2}| ± \S+)?|–")
_LETTERS, _LETTERS_ABOVE = 60, 24  # of a cell, of a header


def facts_html(found: Facts) -> str:
    """Tiles: a name, a large number, and what to compare it with."""
    tiles = "".join(
        f"<div><dt>{escape(fact.name)}</dt><dd><strong>{escape(fact.value)}</strong>"
        f"<span>{escape(fact.beside)}</span></dd></div>"
        for fact in found.facts
    )
    return f'<dl class="facts">{tiles}</dl>'


def cells_html(found: Cells) -> str:
    """A table; a click on a header sorts it, and columns of numbers stand to the right."""
    sides = [
        all(_NUMBER.fullmatch(row[j]) for row in found.rows) for j in range(len(found.headers))
    ]
    head = "".join(
        f'<th scope="col"{_side(right)} title="{escape(text)}">'
        f'<button type="button">{escape(_short(text, _LETTERS_ABOVE))}</button></th>'
        for text, right in zip(found.headers, sides, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(_cell(text, right) for text, right in zip(row, sides, strict=True))}</tr>"
        for row in found.rows
    )
    return _region(
        found.name, f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _region(name: str, table: str) -> str:
    """A part of the page that scrolls by itself, by keys as well."""
    said = escape(name)
    return f'<div class="wide" role="region" tabindex="0" aria-label="{said}">{table}</div>'


def _side(right: bool) -> str:
    return ' class="number"' if right else ""


def _cell(text: str, right: bool) -> str:
    whole = f' title="{escape(text)}"' if len(text) > _LETTERS else ""
    return f"<td{_side(right)}{whole}>{escape(_short(text, _LETTERS))}</td>"


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"


def profiles_html(found: Profiles) -> str:
    """A line for each column, with a small picture of its values."""
    head = "".join(
        f'<th scope="col"{_side(right)}><button type="button">{name}</button></th>'
        for name, right in (("column", False), ("kind", False), ("missing", True))
    )
    body = "".join(
        f"<tr>{_cell(each.name, False)}{_cell(each.kind, False)}{_cell(_percent(each.missing), True)}"
        f"<td>{_small_bars(each.heights)}</td><td>{escape(_short(each.words, 90))}</td></tr>"
        for each in found.columns
    )
    return _region(
        "columns",
        f'<table><thead><tr>{head}<th scope="col"><span>values</span></th><th></th></tr></thead>'
        f"<tbody>{body}</tbody></table>",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share else "0 %"


def _small_bars(heights: Numbers) -> str:
    """A histogram, 96 × 22 pixels."""
    if not heights.size:
        return ""
    width = 96 / len(heights)
    bars = "".join(
        f"M{k * width:.1f} 22v-{max(1.0, 21 * height / heights.max()):.1f}h{max(0.8, width - 1):.1f}V22z"
        for k, height in enumerate(heights)
        if height > 0
    )
    return f'<svg class="spark" width="96" height="22" aria-hidden="true"><path d="{bars}"/></svg>'


def bars_html(found: Bars) -> str:
    """A row for each bar: its name, the bar, and what stands beside it."""
    spreads = np.zeros(len(found.values)) if found.spreads is None else found.spreads
    most = float(np.max(found.values + spreads, initial=0.0)) or 1.0
    rows = "".join(
        f'<tr><th scope="row" title="{escape(label)}">{escape(_short(label, 40))}</th>'
        f"<td>{_bar(value / most, spread / most)}</td><td>{escape(beside)}</td></tr>"
        for label, value, beside, spread in zip(
            found.labels, found.values, found.words, spreads, strict=True
        )
    )
    return (
        f'<table class="bars"><caption>{escape(found.name)}</caption><tbody>{rows}</tbody></table>'
    )


def _bar(length: float, spread: float) -> str:
    low, high = max(0.0, length - spread), max(0.0, length + spread)
    whisker = f'<b style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></b>'
    bar = f'<i style="width:{100 * max(0.0, length):.2f}%"></i>'
    return f"<div>{bar}{whisker if spread else ''}</div>"


def matrix_html(found: Matrix) -> str:
    """Rows are true classes, columns predicted ones; the darker, the larger the share of its row."""
    shares = found.counts / np.maximum(found.counts.sum(axis=1, keepdims=True), 1e-300)
    head = "".join(f'<th scope="col">{_name(name)}</th>' for name in found.classes)
    body = "".join(
        f'<tr><th scope="row">{_name(name)}</th>'
        + "".join(
            _matrix_cell(count, share, i == j)
            for j, (count, share) in enumerate(zip(counts, row, strict=True))
        )
        + "</tr>"
        for i, (name, counts, row) in enumerate(
            zip(found.classes, found.counts, shares, strict=True)
        )
    )
    return _region(
        "confusion matrix",
        f'<table class="matrix"><thead><tr><td>true ↓ predicted →</td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>",
    )


def _name(name: str) -> str:
    return f'<span title="{escape(name)}">{escape(_short(name, 18))}</span>'


def _matrix_cell(count: float, share: float, right: bool) -> str:
    kind = "right" if right else "wrong"
    said = f"{words.count(count)}<small>{100 * share:.1f} %</small>" if count else "·"
    return f'<td class="{kind}" style="--share:{100 * share:.1f}%">{said}</td>'


def drawing_html(found: Drawing) -> str:
    """A picture that scrolls where there is too little room for it."""
    return f'<div class="wide drawing" role="region" tabindex="0" aria-label="network">{found.svg}</div>'


def words_html(found: Words) -> str:
    """A paragraph."""
    return f"<p>{escape(found.text)}</p>"
