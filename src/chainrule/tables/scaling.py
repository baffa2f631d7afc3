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


SMOOTH = 3.0  # what smoothed numbers stay within


@dataclass(frozen=True)
class Scale:
    """x ↦ z = (x − center) / spread, a missing x being `fill`; smooth: x ↦ z/√(1 + (z/3)²), in (−3, 3)."""

    center: float
    spread: float
    fill: float
    smooth: bool = False

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

    @classmethod
    def robust(cls, known: Numbers) -> Scale:
        """Median and distance of the quartiles of finite numbers, shape (n,), smooth.

        Where the quartiles are equal, half the range takes the place of their distance.

        Source: Holzmüller, Grinsztajn & Steinwart 2024, "Better by default", section 3.1.
        """
        half = known / 2  # differences of halves do not overflow
        low, middle, high = np.quantile(half, (0.25, 0.5, 0.75)).tolist()
        spread = 2 * (high - low) or float(half.max() - half.min())
        return cls(2 * middle, spread or 1.0, 2 * middle, smooth=True)

    def apply(self, x: Numbers) -> Numbers:
        """The scaled numbers, shape (n,)."""
        z = (x - self.center) / self.spread
        return z / np.sqrt(1 + (z / SMOOTH) ** 2) if self.smooth else z

    def apart(self, scaled: float) -> float:
        """How far from the center a number is that became `scaled`; infinite where that is the bound of smooth ones."""
        return self.spread * scaled * self._stretch(scaled, 0.5)

    def slope(self, scaled: float) -> float:
        """By how much more a scaled number grows for each unit of x, where it is `scaled`."""
        return 1 / (self.spread * self._stretch(scaled, 1.5))

    def _stretch(self, scaled: float, power: float) -> float:
        """(1 − (s/3)²)^−power: z/s for 1/2, dz/ds for 3/2."""
        rest = 1 - (scaled / SMOOTH) ** 2 if self.smooth else 1.0
        return float(rest**-power) if rest > 0 else np.inf


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
