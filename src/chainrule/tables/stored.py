"""A file's rows, read once, piece by piece, on to the disk, each column of one kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from chainrule.errors import DataError, unknown
from chainrule.tables.kinds import Column, Kind, Mask, RowNumber, missing
from chainrule.tables.reading import read_chunks
from chainrule.tables.recording import TEXT, Reconsidered, Recorder
from chainrule.tables.spool import Part, Spool
from chainrule.tables.table import Rows, Table

Say: TypeAlias = Callable[[str], None]

# Columns that no file has: of row numbers, where rows were left out; and of which are set aside.
_NUMBERS, _CHECKED = "\0number", "\0checked"


@dataclass
class Stored:
    """The rows of a file that have a target, on the disk.

    Attributes:
        spool: holds them.
        target: the name of the column to learn.
        room: bytes for the different values of a column of text.
        rulings: what columns turned out to be in an earlier reading; see `Recorder`.
        recorders: of the columns, by their names, in order.
        dropped: how many rows had no target.
        firsts: the row number in the file of the first row of each block.
    """

    spool: Spool
    target: str
    room: int
    rulings: Mapping[str, str]
    recorders: dict[str, Recorder] = field(default_factory=dict)
    dropped: int = 0
    firsts: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.spool)

    def __enter__(self) -> Stored:
        return self

    def __exit__(self, *_: object) -> None:
        self.spool.close()

    @property
    def blocks(self) -> range:
        """The numbers of the blocks."""
        return range(len(self.spool.lengths))

    def split(self, checked: Callable[[Rows], Mask]) -> None:
        """Note which rows are set aside.

        Args:
            checked: says it of the numbers of rows, from 0.
        """
        first = 0
        for block, rows in enumerate(self.spool.lengths):
            self.spool.put(block, _CHECKED, checked(np.arange(first, first + rows)))
            first += rows

    def checked(self, block: int) -> Mask:
        """Which rows of a block are set aside; none before `split`."""
        marks = self.spool.part(block, _CHECKED)
        return np.zeros(self.spool.lengths[block], bool) if marks is None else marks

    def column(self, block: int, name: str) -> Column:
        """A column of a block as a table has it."""
        rows = self.spool.lengths[block]
        return self.recorders[name].restored(self.spool.part(block, name), rows)

    def codes(self, block: int, name: str) -> Part:
        """The codes of a column of text; see `Recorder`."""
        rows = self.spool.lengths[block]
        return self.recorders[name].codes(self.spool.part(block, name), rows)

    def table(self, block: int) -> Table:
        """The rows of a block, numbered as in the file."""
        columns = {name: self.column(block, name) for name in self.recorders}
        return Table(columns, self._numbers(block))

    def row_number(self, block: int) -> RowNumber:
        """From the index of a block's row to the row's number in the file."""
        return Table({}, self._numbers(block)).row_number

    def _numbers(self, block: int) -> Rows | int:
        numbers = self.spool.part(block, _NUMBERS)
        return self.firsts[block] if numbers is None else numbers

    def add(self, piece: Table) -> None:
        """Add the rows of a piece that have a target.

        Raises:
            Reconsidered, DataError: as `Recorder.store`.
        """
        known = ~missing(piece[self.target])
        self.dropped += len(piece) - int(known.sum())
        if not known.any():
            return
        kept = piece if known.all() else piece.take(known)
        parts = {
            name: self._recorder(name).store(column, kept.row_number)
            for name, column in kept.columns.items()
        }
        if kept is not piece:
            parts[_NUMBERS] = np.array([kept.row_number(i) for i in range(len(kept))])
        self.spool.append(len(kept), parts)
        self.firsts.append(kept.row_number(0))

    def _recorder(self, name: str) -> Recorder:
        if name not in self.recorders:
            ruling, dates = self.rulings.get(name, ""), name != self.target
            self.recorders[name] = Recorder(name, self.room, ruling, dates)
        return self.recorders[name]


def store(
    source: str,
    target: str | None,
    folder: str | os.PathLike[str],
    *,
    rows: int,
    room: int,
    na: Collection[str] = (),
    say: Say = lambda line: None,
    seen: Callable[[int], None] = lambda rows: None,
) -> Stored:
    """Read a file once, and again from its start if a column turns out to be of another kind.

    Kinds are those that reading the whole file would find: a column in which text comes late is text
    from its first row on. (In JSON lines, one with both booleans and numbers is text as well.)

    Args:
        source: the path of a file as `read_table` takes it.
        target: the column to learn; the last one without it.
        folder: where the rows are stored.
        rows: how many are in memory at once.
        room: bytes for the different values of a column of text.
        na: as `read_table`.
        say: told in a line why the file is read again.
        seen: told now and then how many rows were read.

    Raises:
        DataError: as `read_chunks`; the file changed meanwhile; or no row has a target.
        UnknownName: there is no such target.
        OSError: the disk is full.
    """
    rulings: dict[str, str] = {}
    before = _stamp(source)
    while True:
        spool = Spool(folder)
        try:
            stored = _stored(source, target, spool, rows, room, na, rulings, seen)
            if _stamp(source) != before:
                raise DataError(f"{source} was changed while it was read")
            return stored
        except Reconsidered as found:
            spool.close()
            rulings[found.name] = found.ruling
            say(_reconsidered(found))
        except BaseException:
            spool.close()
            raise


def _stored(
    source: str,
    target: str | None,
    spool: Spool,
    rows: int,
    room: int,
    na: Collection[str],
    rulings: Mapping[str, str],
    seen: Callable[[int], None],
) -> Stored:
    kinds: dict[str, Kind] = dict.fromkeys(rulings, "text")
    stored: Stored | None = None
    for piece in read_chunks(source, rows, na=na, kinds=kinds):
        stored = stored or Stored(spool, _target(piece, target), room, rulings)
        if (
            target is None and piece.names[-1] != stored.target
        ):  # lines of JSON may bring new columns
            raise DataError(
                f"{source}: the last column is {stored.target!r} at first and {piece.names[-1]!r} in a"
                " later row: name the target"
            )
        stored.add(piece)
        seen(len(stored) + stored.dropped)
    assert stored is not None  # read_chunks gives a piece or raises
    if not len(stored):
        raise DataError(f"the target {stored.target!r} is missing in every row")
    return stored


def _target(piece: Table, name: str | None) -> str:
    found = piece.names[-1] if name is None else name
    if found not in piece:
        raise unknown("column", found, piece.names)
    if len(piece.names) < 2:
        raise DataError(f"there is no column to learn {found!r} from: it is the only one")
    return found


def _stamp(source: str) -> tuple[int, int]:
    status = os.stat(source)
    return status.st_size, status.st_mtime_ns


def _reconsidered(found: Reconsidered) -> str:
    start = f"column {found.name!r} is read again"
    where = f"row {found.row} holds {str(found.value)[:80]!r}"
    if found.ruling != TEXT:
        return f"{start}: {where}, a date as {found.ruling}"
    if not isinstance(found.value, str):
        return f"{start}, as text, which it was before {where}"
    return f"{start}, as text: {where} (if it means a missing value, stop and name it with --na)"
