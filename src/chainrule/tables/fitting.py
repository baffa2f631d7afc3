"""What a column becomes, decided from its values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

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
    scale = boolean_scale(float(known.mean()))
    return number(name, "boolean", scale, varies(known), len(known) < len(x))


def _fit_number(name: str, x: Numbers, robust: bool, bins: int) -> Number | Dropped:
    known = x[~np.isnan(x)]
    gaps = len(known) < len(x)
    return number(name, "number", _scale(known, robust), varies(known), gaps, _edges(known, bins))


def boolean_scale(share: float) -> Scale:
    """The scale of booleans of which this share is true."""
    return Scale(0.0, 1.0, float(share > 0.5))


def number(
    name: str,
    kind: Literal["number", "boolean"],
    scale: Scale,
    varying: bool,
    gaps: bool,
    edges: tuple[float, ...] = (),
) -> Number | Dropped:
    """What a column of numbers or booleans becomes, by what is known of its values.

    Args:
        name: the column's name.
        kind: which of the two.
        scale: of the values.
        varying: whether not all are equal.
        gaps: whether some are missing.
        edges: of bins.
    """
    outputs = (VALUE,) * varying + (MISSING,) * gaps
    return Number(name, kind, scale, outputs, edges) if outputs else Dropped(name, CONSTANT)


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
    return category(name, text_counts(column), len(column), cap)


def text_counts(column: Column) -> Counter[str]:
    """How often each value of a column of text is there."""
    return Counter(value for value in column.tolist() if value is not None)


def category(
    name: str, counts: Counter[str], rows: int, cap: int, uncounted: int = 0
) -> Category | Dropped:
    """What a column of text becomes.

    Args:
        name: the column's name.
        counts: how often each value is there.
        rows: how many there are, those with gaps as well.
        cap: the most values that get a column of their own.
        uncounted: rows whose values are none of these, and not known to be equal.
    """
    present = counts.total() + uncounted
    different = len(counts) + uncounted
    if different == 1 and present == rows:
        return Dropped(name, CONSTANT)
    if different > max(10, 0.9 * present):
        return Dropped(name, f"{different} different texts in {present} rows")
    often = [value for value, count in _most(counts, cap) if count > 1]
    kept = often if different > cap else list(counts)
    return Category(name, tuple(sorted(kept)), len(kept) < different, present < rows)


def _most(counts: Counter[str], cap: int) -> list[tuple[str, int]]:
    """The most frequent values; of equals the first in the alphabet, whatever the rows' order."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:cap]


def _fit_date(name: str, dates: Column, format_: str, robust: bool) -> Date | Dropped:
    t = days(dates)
    known = t[~np.isnan(t)]
    parts = {VALUE: known, **turns(known)}
    varying = [output for output, values in parts.items() if varies(values)]
    return date(name, format_, _scale(known, robust), varying, len(known) < len(t))


def date(
    name: str, format_: str, scale: Scale, varying: Sequence[str], gaps: bool
) -> Date | Dropped:
    """What a column of dates becomes, by what is known of them.

    Args:
        name: the column's name.
        format_: how the dates are written where they are text.
        scale: of the days.
        varying: which outputs are not equal in all rows.
        gaps: whether some are missing.
    """
    outputs = (*varying, *(MISSING,) * gaps)
    return Date(name, format_, scale, outputs) if outputs else Dropped(name, CONSTANT)
