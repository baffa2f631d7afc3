"""Files that are dropped on the page: how much of them is taken, and where their tables are kept."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO

from chainrule.errors import DataError, InvalidValue, UnknownName
from chainrule.tables import Table, read_chunks
from chainrule.tables.parquet import MAGIC
from chainrule.web import limits

_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet")
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20
_ITSELF = "the file"  # its place on the disk is nobody's business


class TooLarge(DataError):
    """A file beyond the limits."""


class Tables:
    """The tables of files that were dropped on the page or named in the command; by digest.

    Any thread may ask.
    """

    def __init__(self) -> None:
        self._tables: OrderedDict[str, Table] = OrderedDict()
        self._lock = Lock()

    def keep(self, digest: str, table: Table) -> None:
        """Keep a table; the one that was not used for the longest time makes room."""
        with self._lock:
            self._tables[digest] = table
            self._tables.move_to_end(digest)
            while len(self._tables) > limits.TABLES:
                self._tables.popitem(last=False)

    def find(self, digest: str) -> Table:
        """The table of a file.

        Raises:
            UnknownName: it is not here.
        """
        with self._lock:
            if digest not in self._tables:
                raise UnknownName("that file is not here: drop it on the page")
            self._tables.move_to_end(digest)
            return self._tables[digest]


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Whatever is wrong with a file is said with its name."""
    try:
        yield
    except DataError as error:
        text = str(error)
        raise type(error)(f"{name or _ITSELF}: {text.removeprefix(f'{_ITSELF}: ')}") from error


class Upload:
    """A file on its way in: its bytes are counted, hashed and put into a temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="chainrule-")  # noqa: SIM115
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Take a piece.

        Raises:
            TooLarge: it is one too many.
        """
        self._size += len(piece)
        if self._size > limits.UPLOAD:
            raise TooLarge(f"the file is larger than {limits.UPLOAD >> 20} MB")
        self._digest.update(piece)
        self._file.write(piece)

    def close(self) -> None:
        """Throw the temporary file away."""
        self._file.close()

    def table(self, name: str) -> tuple[str, Table]:
        """The digest of the file, and its table.

        Args:
            name: what the page calls it; only its ending is used.

        Raises:
            DataError: it is no table, or beyond the limits.
        """
        if not self._size:
            raise DataError("the file is empty")
        with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
            path = Path(folder, f"table{_ending(name)}")
            self._unpack(path)
            return self._digest.hexdigest(), read(path)

    def _unpack(self, path: Path) -> None:
        """Write the content, unpacked, and count it."""
        self._file.seek(0)
        packed = self._file.read(2) == _GZIP
        self._file.seek(0)
        source: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=self._file) if packed else self._file  # fmt: skip
        size = 0
        with path.open("wb") as target:
            try:
                while piece := source.read(_PIECE):
                    size += len(piece)
                    if size > limits.UNPACKED:
                        raise TooLarge(f"unpacked, the file is larger than {limits.UNPACKED >> 20} MB")  # fmt: skip
                    target.write(piece)
            except (EOFError, zlib.error, gzip.BadGzipFile) as damage:
                raise DataError("the compressed data are damaged or end too early") from damage


def read(path: Path) -> Table:
    """The table in a file, as far as the limits allow.

    Raises:
        DataError: it is no table, or beyond the limits.
    """
    _refuse_wide(path)
    parts: list[Table] = []
    rows = 0
    try:
        for part in read_chunks(path):
            rows += len(part)
            if rows > limits.ROWS:
                raise TooLarge(f"the table has more than {limits.ROWS:,} rows")
            if len(part.names) > limits.COLUMNS:
                raise TooLarge(_too_wide())
            parts.append(part)
    except DataError as error:
        raise type(error)(str(error).replace(str(path), _ITSELF)) from error
    if len(parts[0].names) < 2:
        raise DataError("the table has one column only: there is nothing to learn from")
    return Table.joined(parts)


def _refuse_wide(path: Path) -> None:
    """Look at the width before a reader makes columns of it."""
    with path.open("rb") as file:
        start = file.read(_PIECE)
    if start.startswith(MAGIC):
        _refuse_large_parquet(path)
        return
    line = start.splitlines()[0] if start else b""
    if len(line) == _PIECE or max(line.count(mark) for mark in (b",", b";", b"\t")) >= limits.COLUMNS:  # fmt: skip
        raise TooLarge(_too_wide())


def _refuse_large_parquet(path: Path) -> None:
    """Its own description says how much is in it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        described = pq.ParquetFile(path).metadata
    except (pa.ArrowException, OSError, UnicodeDecodeError) as damage:
        raise DataError(f"the Parquet file is damaged: {damage}") from damage
    size = sum(described.row_group(i).total_byte_size for i in range(described.num_row_groups))
    if described.num_rows > limits.ROWS:
        raise TooLarge(f"the table has more than {limits.ROWS:,} rows")
    if described.num_columns > limits.COLUMNS:
        raise TooLarge(_too_wide())
    if size > limits.UNPACKED:
        raise TooLarge(f"unpacked, the file is larger than {limits.UNPACKED >> 20} MB")


def _too_wide() -> str:
    return f"the table has more than {limits.COLUMNS} columns"


def _ending(name: str) -> str:
    """An ending that says what is in a file; none where the name says nothing."""
    plain = name.lower().removesuffix(".gz")
    return next((ending for ending in _ENDINGS if plain.endswith(ending)), "")


def described(name: str, digest: str, table: Table) -> dict[str, object]:
    """A table as the page is told of it.

    Raises:
        InvalidValue: the name is too long.
    """
    if len(name) > 200:
        raise InvalidValue("the name of a file has 200 letters at most")
    columns = [{"name": column, "kind": table.kind(column)} for column in table.names]
    return {"name": name, "file": digest, "rows": len(table), "columns": columns}
