"""What a column becomes, decided from its values."""

from __future__ import annotations

from collections import Counter

import numpy as np

from chainrule.tables.dates import ISO, days, format_of, parse, turns
from chainrule.tables.features import MISSING, VALUE, Category, Date, Dropped, Feature, Number
from chainrule.tables.kinds import Column, RowNumber, kind_of, missing
from chainrule.tables.scaling import Numbers, Scale, as_numbers, refuse, varies

CONSTANT = "it has one value only"
_CAPPINGS = 5  # each lowers the weight that fills a bin


def fit_feature(
    name: str, column: Column, cap: int, row: RowNumber, robust: bool = False, bins: int = 0
) -> Feature:
    """What a column becomes.

    Args:
        name: the column's name.
        column: its values, shape (n,).
        cap: the most categories that get a column of their own.
        row: from a value's index to the number of its row, for errors.
        robust: whether numbers are scaled by their quartiles and kept within ±3, or standardised.
        bins: the most bins that numbers get; 0 for none.

    Raises:
        DataError: a number is infinite.
    """
    gaps = missing(column)
    if gaps.all():
        return Dropped(name, "no values")
    if kind_of(column) == "text":
        format_ = format_of(column)
        if format_ is None:
            return _fit_category(name, column, cap)
        return _fit_date(name, parse(column, format_, name, row), format_, robust)
    if kind_of(column) == "date":
        return _fit_date(name, column, ISO, robust)
    x = as_numbers(column, name, row)
    refuse(np.isinf(x), column, name, row, "must be finite")
    if kind_of(column) == "boolean":
        return _fit_boolean(name, x)
    return _fit_number(name, x, robust, bins)


def _scale(known: Numbers, robust: bool) -> Scale:
    return Scale.robust(known) if robust else Scale.of(known)


def _fit_boolean(name: str, x: Numbers) -> Number | Dropped:
    known = x[~np.isnan(x)]
    outputs = (VALUE,) * varies(known) + (MISSING,) * (len(known) < len(x))
    if not outputs:
        return Dropped(name, CONSTANT)
    return Number(name, "boolean", Scale(0.0, 1.0, float(known.mean() > 0.5)), outputs)


def _fit_number(name: str, x: Numbers, robust: bool, bins: int) -> Number | Dropped:
    known = x[~np.isnan(x)]
    outputs = (VALUE,) * varies(known) + (MISSING,) * (len(known) < len(x))
    if not outputs:
        return Dropped(name, CONSTANT)
    return Number(name, "number", _scale(known, robust), outputs, _edges(known, bins))


def _edges(known: Numbers, bins: int) -> tuple[float, ...]:
    """Quantiles, or every value where there are no more of them; none for fewer than two bins.

    A value that fills more than a bin counts as one: its rows are on one edge, and the bins that
    it would take are of use elsewhere.
    """
    if not bins:
        return ()
    values, counts = np.unique(known, return_counts=True)
    if len(values) > bins + 1:
        weights = counts.astype(np.float64)
        for _ in range(_CAPPINGS):
            weights = np.minimum(weights, weights.sum() / bins)
        levels = np.linspace(0, 1, bins + 1)
        values = np.unique(np.quantile(values, levels, weights=weights, method="inverted_cdf"))
    return tuple(values.tolist()) if len(values) > 2 else ()


def _fit_category(name: str, column: Column, cap: int) -> Category | Dropped:
    counts: Counter[str] = Counter(value for value in column.tolist() if value is not None)
    present = counts.total()
    if len(counts) == 1 and present == len(column):
        return Dropped(name, CONSTANT)
    if len(counts) > max(10, 0.9 * present):
        return Dropped(name, f"{len(counts)} different texts in {present} rows")
    often = [value for value, count in _most(counts, cap) if count > 1]
    kept = often if len(counts) > cap else list(counts)
    return Category(name, tuple(sorted(kept)), len(kept) < len(counts), present < len(column))


def _most(counts: Counter[str], cap: int) -> list[tuple[str, int]]:
    """The most frequent values; of equals the first in the alphabet, whatever the rows' order."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:cap]


def _fit_date(name: str, dates: Column, format_: str, robust: bool) -> Date | Dropped:
    t = days(dates)
    known = t[~np.isnan(t)]
    varying = [output for output, turn in turns(known).items() if varies(turn)]
    outputs = (VALUE,) * varies(known) + tuple(varying) + (MISSING,) * (len(known) < len(t))
    if not outputs:
        return Dropped(name, CONSTANT)
    return Date(name, format_, _scale(known, robust), outputs)
