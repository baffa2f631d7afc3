"""From a table to the matrix that a network takes: fitted once, applied the same way ever after."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array, DType
from chainrule.errors import DataError, InvalidValue
from chainrule.tables import encoder_data
from chainrule.tables.features import Dropped, Feature, Number
from chainrule.tables.fitting import CONSTANT, fit_feature, text_counts
from chainrule.tables.kinds import Column, Kind, kind_of
from chainrule.tables.scaling import is_number
from chainrule.tables.table import Table

COUNTS = "it counts the rows"
_COUNTER = re.compile(r"unnamed_1|unnamed: 0|index|id|row|row_?names?|row_?id", re.IGNORECASE)

_LONGEST = 60  # letters of a text that is quoted
_MOST = 8  # notes in an error


@dataclass(frozen=True)
class Encoder:
    """From a table to a matrix.

        column      becomes
        numbers     (x − mean) / standard deviation
        booleans    0 and 1
        text        a column of 0 and 1 for each value (the 50 most frequent, where there are more),
                    and one for the others
        dates       days, standardised; and month, weekday and time of day as points of a circle, as
                    far as they vary
        gaps        the median, or the more frequent boolean; and a column that says where they were
        constants   nothing; nor does text that differs in nearly every row, nor a column that counts
                    the rows

    Attributes:
        features: what each column of the fitted table becomes.
        notes: what the user should know: columns dropped, text that looks like numbers.
    """

    features: tuple[Feature, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, table: Table, cap: int = 50, robust: bool = False, bins: int = 0) -> Encoder:
        """The encoder for tables like this one.

        Args:
            table: the rows to train on, without the target.
            cap: the most values of a column of text that get a column of their own.
            robust: scale numbers and dates by median and quartiles and keep them within ±3; see
                `Scale.robust`.
            bins: give each column of numbers piecewise-linear columns besides, for at most as many
                bins between its quantiles; 0 for none.

        Raises:
            InvalidValue: cap is below 1, or bins below 0.
            DataError: a number is infinite, the table has no rows, or no column says anything.
        """
        if cap < 1:
            raise InvalidValue(f"cap is at least 1, got {cap}")
        if bins < 0:
            raise InvalidValue(f"bins is 0 or more, got {bins}")
        if not len(table):
            raise DataError("there are no rows to fit an encoder on")
        features = tuple(
            _fit(name, column, cap, table, robust, bins) for name, column in table.columns.items()
        )
        odd = {name: _odd_value(column) for name, column in table.columns.items()}
        return cls.of(features, odd)

    @classmethod
    def of(
        cls, features: tuple[Feature, ...], odd: Mapping[str, str], notes: Sequence[str] = ()
    ) -> Encoder:
        """The encoder of fitted columns.

        Args:
            features: what each becomes.
            odd: by the name of a column, the text that keeps it from being numeric, if one does.
            notes: what else the user should know.

        Raises:
            DataError: no column says anything.
        """
        notes = (*_notes(features, odd), *notes)
        if not any(feature.names for feature in features):
            more = [f"and {len(notes) - _MOST} more such"] if len(notes) > _MOST else []
            raise DataError("; ".join(["no column is left to learn from", *notes[:_MOST], *more]))
        return cls(features, notes)

    @property
    def feature_names(self) -> list[str]:
        """The names of the matrix's columns, d of them."""
        return [name for feature in self.features for name in feature.names]

    @property
    def width(self) -> int:
        """d, the columns of the matrix."""
        return sum(len(feature.names) for feature in self.features)

    @property
    def unbinned(self) -> npt.NDArray[np.int64]:
        """The numbers of the matrix's columns that are no bin of a number."""
        bins = [
            [False] * (len(f.names) - f.bins) + [True] * f.bins
            if isinstance(f, Number)
            else [False] * len(f.names)
            for f in self.features
        ]
        return np.flatnonzero(~np.array([is_bin for own in bins for is_bin in own], bool))

    @property
    def kinds(self) -> dict[str, Kind]:
        """The columns that a table must have, and what they hold."""
        return {
            feature.name: feature.kind
            for feature in self.features
            if not isinstance(feature, Dropped)
        }

    def transform(
        self, table: Table, dtype: DType = "float32", ignore: Collection[str] = ()
    ) -> Array:
        """The matrix of a table, shape (n, d), C-contiguous and finite.

        Args:
            table: with the columns of the fitted one; those that were dropped may be absent.
            dtype: the type of the matrix's numbers.
            ignore: columns that may be there besides, as the target.

        Raises:
            DataError: a column is missing or new, a number is infinite or beyond what dtype holds,
                or a value is of another kind than the fitted ones; with the row's number in the
                file and the value.
        """
        self._must_fit(table, ignore)
        out = np.empty((len(table), self.width), dtype=dtype)
        start = 0
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found below
            for feature in self.features:
                if not isinstance(feature, Dropped):
                    end = start + len(feature.names)
                    feature.write(table[feature.name], out[:, start:end], table.row_number)
                    start = end
        if not np.isfinite(out).all():
            self._refuse_infinite(out, table)
        return out

    def to_json(self) -> dict[str, Any]:
        """The encoder less its numbers, as JSON takes it."""
        return {
            "columns": [encoder_data.described(f) for f in self.features],
            "notes": list(self.notes),
        }

    def arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """Its numbers: center, spread, fill of the m columns that are not text; each (m,)."""
        return encoder_data.numbers(self.features)

    @classmethod
    def from_json(cls, data: Any, arrays: Mapping[str, npt.ArrayLike]) -> Encoder:
        """The encoder that `to_json` and `arrays` describe.

        Raises:
            ModelFileError: they do not add up; nothing in them is trusted.
        """
        return cls(encoder_data.features(data, arrays), encoder_data.notes(data))

    def _must_fit(self, table: Table, ignore: Collection[str]) -> None:
        absent = [name for name in self.kinds if name not in table]
        if absent:
            near = difflib.get_close_matches(absent[0], table.names, n=1)
            hint = f"; is {near[0]!r} meant?" if near else ""
            raise DataError(f"{_listed(absent)} of the training data missing here{hint}")
        fitted = {feature.name for feature in self.features} | set(ignore)
        new = [name for name in table.names if name not in fitted]
        if new:
            raise DataError(f"{_listed(new)} not in the training data")

    def _refuse_infinite(self, out: Array, table: Table) -> None:
        i, j = np.argwhere(~np.isfinite(out))[0]
        starts = np.cumsum([len(feature.names) for feature in self.features])
        name = self.features[int(np.searchsorted(starts, j, side="right"))].name
        value = table[name][i]
        why = (
            "must be finite"
            if np.isinf(value)
            else f"has numbers that {out.dtype} cannot hold once scaled"
        )
        raise DataError(f"column {name!r} {why}, but row {table.row_number(int(i))} holds {value}")


