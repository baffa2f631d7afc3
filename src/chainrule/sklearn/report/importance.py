"""The sections on columns: which matter, and what the prediction makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import check_scoring, r2_score

from chainrule.sklearn.report.fitted import Fitted, Numbers, Rows
from chainrule.tables.kinds import as_text, missing
from chainrule.views import words
from chainrule.views.exhibits import Bars, Chart, Section, Series, Words

ROWS = 2000  # at most, that columns are shuffled in
COLUMNS = 60  # at most, that are shuffled
SHOWN = 20  # at most, that have a bar
REPEATS = 5
_WORK = 400_000  # predictions of a row, about
EFFECTS, _GRID, _EFFECT_ROWS, _LINES = 6, 20, 300, 6
_VALUES = 10  # at most, of a column of text


@dataclass(frozen=True)
class Importance:
    """How much worse predictions out of fold are once a column is shuffled.

    Attributes:
        names: of the columns, the most important first.
        means: how much the score falls, (columns,).
        spreads: the standard deviation between shuffles, (columns,).
        measure: what rises or falls.
        rows: how many rows were shuffled.
        left: how many columns were not.
    """

    names: Sequence[str]
    means: Numbers
    spreads: Numbers
    measure: str
    rows: int
    left: int


def importance(fitted: Fitted, seed: int = 0) -> Importance | None:
    """By scikit-learn's permutation importance, on rows that the predicting members left out; None without any."""
    known = np.flatnonzero(fitted.known & (fitted.weights > 0))
    if len(known) < 2:
        return None
    names = _promising(fitted)
    fewest = min(len(known), 200)
    size = max(fewest, min(len(known), ROWS, _WORK // (len(names) * REPEATS)))
    rows = np.sort(np.random.default_rng(seed).choice(known, size, replace=False))
    measure, scorer = _measure(fitted, rows)
    frame = fitted.frame.iloc[rows].reset_index(drop=True)
    found = permutation_importance(
        fitted.left_out(rows), frame[names], fitted.y[rows], scoring=scorer, n_repeats=REPEATS,
        random_state=seed, sample_weight=fitted.weights[rows] if fitted.weighted else None,
    )  # fmt: skip
    order = np.argsort(-found.importances_mean, kind="stable")
    return Importance(
        [names[j] for j in order], found.importances_mean[order], found.importances_std[order],
        measure, size, len(fitted.table.names) - len(names),
    )  # fmt: skip


def _promising(fitted: Fitted) -> list[str]:
    """The columns to shuffle: of many, those with the largest weights on the way into the networks."""
    names = fitted.table.names
    if len(names) <= COLUMNS:
        return names
    worth = dict.fromkeys(names, 0.0)
    some = np.linspace(0, len(fitted.table) - 1, min(ROWS, len(fitted.table))).astype(np.int64)
    encoder = fitted.estimator.encoder_
    spread = encoder.transform(fitted.table.take(some)).std(axis=0)
    weights = zip(fitted.estimator.networks_, fitted.estimator.shares_, strict=True)
    size = sum(share * np.square(net.layers[0].W).sum(axis=1) for net, share in weights) * spread**2
    start = 0
    for feature in encoder.features:
        worth[feature.name] = float(size[start : start + len(feature.names)].sum())
        start += len(feature.names)
    best = sorted(names, key=worth.__getitem__, reverse=True)[:COLUMNS]
    return [name for name in names if name in set(best)]


def _measure(fitted: Fitted, rows: Rows) -> tuple[str, Any]:
    """What is measured, in words, and a scorer of it."""
    if fitted.estimator.scoring is not None:
        scorer = check_scoring(fitted.estimator, scoring=fitted.estimator.scoring)
        name = fitted.estimator.scoring if isinstance(fitted.estimator.scoring, str) else "score"
        return f"fall of {name}", scorer
    if not fitted.classes:
        return "fall of R²", lambda judged, X, y, sample_weight=None: r2_score(
            y, judged.predict(X), sample_weight=sample_weight
        )

    def less_loss(judged: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        return -float(
            np.average(fitted.losses(judged.predict_proba(X), rows), weights=sample_weight)
        )

    return "rise of the log loss", less_loss


def importance_section(fitted: Fitted, found: Importance) -> Section:
    """A bar for each column."""
    some = slice(SHOWN)
    said = [f"{mean:.3g} ± {spread:.2g}" for mean, spread in zip(found.means[some], found.spreads[some], strict=True)]  # fmt: skip
    bars = Bars(found.measure, found.names[some], found.means[some], said, found.spreads[some])
    how = (
        f"The {found.measure} once a column is shuffled, in {words.many(found.rows, 'row')} predicted by"
        f" the networks that did not train on them: the mean of {REPEATS} shuffles and their standard"
        " deviation. Columns that say the same share what they are worth."
    )
    if found.left:
        how += f" Of {len(found.names) + found.left:,} columns the {len(found.names)} with the largest first weights were shuffled."
    if len(found.names) > SHOWN:
        how += f" The first {SHOWN} are shown."
    return Section("Importance", [Words(how), bars])


def effects_section(fitted: Fitted, names: Sequence[str], seed: int = 0) -> Section:
    """The partial dependence on some columns."""
    charts = effects(fitted, names, seed)
    rows = min(_EFFECT_ROWS, len(fitted.table))
    how = Words(
        f"The mean prediction for {words.many(rows, 'row')} drawn at random, once a column has the"
        " same value in all of them (partial dependence). Below: how many rows have such values."
    )
    return Section("Effects", [how, *charts])


def effects(fitted: Fitted, names: Sequence[str], seed: int = 0) -> list[Chart]:
    """A chart for each column, all with the same y axis."""
    used = np.flatnonzero(fitted.weights > 0)
    rows = np.random.default_rng(seed).permutation(used)[:_EFFECT_ROWS]
    frame = fitted.frame.iloc[np.sort(rows)].reset_index(drop=True)
    weights = fitted.weights[np.sort(rows)] if fitted.weighted else None
    found = [(name, *_effect(fitted, frame, weights, name)) for name in names]
    found = [(name, values, y) for name, values, y in found if len(values) > 1]
    lines = _lines(fitted)
    every = np.concatenate([y[list(lines)].ravel() for _, _, y in found]) if found else np.zeros(1)
    room = 0.06 * (float(every.max() - every.min()) or 1.0)
    limits = float(every.min()) - room, float(every.max()) + room
    return [_chart(fitted, name, values, y, lines, limits) for name, values, y in found]


def _lines(fitted: Fitted) -> dict[int, str]:
    """The outputs that have a line, and their names: of two classes the second, of more the most frequent."""
    classes = fitted.classes
    if not classes:
        count = 1 if fitted.t.ndim == 1 else min(_LINES, fitted.t.shape[1])
        return {j: "prediction" if fitted.t.ndim == 1 else f"y {j + 1}" for j in range(count)}
    if len(classes) == 2 and not fitted.multilabel:
        return {0: f"probability of {classes[1]}"}  # scikit-learn gives that of the second alone
    frequent = fitted.t.sum(axis=0) if fitted.multilabel else np.bincount(fitted.t)
    return {int(k): classes[k] for k in sorted(np.argsort(-frequent, kind="stable")[:_LINES])}


def _effect(
    fitted: Fitted, frame: pd.DataFrame, weights: Numbers | None, name: str
) -> tuple[Any, Numbers]:
    """The values that a column is given, and the mean predictions, (outputs, values)."""
    values = _values(fitted, name)
    if len(values) < 2:
        return values, np.empty((0, 0))
    # As a category of these values; what the column held is replaced in any case.
    given = frame.assign(**{name: np.resize(values, len(frame))})
    found = partial_dependence(
        fitted.on_frames(), given, [name], categorical_features=[name], sample_weight=weights,
        method="brute", grid_resolution=_GRID, response_method="predict_proba" if fitted.classes else "auto",
    )  # fmt: skip
    return found["grid_values"][0], np.asarray(found["average"])


def _values(fitted: Fitted, name: str) -> Any:
    """Values of a column between its first and last fiftieth, or the most frequent ones."""
    column = fitted.table[name]
    kept = column[~missing(column)]
    if column.dtype.kind in "fM" and len(kept):
        some = np.unique(kept)
        if len(some) <= _GRID:
            return some
        low, high = np.quantile(kept, (0.02, 0.98), method="nearest")
        if not low < high:
            low, high = some[[0, -1]]
        return np.unique(low + (high - low) * np.linspace(0, 1, _GRID))
    some, counts = np.unique(np.asarray(kept), return_counts=True)
    return some[np.argsort(-counts, kind="stable")[:_VALUES]]


def _chart(
    fitted: Fitted,
    name: str,
    values: Any,
    y: Numbers,
    lines: dict[int, str],
    limits: tuple[float, float],
) -> Chart:
    column = fitted.table[name]
    kept = column[~missing(column)]
    x: Any = values if column.dtype.kind == "f" else as_text(np.asarray(values))
    look = "line" if column.dtype.kind in "fM" else "marks"
    series = [Series(said, x, y[k], look, c) for c, (k, said) in enumerate(lines.items())]  # type: ignore[arg-type]
    axis = (
        next(iter(lines.values()))
        if len(lines) == 1
        else ("probability" if fitted.classes else "prediction")
    )
    return Chart(name, name, axis, series, below=_rows_below(kept, values, x), limits=limits)


def _rows_below(kept: Any, values: Any, x: Any) -> Series:
    """How many rows are nearest to each of the values, or have it."""
    if kept.dtype.kind == "O" or kept.dtype.kind == "b":
        counts = np.array([(kept == value).sum() for value in values], np.float64)
        return Series("rows", x, counts, "bars")
    inside = kept[(kept >= values[0]) & (kept <= values[-1])].astype(np.float64)
    at = np.asarray(values).astype(np.float64)
    counts = np.bincount(np.searchsorted((at[1:] + at[:-1]) / 2, inside), minlength=len(at))
    return Series("rows", x, counts.astype(np.float64), "bars")
