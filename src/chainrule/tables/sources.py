"""Where the bytes of a table come from: a file or the standard input, gzipped or not."""

from __future__ import annotations

import difflib
import gzip
import io
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from chainrule.errors import DataError, MissingFile

Stamp: TypeAlias = tuple[int, int, int, int]

_GZIP = b"\x1f\x8b"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\x7fELF": "a program",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


@dataclass(frozen=True)
class Source:
    """Bytes that can be read as often as needed.

    Attributes:
        where: what the source is called in messages.
        path: the file that holds the bytes; of the standard input, a temporary copy.
        gzipped: whether they are compressed in it.
        magic: the first bytes, uncompressed.
    """

    where: str
    path: Path
    gzipped: bool
    magic: bytes

    def open(self) -> io.BufferedReader:
        """The uncompressed bytes from their start; reading damaged ones raises DataError."""
        if not self.gzipped:
            return self.path.open("rb")
        return io.BufferedReader(_Unzipped(self.path, self.where), 1 << 20)


@contextmanager
def opened(name: str | os.PathLike[str]) -> Iterator[Source]:
    """The source of that name, "-" being the standard input, which is copied to a temporary file.

    Raises:
        MissingFile: there is no such file; the text names the one nearest to it in its folder.
        DataError: it is empty, a folder, not readable, or of a format that no table has; or it was
            changed meanwhile.
    """
    if os.fspath(name) != "-":
        with unchanged(os.fspath(name)):
            yield _source(os.fspath(name), Path(name))
        return
    with tempfile.NamedTemporaryFile(prefix="chainrule-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield _source("standard input", Path(copy.name))


@contextmanager
def unchanged(path: str, stamp: Stamp | None = None) -> Iterator[None]:
    """Refuse what was read from a file in here, if the file was written to or replaced meanwhile.

    Args:
        path: of the file.
        stamp: as the file was when it was first looked at; as it is now without it.

    Raises:
        DataError: it was changed; whatever else was raised in here comes from that.
    """
    before = stamp or stamp_of(path)
    try:
        yield
    except Exception as error:
        if stamp_of(path) not in (before, None):
            raise _changed(path) from error
        raise
    if stamp_of(path) not in (before, None):  # where it is gone, what was opened stays whole
        raise _changed(path)


def stamp_of(path: str) -> Stamp | None:
    """What changes when a file is written to or replaced: its identity, size and time. None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _changed(path: str) -> DataError:
    return DataError(f"{path} was changed while it was read: begin again when it is complete")


def _source(where: str, path: Path) -> Source:
    _must_be_readable(where, path)
    gzipped = _start(path) == _GZIP
    source = Source(where, path, gzipped, b"")
    with source.open() as file:
        magic = file.read(16)
    foreign = next((name for start, name in _FOREIGN.items() if magic.startswith(start)), None)
    if foreign:
        raise DataError(
            f"{where} is {foreign}, not a table: CSV, TSV, JSON lines or Parquet, each also gzipped"
        )
    if not magic:
        raise DataError(f"{where} is empty")
    return Source(where, path, gzipped, magic)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)


def _must_be_readable(where: str, path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{where} is a folder, not a file")
    if not path.exists():
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        raise MissingFile(f"no such file: {where}" + (f"; did you mean {near[0]}?" if near else ""))
    if not os.access(path, os.R_OK):
        raise DataError(f"{where} cannot be read: permission denied")


class _Unzipped(io.RawIOBase):
    """The uncompressed bytes of a gzipped file; damage is said in one line."""

    def __init__(self, path: Path, where: str) -> None:
        self._file = gzip.open(path, "rb")  # noqa: SIM115 (closed in close)
        self._where = where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._file.readinto(buffer)
        except (EOFError, zlib.error, gzip.BadGzipFile) as damage:
            raise DataError(
                f"{self._where}: the compressed data are damaged or end too early"
            ) from damage

    def close(self) -> None:
        self._file.close()
        super().close()
