"""Numbers to scale: a column as floats, and the scale that was fitted on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError
from chainrule.tables.kinds import Column, Mask, RowNumber, kind_of, missing

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """x ↦ (x − center) / spread, a missing x being `fill`."""

    center: float
    spread: float
    fill: float

    @classmethod
    def of(cls, known: Numbers) -> Scale:
        """Mean, standard deviation (of the population) and median of finite numbers, shape (n,)."""
        _, exponent = np.frexp(np.abs(known).max())
        power = 2.0 ** (int(exponent) - 1)  # exact, and squares of numbers below 2 do not overflow
        unit = known / power
        spread = float(unit.std()) * power
        if not varies(known) or spread == 0:
            return cls(float(known[0]), 1.0, float(known[0]))
        return cls(float(unit.mean()) * power, spread, float(np.median(unit)) * power)

    def apply(self, x: Numbers) -> Numbers:
        """The scaled numbers, shape (n,)."""
        return (x - self.center) / self.spread


def as_numbers(column: Column, name: str, row: RowNumber) -> Numbers:
    """A column of numbers or booleans as floats, NaN where a value is missing.

    Raises:
        DataError: it holds text or dates; with the row and the value.
    """
    kind = kind_of(column)
    if kind == "text":
        refuse(_unlike(is_number, column), column, name, row, "is numeric")
        refuse(~missing(column), column, name, row, "is numeric")
    if kind == "date":
        refuse(~missing(column), column, name, row, "is numeric")
    return column.astype(np.float64) if kind != "date" else np.full(len(column), np.nan)


def is_number(text: str) -> bool:
    """Whether a text could stand in a column of numbers or booleans."""
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True


def varies(known: Numbers) -> bool:
    """Whether not all numbers are equal."""
    return bool(known.min() != known.max())


def refuse(bad: Mask, column: Column, name: str, row: RowNumber, what: str) -> None:
    """Refuse the first bad value, by its row.

    Raises:
        DataError: there is one.
    """
    if bad.any():
        i = int(bad.argmax())
        value = column[i]
        shown = repr(value) if isinstance(value, str) else str(value)
        raise DataError(f"column {name!r} {what}, but row {row(i)} holds {shown[:80]}")


def _unlike(test: Callable[[str], bool], column: Column) -> Mask:
    return np.fromiter((v is not None and not test(v) for v in column.tolist()), bool, len(column))
