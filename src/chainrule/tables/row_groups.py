"""Parquet files as one table that is never in memory as a whole: their row groups, read one by one."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.arrays import room_for
from chainrule.errors import DataError, InvalidValue, MissingExtra, MissingFile, unknown
from chainrule.tables.frames import unique_names
from chainrule.tables.parquet import BUFFER, damaged, frame_of
from chainrule.tables.sources import Stamp, stamp_of, unchanged
from chainrule.tables.table import Table

Data: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

AT_ONCE = 32_768  # rows of a row group that are read at a time, at most
_VALUES = 1 << 20  # and values: of wide tables fewer rows
# Types whose columns are no numbers, but look like numbers where every value is missing: what a
# missing value of theirs is.
_GAPS: Mapping[str, Any] = {
    "string": None, "large_string": None, "string_view": None, "dictionary": None, "bool": None,
    "date32[day]": np.datetime64("NaT", "us"), "date64[ms]": np.datetime64("NaT", "us"),
}  # fmt: skip


@dataclass(frozen=True)
class RowGroup:
    """A part of a Parquet file.

    Attributes:
        path: of the file.
        index: of the row group in it, from 0.
        rows: how many.
        first: the number of its first row among the rows of all files, from 0.
        first_in_file: the number of its first row in its file, from 0.
        stamp: of the file when its footer was read.
    """

    path: str
    index: int
    rows: int
    first: int
    first_in_file: int
    stamp: Stamp | None = None


@dataclass(frozen=True)
class Piece:
    """Some rows of a row group that follow each other.

    Attributes:
        group: the row group.
        first: the number of the first of them in the row group, from 0.
        table: the rows; their numbers are those in the file, from 1.
    """

    group: RowGroup
    first: int
    table: Table

    def within(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which rows of the piece are among some of the row group: from sorted numbers to sorted
        numbers, both from 0.
        """
        start, end = np.searchsorted(rows, [self.first, self.first + len(self.table)])
        return rows[start:end] - self.first


