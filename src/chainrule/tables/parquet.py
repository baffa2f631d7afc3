"""Parquet files, read by pyarrow."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.arrays import room_for
from chainrule.errors import DataError, MissingExtra
from chainrule.tables.kinds import column_of, kind_of, without
from chainrule.tables.sources import Source
from chainrule.tables.table import Table

MAGIC = b"PAR1"
_LONGEST = 400  # letters of an error; it may quote the file
# Without a buffer pyarrow holds the whole of a row group's columns before it gives their first value:
# 250 MB for 2²⁰ rows of 20 columns. With one it is 65 MB, however large the row group.
BUFFER = 1 << 16


class Parquet:
    """A Parquet file.

    Args:
        source: the bytes; gzipped ones are unpacked into a temporary file, for Parquet is read from
            its end.
        na: texts that stand for a missing value, besides nulls.

    Raises:
        MissingExtra: pyarrow is not installed.
    """

    def __init__(self, source: Source, na: Collection[str]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as absent:
            raise MissingExtra("parquet") from absent
        self._parquet = pyarrow.parquet
        self._broken = pyarrow.ArrowException
        self._source = source
        self._na = na

    def whole(self) -> Table:
        """All rows."""
        with self._file() as file:
            return self._table(file.read(), 1)

    def chunks(self, rows: int) -> Iterator[Table]:
        """The rows, at most so many at a time."""
        first_row = 1
        with self._file(pre_buffer=False, buffer_size=BUFFER) as file:
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                yield self._table(batch, first_row)
                first_row += batch.num_rows

    @property
    def rows(self) -> int:
        """How many there are, from the footer."""
        with self._file() as file:
            return int(file.metadata.num_rows)

    @contextmanager
    def _file(self, **how: Any) -> Iterator[Any]:
        try:
            with room_for(self._source.where):
                if not self._source.gzipped:
                    yield self._parquet.ParquetFile(self._source.path, **how)
                    return
                with self._source.open() as packed, tempfile.TemporaryFile() as plain:
                    shutil.copyfileobj(packed, plain)
                    yield self._parquet.ParquetFile(plain, **how)
        except (self._broken, OSError, UnicodeDecodeError) as error:  # a name may be no text
            raise damaged(self._source.where, str(error)) from error

    def _table(self, rows: Any, first_row: int) -> Table:
        columns = Table.of(frame_of(rows, self._source.where)).columns
        for name, column in columns.items():
            if self._na and kind_of(column) == "text":
                columns[name] = column_of(
                    np.array(without(column.tolist(), self._na), dtype=object), name
                )
        return Table(columns, first_row)


def frame_of(rows: Any, where: str) -> Any:
    """Rows of pyarrow's as a pandas frame.

    Args:
        rows: a table or a batch.
        where: the file, for errors.

    Raises:
        DataError: what the file notes for pandas is damaged, or is of other columns.
    """
    try:
        frame = rows.to_pandas()
    except MemoryError:
        raise
    except Exception as error:  # pyarrow and pandas raise whatever the notes lead them to
        raise damaged(where, f"its notes for pandas cannot be used: {error}") from error
    if not {str(name) for name in frame.columns} <= set(rows.schema.names):
        raise damaged(where, "its notes for pandas are of other columns")
    return frame


def damaged(where: str, why: str) -> DataError:
    """The error for a file that pyarrow or pandas cannot make rows of; in one line, of bounded length."""
    words = " ".join(why.split())
    return DataError(f"{where} is a damaged Parquet file: {words[:_LONGEST]}")
