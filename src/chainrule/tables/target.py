"""The target: what a network learns to say, as numbers, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError, ModelFileError, unknown
from chainrule.tables.kinds import Column, RowNumber, kind_of, missing
from chainrule.tables.scaling import Scale, as_numbers, refuse
from chainrule.tables.table import Table

Task: TypeAlias = Literal["classification", "regression"]
Label: TypeAlias = str | int | float | bool
TASKS: tuple[Task, ...] = ("classification", "regression")
FEW = 20  # as many different whole numbers may be classes


@dataclass(frozen=True)
class Supervised:
    """A table taken apart: what to learn from, and what to learn.

    Attributes:
        features: the table without the target, and without the rows whose target is missing.
        target: the target's column, shape (n,).
        name: the target's name.
        dropped: how many rows had no target.
    """

    features: Table
    target: Column
    name: str
    dropped: int


def split_target(table: Table, name: str | None = None) -> Supervised:
    """The table without its target, and the target; rows without a target are dropped and counted.

    Args:
        table: with the target among its columns.
        name: of the target; the last column's without it.

    Raises:
        UnknownName: there is no such column; the text names the nearest.
        DataError: there is no other column, or no row has a target.
    """
    name = table.names[-1] if name is None and table.names else name
    if name is None or name not in table:
        raise unknown("column", name, table.names)
    if len(table.names) < 2:
        raise DataError(f"there is no column to learn {name!r} from: it is the only one")
    known = ~missing(table[name])
    if not known.any():
        raise DataError(f"the target {name!r} is missing in every row")
    kept = table if known.all() else table.take(known)
    return Supervised(kept.without([name]), kept[name], name, int((~known).sum()))


def infer_task(column: Column) -> Task:
    """Regression for fractions, for more than 20 whole numbers, and for mostly different ones."""
    if kind_of(column) != "number":
        return "classification"
    known = column[~np.isnan(column)]
    return task_of_numbers(np.unique(known), len(known))


def task_of_numbers(values: Column, rows: int) -> Task:
    """The same for the different numbers in so many rows; of more than 20, any 21 will do."""
    whole = bool((values == np.floor(values)).all())
    few = len(values) <= max(2, min(FEW, rows // 2))
    return "classification" if whole and few else "regression"


@dataclass(frozen=True)
class TargetEncoder:
    """Classes as the numbers 0 … k−1, or numbers standardised to mean 0 and standard deviation 1;
    and back.

    Attributes:
        name: the target's name.
        task: "classification" or "regression".
        classes: the labels, sorted; none for regression.
        mean, spread: of the numbers; 0 and 1 for classification.
    """

    name: str
    task: Task
    classes: tuple[Label, ...] = ()
    mean: float = 0.0
    spread: float = 1.0

    @classmethod
    def fit(
        cls,
        column: Column,
        task: str | None = None,
        name: str = "target",
        row: RowNumber = lambda i: i + 1,
    ) -> TargetEncoder:
        """The encoder for such targets.

        Args:
            column: the targets of the rows to train on, shape (n,), none missing.
            task: "classification" or "regression"; `infer_task` says without it.
            name: the target's name.
            row: from an index to the row's number, for errors.

        Raises:
            UnknownName: there is no such task.
            DataError: there is one class only, too few rows for so many classes, or one number
                only; or the numbers are not finite, or text.
        """
        if task is not None and task not in TASKS:
            raise unknown("task", task, TASKS)
        if missing(column).any():
            raise DataError(f"the target {name!r} is missing in {missing(column).sum()} rows")
        if kind_of(column) == "date":
            raise DataError(f"the target {name!r} holds dates; a network learns numbers or classes")
        if (task or infer_task(column)) == "regression":
            return _fit_numbers(column, name, row)
        return cls.of_classes(column, len(column), name, row)

    @classmethod
    def of_classes(
        cls, values: Column, rows: int, name: str, row: RowNumber = lambda i: i + 1
    ) -> TargetEncoder:
        """The encoder for classes.

        Args:
            values: each of them, once or more often, none missing.
            rows: how many rows there are.
            name: the target's name.
            row: from an index of `values` to the row's number, for errors.

        Raises:
            DataError: there is one class only, or too few rows for so many.
        """
        return cls(name, "classification", _fit_classes(values, rows, name, row))

    @classmethod
    def of_numbers(cls, scale: Scale, name: str) -> TargetEncoder:
        """The encoder for numbers that such a scale standardises."""
        return cls(name, "regression", (), scale.center, scale.spread)

    def encode(self, column: Column, row: RowNumber = lambda i: i + 1) -> npt.NDArray[Any]:
        """Class numbers (int64) or standardised numbers (float64), shape (n,).

        Args:
            column: targets, shape (n,), none missing.
            row: from an index to the row's number, for errors.

        Raises:
            DataError: a class that was not there in training, a number that is not finite, or text
                among numbers.
        """
        if self.task == "regression":
            y = as_numbers(column, self.name, row)
            self._refuse(~np.isfinite(y), column, row, "is not a finite number")
            return cast(npt.NDArray[Any], (y - self.mean) / self.spread)
        numbers = {label: c for c, label in enumerate(self.classes)}
        codes = np.array([numbers.get(label, -1) for label in _labels(column)], dtype=np.int64)
        self._refuse(codes < 0, column, row, "is not among the classes of the training data")
        return codes

    def decode(self, z: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Labels of class numbers, or numbers in their own unit, shape as given."""
        if self.task == "regression":
            return cast(npt.NDArray[Any], z * self.spread + self.mean)
        return cast(npt.NDArray[Any], _label_array(self.classes)[z])

    def to_json(self) -> dict[str, Any]:
        """The encoder as JSON takes it; floats survive exactly."""
        scale = {"mean": self.mean, "spread": self.spread}
        return {"name": self.name, "task": self.task, "classes": list(self.classes), **scale}

    @classmethod
    def from_json(cls, data: Any) -> TargetEncoder:
        """The encoder that `to_json` wrote.

        Raises:
            ModelFileError: it does not add up; nothing in it is trusted.
        """
        fields = {"name": str, "task": str, "classes": list, "mean": float, "spread": float}
        parts = data if isinstance(data, dict) else {}
        odd = [name for name, type_ in fields.items() if not isinstance(parts.get(name), type_)]
        if odd:
            raise ModelFileError(f"the description of the target lacks {', '.join(odd)}")
        found = cls(**{name: parts[name] for name in fields} | {"classes": tuple(parts["classes"])})
        if not found._adds_up():
            raise ModelFileError(f"the description of the target {found.name!r} does not add up")
        return found

    def _adds_up(self) -> bool:
        if not np.isfinite([self.mean, self.spread]).all() or self.spread <= 0:
            return False
        if self.task == "regression":
            return not self.classes
        labels = all(isinstance(label, (str, int, float)) for label in self.classes)
        return self.task in TASKS and labels and len(set(self.classes)) == len(self.classes) >= 2

    def _refuse(self, bad: npt.NDArray[np.bool_], column: Column, row: RowNumber, why: str) -> None:
        if bad.any():
            i = int(bad.argmax())
            raise DataError(
                f"the target {self.name!r} of row {row(i)}, {_labels(column)[i]!r}, {why}"
            )


