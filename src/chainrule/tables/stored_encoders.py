"""The encoders of a table that is on the disk: those of `Encoder.fit` and `TargetEncoder.fit`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.errors import DataError, unknown
from chainrule.tables.dates import days, turns
from chainrule.tables.encoder import COUNTS, Encoder, may_count, odd_value
from chainrule.tables.features import VALUE, Dropped, Feature
from chainrule.tables.fitting import boolean_scale, category, date, number
from chainrule.tables.kinds import Column
from chainrule.tables.recording import UNCOUNTED
from chainrule.tables.scaling import Numbers, as_numbers
from chainrule.tables.stored import Stored
from chainrule.tables.summary import Range, Summary
from chainrule.tables.target import TASKS, TargetEncoder, nothing_to_learn, task_of_numbers

CAP = 50  # values of a column of text that get a column of their own
_NO_CLASSES = 21  # so many different numbers are no classes


@dataclass(frozen=True)
class Statistics:
    """Fits encoders to the rows of a table on the disk that are not set aside, a column at a time.

    Attributes:
        stored: the rows.
        hold: how many numbers may be in memory at once; of a column of more, the median is a sketch's.
    """

    stored: Stored
    hold: int

    def encoder(self) -> tuple[Encoder, float]:
        """The encoder of the columns besides the target, and by what share of ranks the medians that fill gaps may be off.

        Raises:
            DataError: no column says anything.
        """
        names = [name for name in self.stored.recorders if name != self.stored.target]
        found = [self._column(name) for name in names]
        odd = {name: each.odd for name, each in zip(names, found, strict=True)}
        notes = [each.note for each in found if each.note]
        encoder = Encoder.of(tuple(each.feature for each in found), odd, notes)
        return encoder, max(each.error for each in found)

    def target(self, task: str | None) -> TargetEncoder:
        """The encoder of the target: the classes of all rows, or the scale of numbers.

        Args:
            task: "classification" or "regression"; inferred without it.

        Raises:
            UnknownName: there is no such task.
            DataError: as `TargetEncoder.fit`, or there are more classes than memory holds.
        """
        if task is not None and task not in TASKS:
            raise unknown("task", task, TASKS)
        name, rows = self.stored.target, len(self.stored)
        kind = self.stored.recorders[name].kind
        if kind == "date":
            raise DataError(f"the target {name!r} holds dates; a network learns numbers or classes")
        if task == "regression":
            return self._numeric_target()
        if kind == "text":
            return TargetEncoder.of_classes(self._text_classes(), rows, name)
        values = self._different(self.hold if task else _NO_CLASSES)
        if kind == "boolean":
            return TargetEncoder.of_classes(values.astype(bool), rows, name)
        if task is None and task_of_numbers(values, rows) == "regression":
            return self._numeric_target()
        if len(values) >= self.hold:
            raise self._too_many()
        return TargetEncoder.of_classes(values, rows, name)

    def _numeric_target(self) -> TargetEncoder:
        name, summary = self.stored.target, Summary(self.hold)
        for block in self.stored.blocks:
            column = self.stored.column(block, name)
            y = as_numbers(column, name, self.stored.row_number(block))
            summary.add(y[~self.stored.checked(block)])
        if not summary.varies:
            raise nothing_to_learn(name, summary.low)
        return TargetEncoder.of_numbers(summary.scale(), name)

    def _text_classes(self) -> Column:
        stored, name = self.stored, self.stored.target
        if any((stored.codes(block, name) == UNCOUNTED).any() for block in stored.blocks):
            raise self._too_many()
        return np.array(self.stored.recorders[name].values, dtype=object)

    def _too_many(self) -> DataError:
        return DataError(
            f"the target {self.stored.target!r} has more classes than memory holds;"
            " is it the right column, and is the task classification?"
        )

    def _different(self, most: int) -> Numbers:
        """The different numbers of the target; once there are `most` or more, no further ones."""
        found = np.empty(0)
        for block in self.stored.blocks:
            found = np.union1d(found, self.stored.column(block, self.stored.target))
            if len(found) >= most:
                break
        return found

    def _column(self, name: str) -> _Fitted:
        recorder = self.stored.recorders[name]
        match recorder.kind:
            case "text":
                return self._text(name)
            case "date":
                return self._date(name, recorder.format)
            case "boolean":
                return self._boolean(name)
        return self._number(name)

    def _pieces(self, name: str) -> Iterator[Column]:
        """A column block by block, less what is set aside."""
        for block in self.stored.blocks:
            yield self.stored.column(block, name)[~self.stored.checked(block)]

    def _number(self, name: str) -> _Fitted:
        summary, rows, counts = Summary(self.hold), 0, may_count(name)
        for x in self._pieces(name):
            counts = counts and _goes_on(x, rows, summary)
            rows += len(x)
            summary.add(x[~np.isnan(x)])
        if not summary.count:
            return _Fitted(Dropped(name, "no values"))
        if counts and rows > 2:
            return _Fitted(Dropped(name, COUNTS))
        gaps = summary.count < rows
        feature = number(name, "number", summary.scale(), summary.varies, gaps)
        return _Fitted(feature, error=gaps * summary.error)

    def _boolean(self, name: str) -> _Fitted:
        rows = known = true = 0
        for x in self._pieces(name):
            rows += len(x)
            known += int(np.count_nonzero(~np.isnan(x)))
            true += int(np.count_nonzero(x == 1))
        if not known:
            return _Fitted(Dropped(name, "no values"))
        scale, varies = boolean_scale(true / known), 0 < true < known
        return _Fitted(number(name, "boolean", scale, varies, known < rows))

    def _date(self, name: str, format_: str) -> _Fitted:
        summary, rows = Summary(self.hold), 0
        parts: dict[str, Range] = {}
        for dates in self._pieces(name):
            t = days(dates)
            rows += len(t)
            known = t[~np.isnan(t)]
            summary.add(known)
            for output, values in {VALUE: known, **turns(known)}.items():
                parts.setdefault(output, Range()).add(values)
        if not summary.count:
            return _Fitted(Dropped(name, "no values"))
        varying = [output for output, range_ in parts.items() if range_.varies]
        gaps = summary.count < rows
        feature = date(name, format_, summary.scale(), varying, gaps)
        return _Fitted(feature, error=gaps * summary.error)

    def _text(self, name: str) -> _Fitted:
        values = self.stored.recorders[name].values
        numbers, rows, uncounted = np.zeros(len(values), np.int64), 0, 0
        for block in self.stored.blocks:
            codes = self.stored.codes(block, name)[~self.stored.checked(block)]
            rows += len(codes)
            uncounted += int(np.count_nonzero(codes == UNCOUNTED))
            numbers += np.bincount(codes[codes >= 0], minlength=len(values))
        counts = Counter({values[i]: int(numbers[i]) for i in np.flatnonzero(numbers)})
        if not counts and not uncounted:
            return _Fitted(Dropped(name, "no values"))
        note = (
            f"column {name!r} has so many different texts that those which come after the first"
            f" {len(values):,} are not told apart"
        )
        feature = category(name, counts, rows, CAP, uncounted)
        told = uncounted and not isinstance(feature, Dropped)
        return _Fitted(feature, odd_value(counts), note if told else "")


@dataclass(frozen=True)
class _Fitted:
    """What a column becomes, the odd text in it, a note, and how far off the median that fills its gaps may be."""

    feature: Feature
    odd: str = ""
    note: str = ""
    error: float = 0.0


def _goes_on(x: Numbers, rows: int, before: Range) -> bool:
    """Whether numbers count on from 0 or 1, so many rows having gone before."""
    first = before.low if rows else x[0] if len(x) else 0.0
    return first in (0, 1) and np.array_equal(x, first + np.arange(rows, rows + len(x)))
