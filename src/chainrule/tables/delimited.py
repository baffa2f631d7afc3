"""Delimited text: pandas parses it; what pandas lets pass is found here."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import DataError, OutOfMemory
from chainrule.tables.dialect import must_be_even, records, separator_named, sniff
from chainrule.tables.kinds import Column, Kind, missing
from chainrule.tables.lines import Inspected, Inspector, first_lines, inspect
from chainrule.tables.sources import Source
from chainrule.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd


class Delimited:
    """A delimited text file, ready to be read whole or in pieces.

    Args:
        source: the bytes.
        na: spellings of a missing value besides pandas' own (empty, NA, NaN, null, None, …).
        separator: between fields; sniffed without it.
        kinds: columns whose kinds are known; text and dates among them are not taken for numbers.

    Raises:
        DataError: as `sniff` and `Inspector.feed`.
    """

    def __init__(
        self, source: Source, na: Collection[str], separator: str | None, kinds: Mapping[str, Kind]
    ) -> None:
        self.source = source
        with source.open() as file:
            lines, whole = first_lines(file, source.where)
        given = None if separator is None else separator_named(separator)
        self.dialect = sniff(lines, whole, source.where, given, na, kinds)
        self._na = list(na)
        self._known_even = False
        self._text = [name for name in self.dialect.names if kinds.get(name) in ("text", "date")]

    def whole(self) -> Table:
        """All rows."""
        inspector = self._inspector()
        if self.source.gzipped:
            with self._inspected(inspector) as unpacked:
                return self._table(self._parse(unpacked, low_memory=False), inspector)
        with self.source.open() as file:
            inspect(file, inspector)
        frame = self._parse(self.source.path)  # by its path, pandas reads it with several threads
        mixed = [name for name in frame if _is_mixed(frame[name])]
        if mixed:  # the threads disagree on a type: once more, as the text that stands in the file
            frame = self._parse(self.source.path, text=mixed)
        return self._table(frame, inspector)

    def chunks(self, rows: int) -> Iterator[Table]:
        """The rows, so many at a time."""
        inspector, first_row = self._inspector(), 1
        with self._inspected(inspector) as file:
            pieces = iter(self._parse(file, chunksize=rows, low_memory=False))
            while (frame := self._next(pieces)) is not None:
                yield self._table(frame, inspector, first_row)
                first_row += len(frame)

    def _inspector(self) -> Inspector:
        return Inspector(self.source.where, self.dialect.separator, len(self.dialect.names))

    def _inspected(self, inspector: Inspector) -> io.BufferedReader:
        return io.BufferedReader(Inspected(self.source.open(), inspector), 1 << 18)

    def _parse(self, file: Any, text: Collection[str] = (), **how: Any) -> Any:
        import pandas as pd

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # `whole` sees to them
                warnings.simplefilter(
                    "error", pd.errors.ParserWarning
                )  # of fields that would be lost
                return pd.read_csv(
                    file,
                    header=None,
                    names=self.dialect.names,
                    index_col=False,
                    skiprows=self.dialect.skip,
                    sep=self.dialect.separator,
                    decimal=self.dialect.decimal,
                    na_values=self._na,
                    dtype=dict.fromkeys((*self._text, *text), str),
                    skipinitialspace=True,
                    compression=None,
                    **how,
                )
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise self._explained(error) from error

    def _next(self, pieces: Iterator[pd.DataFrame]) -> pd.DataFrame | None:
        import pandas as pd

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return next(pieces, None)
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> DataError | OutOfMemory:
        """A parser's error in our words, by the line that caused it where it can be found."""
        text = " ".join(str(error).split())
        if "out of memory" in text:
            return OutOfMemory(f"there is not enough memory for {self.source.where}")
        self._must_be_even()
        quote = re.search(r"EOF inside string starting at row (\d+)", text)
        if quote:
            text = f"a quote is left open, from about line {int(quote[1]) + 1} on"
        return DataError(f"{self.source.where}: {text}")

    def _must_be_even(self) -> None:
        """Count every line's fields with the csv module: slow, so only where one may be missing."""
        if self._known_even:
            return
        with io.TextIOWrapper(self.source.open(), "utf-8-sig", newline="") as lines:
            numbered = records(lines, self.dialect.separator, self.source.where)
            if self.dialect.classes:
                next(numbered)  # the count line
            must_be_even(numbered, len(self.dialect.names), self.source.where)
        self._known_even = True

    def _table(self, frame: pd.DataFrame, inspector: Inspector, first_row: int = 1) -> Table:
        columns = Table.of(frame).columns
        last = self.dialect.names[-1]
        gaps = missing(columns[last])
        if gaps.any() and not inspector.even:  # pandas fills up short lines
            self._must_be_even()
        if self.dialect.trailing:
            if not gaps.all():
                row = first_row + int(gaps.argmin())
                raise DataError(
                    f"{self.source.where}: row {row} has a value beyond the last column"
                )
            del columns[last]
        if self.dialect.classes:
            columns[last] = self._class_names(columns[last], first_row)
        return Table(columns, first_row)

    def _class_names(self, column: Column, first_row: int) -> Column:
        """The names of the classes that a column numbers."""
        import pandas as pd

        names = np.array(self.dialect.classes, dtype=object)
        numbers = column
        if column.dtype == object:  # some of it is text
            numbers = pd.to_numeric(pd.Series(column), errors="coerce").to_numpy()
        numbered = np.isin(numbers, np.arange(len(names)))
        if not numbered.all():
            i = int(numbered.argmin())
            said = repr(str(column[i])[:40]) if column is not numbers else f"{column[i]:g}"
            what = f"row {first_row + i} is of class {said} of the first line's {len(names)}"
            raise DataError(f"{self.source.where}: {what}")
        return names[numbers.astype(np.int64)]


def _is_mixed(series: pd.Series[Any]) -> bool:
    """Whether a column holds text beside other values."""
    return series.dtype == object and not set(map(type, series)) <= {bool, float}
