"""The section on the worst rows: those with the largest loss out of fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.sklearn.report.fitted import Fitted, Rows
from chainrule.tables.kinds import as_text
from chainrule.views import words
from chainrule.views.exhibits import Cells, Section, Words

ROWS, COLUMNS = 20, 8


def worst_rows(fitted: Fitted) -> Rows:
    """The rows with the largest loss out of fold, the worst first."""
    known = np.flatnonzero(fitted.known & (fitted.weights > 0))
    losses = fitted.losses(fitted.prediction[known], known)
    return np.asarray(known[np.argsort(-losses, kind="stable")[:ROWS]])


def worst_section(fitted: Fitted, columns: Sequence[str]) -> Section:
    """A table of them, with the columns that matter most."""
    rows = worst_rows(fitted)
    shown = list(columns)[:COLUMNS]
    values = [as_text(fitted.table[name][rows]) for name in shown]
    cells = [
        [f"{fitted.table.row_number(int(i)):,}", *answer, *(_value(column[k]) for column in values)]
        for k, (i, answer) in enumerate(zip(rows, _answers(fitted, rows), strict=True))
    ]
    headers = ["row", *_headers(fitted), *shown]
    how = "The rows that the networks that did not train on them got most wrong: look here for wrong labels and odd values. Rows are counted from 1."
    return Section("Worst rows", [Words(how), Cells("worst rows", headers, cells)])


def _value(text: str | None) -> str:
    if text is None:
        return "–"
    try:
        return words.amount(float(text)) if "." in text else text
    except ValueError:
        return text


def _headers(fitted: Fitted) -> list[str]:
    if fitted.multilabel:
        return ["true labels", "predicted labels", "loss"]
    if fitted.classes:
        return ["true", "predicted", "p(true)", "p(predicted)"]
    return ["true", "predicted", "residual"]


def _answers(fitted: Fitted, rows: Rows) -> list[list[str]]:
    t, p = fitted.t[rows], fitted.prediction[rows]
    if fitted.multilabel:
        names, losses = fitted.classes, fitted.losses(p, rows)
        return [
            [_labels(names, true), _labels(names, said > 0.5), f"{loss:.3g}"]
            for true, said, loss in zip(t, p, losses, strict=True)
        ]
    if fitted.classes:
        return [
            [fitted.classes[c], fitted.classes[q.argmax()], _share(q[c]), _share(q.max())]
            for c, q in zip(t, p, strict=True)
        ]  # fmt: skip
    rest = t - p
    return [[_all(a) for a in row] for row in zip(t, p, rest, strict=True)]


def _share(p: float) -> str:
    return f"{100 * p:.1f} %" if p >= 0.001 else f"{100 * p:.2g} %"


def _labels(names: Sequence[str], chosen: Sequence[float]) -> str:
    return ", ".join(name for name, has in zip(names, chosen, strict=True) if has) or "none"


def _all(values: float) -> str:
    return ", ".join(words.amount(float(value)) for value in np.atleast_1d(values))
