"""The section on importance: how much worse predictions are once a column is shuffled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.metrics import check_scoring, r2_score

from chainrule.arrays import Array
from chainrule.sklearn.report.fitted import Fitted, Numbers, Rows
from chainrule.views import words
from chainrule.views.exhibits import Bars, Section, Words

ROWS = 2000  # at most, that columns are shuffled in
COLUMNS = 100  # at most, that are shuffled
SHOWN = 20  # at most, that have a bar
REPEATS = 5
_PREDICTIONS = 400_000  # of a row, about


@dataclass(frozen=True)
class Importance:
    """How much worse predictions out of fold are once a column is shuffled.

    Attributes:
        names: of the columns, the most important first.
        means: how much the score falls, (columns,).
        spreads: the standard deviation between shuffles, (columns,).
        measure: what rises or falls.
        rows: how many rows were shuffled.
        left: how many columns that the networks see were not.
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
    size = max(fewest, min(len(known), ROWS, _PREDICTIONS // (len(names) * REPEATS)))
    rows = np.sort(np.random.default_rng(seed).choice(known, size, replace=False))
    measure, scorer = _measure(fitted, rows)
    # What is shuffled are the numbers of the rows; so each row is encoded once.
    judged = fitted.left_out(rows, _Shuffled(fitted, rows, names))
    numbers = np.tile(np.arange(size)[:, None], len(names))
    found = permutation_importance(
        judged, numbers, fitted.y[rows], scoring=scorer, n_repeats=REPEATS,
        random_state=seed, sample_weight=fitted.weights[rows] if fitted.weighted else None,
    )  # fmt: skip
    order = np.argsort(-found.importances_mean, kind="stable")
    return Importance(
        [names[j] for j in order], found.importances_mean[order], found.importances_std[order],
        measure, size, len(fitted.estimator.encoder_.kinds) - len(names),
    )  # fmt: skip


class _Shuffled:
    """From numbers of rows, (n, columns), to the rows as the networks see them, each column taken from those."""

    def __init__(self, fitted: Fitted, rows: Rows, names: Sequence[str]) -> None:
        self.Z = fitted.encoded(fitted.table.take(rows))
        self.blocks = [fitted.blocks[name] for name in names]

    def __call__(self, numbers: Rows) -> Array:
        Z = self.Z.copy()
        for own, block in zip(numbers.T, self.blocks, strict=True):
            Z[:, block] = self.Z[own, block]
        return Z


def _promising(fitted: Fitted) -> list[str]:
    """The columns to shuffle: of many, those with the largest weights on the way into the networks."""
    names = list(fitted.estimator.encoder_.kinds)
    if len(names) <= COLUMNS:
        return names
    some = np.linspace(0, len(fitted.table) - 1, min(ROWS, len(fitted.table))).astype(np.int64)
    spread = fitted.encoded(fitted.table.take(some)).std(axis=0)
    weights = zip(fitted.estimator.networks_, fitted.estimator.shares_, strict=True)
    size = sum(share * np.square(net.layers[0].W).sum(axis=1) for net, share in weights) * spread**2
    best = sorted(names, key=lambda name: -size[fitted.blocks[name]].sum())[:COLUMNS]
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
    names, means, spreads = found.names[:SHOWN], found.means[:SHOWN], found.spreads[:SHOWN]
    digits = max(0, 2 - math.floor(math.log10(abs(means).max() or 1.0)))
    said = [f"{round(mean, digits) + 0.0:.{digits}f} ± {spread:.{digits}f}" for mean, spread in zip(means, spreads, strict=True)]  # fmt: skip
    return Section(
        "Importance", [Words(_how(found)), Bars(found.measure, names, means, said, spreads)]
    )


def _how(found: Importance) -> str:
    said = (
        f"The {found.measure} once a column is shuffled, in {words.many(found.rows, 'row')} predicted by"
        f" the networks that did not train on them: the mean of {REPEATS} shuffles and their standard"
        " deviation. Columns that say the same share what they are worth."
    )
    if found.left:
        every = len(found.names) + found.left
        said += f" Of {every:,} columns the {len(found.names)} with the largest first weights were shuffled."
    return f"{said} The first {SHOWN} are shown." if len(found.names) > SHOWN else said
