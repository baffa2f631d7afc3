"""A table: named columns of the same length."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import ShapeError, unknown
from chainrule.tables.frames import columns_of
from chainrule.tables.kinds import Column, Kind, Mask, kind_of

Rows: TypeAlias = npt.NDArray[np.int64]


class Table:
    """Named columns of the same length; `kinds` says what arrays they are.

    Args:
        columns: arrays of shape (n,), by name.
        row_numbers: the numbers of the rows in the file that they come from, or of the first one
            where the others follow it; counted from 1.

    Raises:
        ShapeError: the columns differ in length.
    """

    def __init__(self, columns: Mapping[str, Column], row_numbers: Rows | int = 1) -> None:
        self.columns = dict(columns)
        self._row_numbers = row_numbers
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name!r} {length}" for name, length in list(lengths.items())[:5])
            raise ShapeError(f"the columns of a table have one length, got {shown}")
        self.rows = next(iter(lengths.values()), 0)

    @classmethod
    def of(cls, data: object) -> Table:
        """A table of a pandas frame, another library's frame, a mapping of sequences, or a 2-D
        array.

        An array's columns are called column_1, column_2, …

        Raises:
            DataError: two columns have the same name, or a column holds what no table holds.
            ShapeError: it is none of these things, or the columns differ in length.
        """
        return data if isinstance(data, Table) else cls(columns_of(data))

    @classmethod
    def joined(cls, tables: Sequence[Table]) -> Table:
        """The rows of tables with the same columns, one after another; they keep their numbers."""
        columns = {}
        for name in tables[0].names:
            parts = [table[name] for table in tables]
            if len({part.dtype.kind for part in parts}) > 1:  # one of them has gaps alone
                parts = [part.astype(object) for part in parts]
            columns[name] = np.concatenate(parts)
        return cls(columns, np.concatenate([table._numbers for table in tables]))

    @property
    def _numbers(self) -> Rows:
        start = self._row_numbers
        return np.arange(start, start + self.rows) if isinstance(start, int) else start

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self.columns)

    def __len__(self) -> int:
        return self.rows

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            raise unknown("column", name, self.columns)
        return self.columns[name]

    def __repr__(self) -> str:
        more = ", …" if len(self.columns) > 8 else ""
        return f"Table({self.rows} rows: {', '.join(self.names[:8])}{more})"

    def kind(self, name: str) -> Kind:
        """What a column holds: "number", "text", "boolean" or "date"."""
        return kind_of(self[name])

    def without(self, names: Collection[str]) -> Table:
        """The table less the columns of these names."""
        kept = {name: column for name, column in self.columns.items() if name not in names}
        return Table(kept, self._row_numbers)

    def take(self, rows: Mask | Rows) -> Table:
        """The rows that a mask or their indices (from 0) choose; they keep their numbers."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Table(columns, self._numbers[rows])

    def row_number(self, i: int) -> int:
        """The number, from 1, in the file that the table comes from, of its row i, from 0."""
        start = self._row_numbers
        return start + i if isinstance(start, int) else int(start[i])