@dataclass(frozen=True)
class RowGroups:
    """Row groups of files with the same columns.

    Attributes:
        groups: in the order of the files' names.
        names: of the columns; what pandas stored as an index is none of them.
    """

    groups: tuple[RowGroup, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, data: Data, target: str | None = None) -> RowGroups:
        """Those of a folder's Parquet files, of a file, of the files that a pattern with * matches,
        or of a list of files.

        Of each file the footer alone is read.

        Args:
            data: where the files are.
            target: a column that has to be there, besides others.

        Raises:
            MissingFile: there are none.
            DataError: a file is damaged, or has other columns than the first; or there are no rows.
            UnknownName: there is no such target.
            MissingExtra: pyarrow is not installed.
        """
        paths = _paths(data)
        groups: list[RowGroup] = []
        schema: dict[str, str] = {}
        for path in paths:
            stamp = stamp_of(path)
            with _opened(path, stamp) as file:
                found = _columns(file.schema_arrow, path)
                schema = schema or found
                _check_columns(path, found, paths[0], schema)
                groups += _groups(path, file.metadata, _end(groups), stamp)
        groups = [group for group in groups if group.rows]
        if not groups:
            raise DataError(f"{_shown(data)}: the Parquet files have no rows")
        found_groups = cls(tuple(groups), tuple(schema))
        if target is not None:
            found_groups.check_column(target)
        return found_groups

    def __len__(self) -> int:
        """How many rows there are."""
        return sum(group.rows for group in self.groups)

    def check_column(self, name: str) -> None:
        """Refuse a column that is not there.

        Raises:
            UnknownName: with the nearest that is.
        """
        if name not in self.names:
            raise unknown("column", name, self.names)

    def share(self, rank: int, world: int) -> RowGroups:
        """One of `world` parts without overlap, as even as whole row groups allow.

        The largest row group that is left goes to whoever has the fewest rows (longest processing
        time first: Graham 1969, "Bounds on multiprocessing timing anomalies").

        Raises:
            InvalidValue: rank is not one of 0 … world − 1.
            DataError: there are fewer row groups than parts.
        """
        if not 0 <= rank < world:
            raise InvalidValue(f"a rank is 0 to {world - 1} of {world} processes, got {rank}")
        if len(self.groups) < world:
            smaller = min(100_000, max(1, len(self) // (4 * world)))
            raise DataError(
                f"{len(self.groups)} row groups cannot be split over {world} processes:"
                f" write them with smaller row groups: row_group_size={smaller:_}"
            )
        loads, mine = [0] * world, []
        for group in sorted(self.groups, key=lambda each: (-each.rows, each.first)):
            to = loads.index(min(loads))
            loads[to] += group.rows
            if to == rank:
                mine.append(group)
        return RowGroups(tuple(sorted(mine, key=lambda each: each.first)), self.names)

    def some(self, count: int) -> RowGroups:
        """At most so many row groups, evenly chosen."""
        which = np.unique(np.linspace(0, len(self.groups) - 1, count).astype(int))
        return RowGroups(tuple(self.groups[i] for i in which), self.names)


def read(
    groups: Iterable[RowGroup], columns: Sequence[str], at_once: int = AT_ONCE
) -> Iterator[Piece]:
    """The rows of row groups, some at a time.

    Args:
        groups: in the order to read them in; a file is kept open over those that follow each other.
        columns: to read; the others' bytes are not touched.
        at_once: the most rows of a piece.

    Raises:
        MissingFile, DataError: a file cannot be read any more, or was changed since its footer was read.
    """
    rows = max(1, min(at_once, _VALUES // max(1, len(columns))))
    for path, run in groupby(groups, key=lambda group: group.path):
        following = list(run)
        with _opened(path, following[0].stamp) as file:
            for group in following:
                first = 0
                for batch in file.iter_batches(rows, [group.index], columns, use_threads=False):
                    table = _table(batch, group.first_in_file + first + 1, path)
                    yield Piece(group, first, table)
                    first += batch.num_rows
                if first != group.rows:
                    told = f"row group {group.index} has {first:,} rows, and the footer says {group.rows:,}"
                    raise damaged(path, told)
                _give_back()


@contextmanager
def naming(group: RowGroup) -> Iterator[None]:
    """What is wrong with the data says in which file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{group.path}: {error}") from error


def _table(batch: Any, first_row: int, path: str) -> Table:
    """A batch of pyarrow's as a table, whose columns' kinds are the same for all batches of a file."""
    columns = Table.of(frame_of(batch, path)).columns
    for name, column in columns.items():
        type_ = str(batch.schema.field(name).type).partition("<")[0]
        if column.dtype.kind == "f" and type_ in _GAPS:
            columns[name] = np.array([_GAPS[type_]] * len(column))
    return Table(columns, first_row)


def _paths(data: Data) -> list[str]:
    """The files that are meant, in the order of their names; a list's in its own."""
    if not isinstance(data, (str, os.PathLike)):
        paths = [path for each in data for path in _paths(each)]
    elif os.path.isfile(data):
        paths = [os.fspath(data)]
    elif os.path.isdir(data):
        paths = sorted(str(path) for path in Path(data).glob("*.parquet"))
    else:
        paths = sorted(glob.glob(os.fspath(data)))
    if not paths:
        raise MissingFile(f"there are no Parquet files {_shown(data)}")
    return paths


def _shown(data: Data) -> str:
    return os.fspath(data) if isinstance(data, (str, os.PathLike)) else "in an empty list"


@contextmanager
def _opened(path: str, stamp: Stamp | None) -> Iterator[Any]:
    """A Parquet file, closed at the end; what pyarrow raises becomes a sentence."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as absent:
        raise MissingExtra("parquet") from absent
    try:
        how = {"memory_map": False, "pre_buffer": False, "buffer_size": BUFFER}
        with (
            room_for(path),
            unchanged(path, stamp),
            pyarrow.parquet.ParquetFile(path, **how) as file,
        ):
            yield file
    except FileNotFoundError as error:
        raise MissingFile(f"{path} is not there any more") from error
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error
    finally:
        _give_back()


def _give_back() -> None:
    """Let the system have the memory that pyarrow keeps for its next batches."""
    import pyarrow

    pyarrow.default_memory_pool().release_unused()


def _groups(path: str, metadata: Any, first: int, stamp: Stamp | None) -> Iterator[RowGroup]:
    in_file = 0
    for index in range(metadata.num_row_groups):
        rows = metadata.row_group(index).num_rows
        yield RowGroup(path, index, rows, first + in_file, in_file, stamp)
        in_file += rows


def _end(groups: Sequence[RowGroup]) -> int:
    return groups[-1].first + groups[-1].rows if groups else 0


def _columns(schema: Any, path: str) -> dict[str, str]:
    """The types of a file's columns by their names, as a table gets them."""
    unique_names(schema.names, f"{path}: ")
    seen = {str(name) for name in frame_of(schema.empty_table(), path).columns}
    return {field.name: str(field.type) for field in schema if field.name in seen}


def _check_columns(path: str, found: dict[str, str], first: str, schema: dict[str, str]) -> None:
    names = dict.fromkeys([*schema, *found])
    odd = next((name for name in names if found.get(name) != schema.get(name)), None)
    if odd is not None:
        raise DataError(
            f"{path} has {_told(odd, found)}, and {first} has {_told(odd, schema)}:"
            " the files of one table have the same columns"
        )


def _told(name: str, schema: Mapping[str, str]) -> str:
    if name not in schema:
        return f"no column {name!r}"
    return f"a column {name!r} of type {schema[name]}"