def may_count(name: str) -> bool:
    """Whether a column of this name is dropped if it counts the rows."""
    return _COUNTER.fullmatch(name) is not None


def _fit(name: str, column: Column, cap: int, table: Table, robust: bool, bins: int) -> Feature:
    if may_count(name) and len(column) > 2 and _counts(column):
        return Dropped(name, COUNTS)
    return fit_feature(name, column, cap, table.row_number, robust, bins)


def _counts(column: Column) -> bool:
    """Whether a column is 0, 1, 2, … or 1, 2, 3, …"""
    if kind_of(column) != "number" or column[0] not in (0, 1):
        return False
    return np.array_equal(column, np.arange(len(column)) + column[0])


def _notes(features: tuple[Feature, ...], odd: Mapping[str, str]) -> Iterator[str]:
    constant = [f for f in features if isinstance(f, Dropped) and f.reason == CONSTANT]
    if len(constant) > 3:
        names = _shown([feature.name for feature in constant])
        yield f"{len(constant)} columns dropped, each with one value only: {names}"
    for feature in features:
        if isinstance(feature, Dropped) and (feature.reason != CONSTANT or len(constant) <= 3):
            yield f"column {feature.name!r} dropped: {feature.reason}"
        value = odd.get(feature.name)
        if value:
            reason = f"column {feature.name!r} is read as text because of"
            if len(value) > _LONGEST:
                yield f"{reason} '{value[:_LONGEST]}…', though most values are numbers"
            else:
                yield (
                    f"{reason} {value!r}, though most values are numbers; if {value!r} means a missing"
                    f" value, name it (--na {value!r})"
                )


def _odd_value(column: Column) -> str:
    return odd_value(text_counts(column)) if kind_of(column) == "text" else ""


def odd_value(counts: Counter[str]) -> str:
    """The text that keeps a column from being numeric, as most of its values are; else nothing."""
    odd = Counter({value: count for value, count in counts.items() if not is_number(value)})
    if not odd or odd.total() > counts.total() / 2:
        return ""
    (value, count), *_ = odd.most_common(1)
    return value if count > 0.8 * odd.total() else ""


def _shown(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:5]) + (
        f" and {len(names) - 5} more" if len(names) > 5 else ""
    )


def _listed(names: list[str]) -> str:
    return f"column{'s' * (len(names) > 1)} {_shown(names)}"
