"""A column of a file that is read in pieces: of one kind in all of them, as it would be if read whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.tables.dates import FORMATS, ISO, format_of, read
from chainrule.tables.kinds import Column, Kind, Mask, RowNumber, as_text, kind_of, missing
from chainrule.tables.scaling import is_number, refuse
from chainrule.tables.spool import Part

TEXT = "text"  # the ruling that a column is text; others are formats of dates
GAP, UNCOUNTED = -1, -2  # codes of a missing value, and of one that there was no room to note
_OTHER = "\0"  # such a value read back: no file of text holds it
_ENTRY = 150  # bytes that a noted value takes besides its letters

_STORED: Mapping[str, Any] = {
    "number": np.dtype(np.float64), "boolean": np.dtype(np.float64),
    "date": np.dtype("datetime64[us]"), "text": np.dtype(np.int32),
}  # fmt: skip


class Reconsidered(Exception):
    """A later piece shows that a column is of another kind: it has to be read again from the start.

    Attributes:
        name: the column's.
        ruling: what it is to be read as: text, or dates of a format.
        row: the number of the row that shows it.
        value: what stands there.
    """

    def __init__(self, name: str, ruling: str, row: int, value: object) -> None:
        self.name, self.ruling, self.row, self.value = name, ruling, row, value
        super().__init__(name)


class Recorder:
    """A column, from its pieces to what a spool stores, and back.

    Numbers and booleans are stored as float64, dates as microseconds, texts as the numbers of their
    values. A file that is read whole has columns of one kind; a column of which a piece is of another
    kind than the pieces before is read again, as the kind that all of it is of (`Reconsidered`).

    Args:
        name: the column's name.
        room: bytes for the different values of text; those beyond are not told apart.
        ruling: TEXT or a format of dates, where an earlier reading found it; else nothing.
        dates: whether text may be dates.

    Attributes:
        kind: None while there were gaps alone.
        format: of dates that are text.
        values: the different texts, by their codes.
    """

    def __init__(self, name: str, room: int, ruling: str = "", dates: bool = True) -> None:
        self.name = name
        self.kind: Kind | None = None
        self.format = ISO
        self.values: list[str] = []
        self._codes: dict[str, int] = {}
        self._room = room
        self._ruling = ruling
        self._formats = () if ruling == TEXT or not dates else _from(ruling)
        self._written = False  # dates are text

    def store(self, column: Column, row: RowNumber) -> Part:
        """What is to be stored of the next piece, shape as given.

        Raises:
            Reconsidered: it does not go with the pieces before.
            DataError: a number is infinite; with its row.
        """
        gaps = missing(column)
        if gaps.all():
            return self._gaps(len(column))
        if self._ruling and kind_of(column) != "text":  # JSON knows kinds, whatever was ruled
            column = _texts(column)
        if self.kind is None:
            self._decide(column)
        elif kind_of(column) != self._kind_read:
            i = _odd(column, gaps)
            raise Reconsidered(self.name, TEXT, row(i), column[i])
        if self.kind == "text":
            return self._encoded(column)
        if self._written:
            return self._parsed(column, row)
        if self.kind == "date":
            return column.astype(_STORED["date"])
        x = column.astype(np.float64)
        refuse(np.isinf(x), x, self.name, row, "must be finite")
        return x

    def restored(self, part: Part | None, rows: int) -> Column:
        """A piece as a table has it; booleans as 0, 1 and NaN.

        Args:
            part: what was stored, or None for gaps alone.
            rows: how many there are.
        """
        if self.kind == "text":
            values = np.array([*self.values, _OTHER, None], dtype=object)  # −2 and −1 from behind
            return values[self.codes(part, rows)]
        if part is None or part.dtype != _STORED[self.kind or "number"]:
            return self._gaps(rows)  # it was stored before the kind was known
        return part

    def codes(self, part: Part | None, rows: int) -> Part:
        """The numbers of a piece's texts in `values`, GAP or UNCOUNTED."""
        return self._gaps(rows) if part is None or part.dtype != np.int32 else part

    @property
    def _kind_read(self) -> Kind | None:
        return "text" if self._written else self.kind

    def _gaps(self, rows: int) -> Part:
        gap = {"text": GAP, "date": np.datetime64("NaT")}.get(self.kind or "", np.nan)
        return np.full(rows, gap, _STORED[self.kind or "number"])

    def _decide(self, column: Column) -> None:
        self.kind = kind_of(column)
        format_ = format_of(column, self._formats) if self.kind == "text" else None
        if format_ is not None:
            self.kind, self.format, self._written = "date", format_, True

    def _parsed(self, column: Column, row: RowNumber) -> Part:
        dates, bad = read(column, self.format)
        if bad.any():
            i = int(bad.argmax())
            later = (f for f in _from(self.format)[1:] if not read(column, f)[1].any())
            raise Reconsidered(self.name, next(later, TEXT), row(i), column[i])
        return dates

    def _encoded(self, column: Column) -> npt.NDArray[np.int32]:
        import pandas as pd

        codes, values = pd.factorize(column)  # a missing value is −1, and so the last of `own`
        own = np.array([*map(self._code, values), GAP], np.int32)
        return own[codes]

    def _code(self, value: str) -> int:
        code = self._codes.get(value)
        if code is None:
            cost = _ENTRY + len(value)
            if cost > self._room:
                return UNCOUNTED
            self._room -= cost
            code = self._codes[value] = len(self.values)
            self.values.append(value)
        return code


def _odd(column: Column, gaps: Mask) -> int:
    """The first value that is no number where the column is text; else the first there is."""
    if kind_of(column) == "text":
        odd = (i for i in np.flatnonzero(~gaps) if not is_number(column[i]))
        return int(next(odd, gaps.argmin()))
    return int(gaps.argmin())


def _texts(column: Column) -> Column:
    texts = np.empty(len(column), dtype=object)
    texts[:] = as_text(column)
    return texts


def _from(format_: str) -> tuple[str, ...]:
    """The formats of dates from this one on; all of them without one."""
    return FORMATS[FORMATS.index(format_) :] if format_ else FORMATS
