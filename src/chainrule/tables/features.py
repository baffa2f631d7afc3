"""How one column becomes one or more columns of numbers: what was fitted, and how it is applied.

Each writes its block of a matrix: `names` are the block's columns, `write` fills it from a column
of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.elementary import cos_turns, sin_turns
from chainrule.tables.dates import days, parse, turns
from chainrule.tables.kinds import Column, Kind, RowNumber, as_text, kind_of, missing
from chainrule.tables.scaling import Numbers, Scale, as_numbers, refuse

Block: TypeAlias = npt.NDArray[np.floating[Any]]

VALUE = "value"  # outputs of numbers and dates, beside the parts of dates
MISSING = "missing"
RISE = 0.3  # of a column that rises over one bin; measured, see docs/quality.md


@dataclass(frozen=True)
class Number:
    """A column of numbers, standardised, or of booleans, as 0 and 1; gaps are filled and, where
    fitted, pointed out.

    Attributes:
        outputs: "value" unless the column's only value says nothing; "missing" where gaps were
            seen.
        edges: e_0 < e_1 < …: for each bin, a column besides that rises from −0.15 at e_{i−1} to 0.15
            at e_i (Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features",
            equation 1, held at both ends, and small, so that the many columns of one number weigh
            like one); none without edges.
    """

    name: str
    kind: Literal["number", "boolean"]
    scale: Scale
    outputs: tuple[str, ...]
    edges: tuple[float, ...] = ()

    @property
    def bins(self) -> int:
        """How many of the columns written are bins; they are the last."""
        return max(0, len(self.edges) - 1)

    @property
    def names(self) -> list[str]:
        """The names of the columns written."""
        own = [
            self.name if output == VALUE else f"{self.name} is missing" for output in self.outputs
        ]
        return own + [f"{self.name} in {low:g}…{high:g}" for low, high in pairwise(self.edges)]

    def write(self, column: Column, out: Block, row: RowNumber) -> None:
        """Fill out, shape (n, len(names)), from a column, shape (n,).

        Raises:
            DataError: the column holds text or dates; a boolean one other numbers than 0 and 1.
        """
        x = as_numbers(column, self.name, row)
        gaps = np.isnan(x)
        if self.kind == "boolean":
            refuse(~np.isin(x, (0, 1)) & ~gaps, column, self.name, row, "is true or false")
        if gaps.any():
            x = np.where(gaps, self.scale.fill, x)
        for j, output in enumerate(self.outputs):
            out[:, j] = self.scale.apply(x) if output == VALUE else gaps
        for j, (low, high) in enumerate(pairwise(self.edges), start=len(self.outputs)):
            out[:, j] = RISE * (np.clip((x - low) / (high - low), 0, 1) - 0.5)


@dataclass(frozen=True)
class Category:
    """A column of text, one-hot: a column of 0 and 1 for each value kept.

    Values seen too rarely to keep share one column, where unseen ones go as well; without rare
    ones, unseen values are zeros everywhere, as no column of theirs was trained.
    """

    kind: ClassVar[Kind] = "text"
    name: str
    values: tuple[str, ...]
    other: bool
    missing: bool

    @property
    def names(self) -> list[str]:
        """The names of the columns written."""
        names = [f"{self.name}={value}" for value in self.values]
        names += [f"{self.name}=(other)"] * self.other
        return names + [f"{self.name} is missing"] * self.missing

    def write(self, column: Column, out: Block, row: RowNumber) -> None:
        """Fill out, shape (n, len(names)), from a column, shape (n,)."""
        codes: dict[str | None, int] = {value: j for j, value in enumerate(self.values)}
        unknown = len(self.values) if self.other else -1
        codes[None] = len(self.values) + self.other if self.missing else unknown
        code = np.fromiter(map(codes.get, as_text(column), repeat(unknown)), np.intp, len(column))
        known = np.flatnonzero(code >= 0)
        out[:] = 0
        out[known, code[known]] = 1


@dataclass(frozen=True)
class Date:
    """A column of dates: days, standardised, and where they vary the month, the weekday and the
    time as points of a circle.

    Attributes:
        format: how the dates are written where they are text.
        outputs: "value", "month", "weekday", "time", "missing", as far as they say something.
    """

    kind: ClassVar[Kind] = "date"
    name: str
    format: str
    scale: Scale
    outputs: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of the columns written."""
        return [name for output in self.outputs for name in self._names(output)]

    def _names(self, output: str) -> list[str]:
        if output == VALUE:
            return [self.name]
        if output == MISSING:
            return [f"{self.name} is missing"]
        return [f"{self.name} {output} sin", f"{self.name} {output} cos"]

    def write(self, column: Column, out: Block, row: RowNumber) -> None:
        """Fill out, shape (n, len(names)), from a column, shape (n,).

        Raises:
            DataError: the column holds numbers, or text that is no date.
        """
        t = _as_days(column, self.format, self.name, row)
        gaps = np.isnan(t)
        t = np.where(gaps, self.scale.fill, t)
        parts = {VALUE: [self.scale.apply(t)], MISSING: [gaps.astype(np.float64)]}
        for output, turn in turns(t).items():
            parts[output] = [sin_turns(turn), cos_turns(turn)]
        for j, values in enumerate(values for output in self.outputs for values in parts[output]):
            out[:, j] = values


@dataclass(frozen=True)
class Dropped:
    """A column that says nothing; at prediction it may be there or not."""

    name: str
    reason: str
    names: ClassVar[list[str]] = []


Feature: TypeAlias = Number | Category | Date | Dropped


def _as_days(column: Column, format_: str, name: str, row: RowNumber) -> Numbers:
    """A column of dates as days since 1970-01-01, NaN where a value is missing.

    Raises:
        DataError: it holds numbers, or text that is not of the format; with the row and the value.
    """
    kind = kind_of(column)
    if kind == "text":
        return days(parse(column, format_, name, row))
    if kind == "date":
        return days(column)
    refuse(~missing(column), column, name, row, "holds dates")
    return np.full(len(column), np.nan)
