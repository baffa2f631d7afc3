"""The section on effects: what the prediction makes of the values of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.inspection import partial_dependence

from chainrule.arrays import Array
from chainrule.sklearn.report.fitted import Fitted, Numbers, Rows
from chainrule.tables import Table
from chainrule.tables.kinds import Column, as_text, missing
from chainrule.training.members import members_outputs
from chainrule.views import words
from chainrule.views.exhibits import Chart, Look, Section, Series, Words

COLUMNS = 6  # that have a chart
ROWS = 300  # at most, that are given the values
GRID = 20  # values of a column of numbers
_VALUES = 8  # at most, of a column of text
_LINES = 6  # at most, in a chart


def effects_section(fitted: Fitted, names: Sequence[str], seed: int = 0) -> Section:
    """The partial dependence on some columns."""
    used = np.flatnonzero(fitted.weights > 0)
    rows = np.sort(np.random.default_rng(seed).permutation(used)[:ROWS])
    found = [effect for name in names if (effect := effect_of(fitted, name, rows)) is not None]
    lines = _lines(fitted)
    what = next(iter(lines.values())) if len(lines) == 1 else "prediction"
    how = Words(
        f"The mean {what} for {words.many(len(rows), 'row')} drawn at random, once a column has"
        " the same value in all of them (partial dependence). Below: how many rows have such values."
    )
    return Section("Effects", [how, *charts(fitted, found)])


@dataclass(frozen=True)
class Effect:
    """The partial dependence on a column.

    Attributes:
        name: of the column.
        values: that it was given, (m,).
        means: the mean predictions, (outputs, m).
    """

    name: str
    values: Column
    means: Numbers


def effect_of(fitted: Fitted, name: str, rows: Rows) -> Effect | None:
    """By scikit-learn's partial dependence on the number of a value, as a category; None for a column with one value."""
    values = values_given(fitted.table[name][fitted.weights > 0])
    if len(values) < 2:
        return None
    Z, block = fitted.encoded(fitted.table.take(rows)), fitted.blocks[name]
    like = fitted.table.take(np.zeros(len(values), np.int64)).columns
    given = fitted.encoded(Table({**like, name: values}))[:, block]

    def outputs(numbers: Rows) -> Array:
        Z[:, block] = given[numbers[:, 0]]
        return members_outputs(fitted.estimator.networks_, Z, fitted.estimator.threads)

    numbers = np.resize(np.arange(len(values)), (len(rows), 1))
    found = partial_dependence(
        fitted.answering(outputs), numbers, [0], categorical_features=[0], method="brute",
        sample_weight=fitted.weights[rows] if fitted.weighted else None,
        response_method="predict_proba" if fitted.classes else "auto",
    )  # fmt: skip
    return Effect(name, values, np.asarray(found["average"]))


def values_given(column: Column) -> Column:
    """Even steps from the first fiftieth of numbers or dates to the last; the most frequent texts."""
    some, counts = np.unique(column[~missing(column)], return_counts=True)
    if column.dtype.kind not in "fM":
        return np.sort(some[np.argsort(-counts, kind="stable")[:_VALUES]])
    if len(some) <= GRID:
        return np.asarray(some)
    low, high = np.quantile(column[~missing(column)], (0.02, 0.98), method="nearest")
    if low == high:
        low, high = some[[0, -1]]
    return np.unique(low + (high - low) * np.linspace(0, 1, GRID))


def charts(fitted: Fitted, found: Sequence[Effect]) -> list[Chart]:
    """A chart for each column, all with the same y axis."""
    if not found:
        return []
    lines = _lines(fitted)
    every = np.concatenate([effect.means[list(lines)].ravel() for effect in found])
    low, high = float(every.min()), float(every.max())
    room = 0.06 * (high - low or 1.0)
    axis = "probability" if fitted.classes else "prediction"
    drawn = []
    for effect in found:
        column = fitted.table[effect.name]
        x = effect.values if column.dtype.kind in "fM" else _texts(effect.values)
        series = [
            Series(said, x, effect.means[k], _look(column, effect), colour)
            for colour, (k, said) in enumerate(lines.items())
        ]
        below = Series("rows", x, rows_near(column, effect.values), "bars")
        limits = (low - room, high + room)
        drawn.append(Chart(effect.name, "", axis, series, below=below, limits=limits))
    return drawn


def _look(column: Column, effect: Effect) -> Look:
    if column.dtype.kind not in "fM":
        return "dots"
    return "line" if len(effect.values) == GRID else "marks"


def _texts(values: Column) -> list[str]:
    return [str(text) for text in as_text(values)]


def _lines(fitted: Fitted) -> dict[int, str]:
    """The outputs that have a line, and their names: of two classes the second, of more the most frequent."""
    classes = fitted.classes
    if not classes:
        return {j: f"predicted {name}" for j, name in enumerate(fitted.targets[:_LINES])}
    if len(classes) == 2:  # scikit-learn gives the second alone
        return {0: f"probability of {fitted.said(1)}"}
    frequent = fitted.t.sum(axis=0) if fitted.multilabel else np.bincount(fitted.t)
    return {int(k): classes[k] for k in sorted(np.argsort(-frequent, kind="stable")[:_LINES])}


def rows_near(column: Column, values: Column) -> Numbers:
    """How many rows are nearest to each of some values, or have it where they are no numbers, (m,)."""
    kept = column[~missing(column)]
    if column.dtype.kind not in "fM":
        return np.array([(kept == value).sum() for value in values], np.float64)
    at, inside = (each.astype(np.float64) for each in (values, kept))
    inside = inside[(inside >= at[0]) & (inside <= at[-1])]
    nearest = np.searchsorted((at[1:] + at[:-1]) / 2, inside)
    return np.bincount(nearest, minlength=len(at)).astype(np.float64)
