"""Numbers in words: for tables that people read."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SHARES = ("accuracy", "coverage")


def number(value: float) -> str:
    """To four figures; a dash where there is none."""
    return f"{value:.4g}" if math.isfinite(value) else "–"


def amount(value: float) -> str:
    """To four figures; from 10,000 on a whole number with commas instead of an exponent."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else number(value)


def count(value: float) -> str:
    """A whole number with commas between thousands; a dash where there is none."""
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def rate(value: float | None) -> str:
    """A learning rate; None is one that the optimizer finds by itself."""
    return "finds its own" if value is None else f"{value:g}"


def spread(values: Sequence[float]) -> str:
    """The least and the largest."""
    return f"{min(values):.3g} – {max(values):.3g}" if len(values) > 1 else "–"


def score(value: float, metric: str) -> str:
    """A share of rows as a percentage, another score to four figures."""
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:.1f} %" if metric in _SHARES else f"{value:.4g}"


def time(seconds: float) -> str:
    """To three figures, in a unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def duration(seconds: float) -> str:
    """To three figures below a minute; hours, minutes and seconds above it."""
    if not 60 <= seconds < math.inf:
        return time(seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def clean(text: str, letters: int = 40) -> str:
    """Text from outside in one line, without what a terminal would take for a command."""
    printed = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return printed if len(printed) <= letters else printed[: letters - 1] + "…"


def many(number: int, noun: str) -> str:
    """So many of them, as "1 thread" or "1,200 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, the first to the left, the others to the right."""
    lines = [headers, *rows]
    widths = [max(len(line[j]) for line in lines) for j in range(len(headers))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if j == 0 else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