def _fit_numbers(column: Column, name: str, row: RowNumber) -> TargetEncoder:
    y = as_numbers(column, name, row)
    refuse(np.isinf(y), column, name, row, "must be finite")
    if y.min() == y.max():
        raise nothing_to_learn(name, float(y[0]))
    return TargetEncoder.of_numbers(Scale.of(y), name)


def nothing_to_learn(name: str, value: float) -> DataError:
    """The error for a target that is the same number in every row."""
    return DataError(f"the target {name!r} is {value:g} in every row: there is nothing to learn")


def _fit_classes(column: Column, rows: int, name: str, row: RowNumber) -> tuple[Label, ...]:
    if kind_of(column) == "number":
        refuse(np.isinf(column), column, name, row, "must be finite")
    classes = sorted(set(_labels(column)))
    if len(classes) == 1:
        raise DataError(f"the target {name!r} has one class only: {classes[0]!r}")
    if len(classes) == rows or (len(classes) > 2 and 2 * len(classes) > rows):
        raise DataError(
            f"the target {name!r} has {len(classes)} classes in {rows} rows, too few rows to "
            "learn them; is it the right column, and is the task classification?"
        )
    return tuple(classes)


def _labels(column: Column) -> list[Any]:
    """The values as Python's own: str, bool, int where all numbers are whole, else float."""
    if column.dtype.kind == "f" and ((column == np.floor(column)) & (abs(column) < 2**53)).all():
        return cast(list[Any], column.astype(np.int64).tolist())
    return cast(list[Any], column.tolist())


def _label_array(classes: tuple[Label, ...]) -> npt.NDArray[Any]:
    if not any(isinstance(label, str) for label in classes):
        return np.array(classes)
    labels = np.empty(len(classes), dtype=object)
    labels[:] = classes
    return labels
