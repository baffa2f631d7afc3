"""The section on the data: how many rows, which columns, what is to be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from chainrule.sklearn.report.fitted import Fitted, Numbers
from chainrule.tables.kinds import Column, as_text, missing
from chainrule.views import words
from chainrule.views.exhibits import (
    Bars,
    Chart,
    Exhibit,
    Profile,
    Profiles,
    Section,
    Series,
    Words,
)

COLUMNS = 200  # at most, that have a line
CLASSES = 30  # at most, that have a bar
TARGETS = 4  # at most, that have a figure
_BARS = 24


def data_section(fitted: Fitted) -> Section:
    """What is learned from what."""
    return Section("Data", [*_target(fitted), *_columns(fitted)])


def _columns(fitted: Fitted) -> Iterator[Exhibit]:
    table = fitted.table
    kinds = Counter(table.kind(name) for name in table.names)
    parts = [
        f"{count:,} of {kind}s" if kind != "text" else f"{count:,} of text"
        for kind, count in kinds.items()
    ]
    gaps = sum(missing(column).sum() for column in table.columns.values())
    said = f"{words.many(len(table.names), 'column')}: {', '.join(parts)}."
    share = gaps / max(1, len(table) * len(table.names))
    said += f" {100 * share:.1f} % of the values are missing." if gaps else " No value is missing."
    yield Words(said)
    yield from (Words(_sentence(note)) for note in fitted.estimator.encoder_.notes)
    if len(table.names) > COLUMNS:
        yield Words(f"The first {COLUMNS} of the columns:")
    yield Profiles([profile(name, table[name], table.kind(name)) for name in table.names[:COLUMNS]])


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


def profile(name: str, column: Column, kind: str) -> Profile:
    """A column in a line: its gaps, how its values are spread, its range or most frequent values."""
    gaps = missing(column)
    kept = column[~gaps]
    share = float(gaps.mean()) if len(gaps) else 0.0
    if not len(kept):
        return Profile(name, kind, share, np.empty(0), "no value")
    if kind in ("number", "date"):
        heights, _ = np.histogram(kept.astype(np.float64), bins=_BARS)
        return Profile(name, kind, share, heights.astype(np.float64), _range(kept, kind))
    counts = Counter(as_text(kept)).most_common()
    heights = np.array([count for _, count in counts[:_BARS]], np.float64)
    most = " · ".join(f"{value} {100 * count / len(kept):.0f} %" for value, count in counts[:4])
    more = f" · {len(counts) - 4:,} more" if len(counts) > 4 else ""
    return Profile(name, kind, share, heights, most + more)


def _range(kept: Column, kind: str) -> str:
    if kind == "date":
        return f"{str(kept.min())[:10]} to {str(kept.max())[:10]}"
    low, middle, high = (words.amount(float(q)) for q in np.quantile(kept, (0, 0.5, 1)))
    return f"{low} to {high}, median {middle}"


def _target(fitted: Fitted) -> Iterator[Exhibit]:
    if fitted.multilabel:
        yield _label_bars(
            f"{fitted.target}: rows with each label",
            fitted.classes,
            fitted.t.sum(axis=0),
            len(fitted.t),
        )
    elif fitted.classes:
        used = fitted.weights > 0
        counts = np.bincount(fitted.t[used], minlength=len(fitted.classes)).astype(np.float64)
        order = np.argsort(-counts, kind="stable")[:CLASSES]
        names = [fitted.classes[k] for k in order]
        yield _label_bars(
            f"{fitted.target}: rows of each class", names, counts[order], int(counts.sum())
        )
        if len(counts) > CLASSES:
            yield Words(f"The {CLASSES} most frequent of {len(counts):,} classes.")
    else:
        columns = fitted.t.reshape(len(fitted.t), -1).T
        for name, y in list(zip(fitted.targets, columns, strict=True))[:TARGETS]:
            yield histogram(name, y, name)


def _label_bars(name: str, labels: list[str], counts: Numbers, rows: int) -> Bars:
    said = [f"{words.count(count)}  ({100 * count / rows:.1f} %)" for count in counts]
    return Bars(name, labels, np.asarray(counts, np.float64), said)


def histogram(name: str, values: Numbers, axis: str, note: str = "") -> Chart:
    """How many rows have which values."""
    heights, edges = np.histogram(values[np.isfinite(values)], bins=40)
    middles = (edges[1:] + edges[:-1]) / 2
    bars = Series("", middles, heights.astype(np.float64), "bars")
    return Chart(name, axis, "rows", [bars], note)
