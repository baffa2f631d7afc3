"""A table on the disk in blocks of rows, column by column: written once, read as often as needed."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError

Part: TypeAlias = npt.NDArray[Any]  # of a column, shape (n,)
Place: TypeAlias = tuple[int, np.dtype[Any]]  # where a part begins, and of what type it is


class Spool:
    """Blocks of a table in a file without a name, which ends with the process, however that ends.

    Args:
        folder: where there is room for it.

    Raises:
        DataError: nothing can be written there.

    Attributes:
        lengths: how many rows each block has.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.lengths: list[int] = []
        self._folder = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (see close)
        except OSError as error:
            raise unwritable(folder, error) from error
        self._places: list[dict[str, Place]] = []
        self._end = 0

    def close(self) -> None:
        """Give the disk's room back."""
        self._file.close()

    def __len__(self) -> int:
        """How many rows there are."""
        return sum(self.lengths)

    def append(self, rows: int, parts: Mapping[str, Part]) -> None:
        """Add a block of so many rows; a column that it lacks has gaps in it.

        Raises:
            DataError: the disk is full.
        """
        self.lengths.append(rows)
        self._places.append({})
        for name, part in parts.items():
            self.put(len(self.lengths) - 1, name, part)

    def put(self, block: int, name: str, part: Part) -> None:
        """Add a column to a block.

        Raises:
            DataError: the disk is full.
        """
        self._places[block][name] = self._end, part.dtype
        self._file.seek(self._end)
        try:
            write_all(self._file, part)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        self._end += part.nbytes

    def part(self, block: int, name: str) -> Part | None:
        """A column of a block; None where the block lacks it."""
        place = self._places[block].get(name)
        if place is None:
            return None
        start, dtype = place
        part = np.empty(self.lengths[block], dtype)
        self._file.seek(start)
        read_all(self._file, part)
        return part


def unwritable(where: str | os.PathLike[str], error: OSError) -> DataError:
    """The error for rows that the disk does not take."""
    reason = error.strerror or error
    return DataError(
        f"{os.fspath(where)}: the rows cannot be put on the disk there ({reason});"
        " name another place for the cache (--cache)"
    )


def write_all(file: io.FileIO, array: Part) -> None:
    """Write the bytes of an array where the file stands.

    Raises:
        OSError: the disk is full.
    """
    data = memoryview(_bytes(np.ascontiguousarray(array)))
    while data:
        data = data[file.write(data) :]


def read_all(file: io.FileIO, array: Part) -> None:
    """Fill a contiguous array with the bytes from where the file stands.

    Raises:
        EOFError: the file ends too early.
    """
    data = memoryview(_bytes(array))
    while data:
        count = file.readinto(data)
        if not count:
            raise EOFError
        data = data[count:]


def _bytes(array: Part) -> Any:
    return array.reshape(-1).view(np.uint8)
