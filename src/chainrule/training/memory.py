"""Memory: sizes as people write them, how much there is, and how much a file would take."""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from chainrule.engines.compiled import cores
from chainrule.errors import DataError, InvalidValue
from chainrule.tables import Encoder, Table, read_chunks
from chainrule.tables.kinds import Column
from chainrule.tables.parquet import MAGIC, Parquet
from chainrule.tables.sources import Source, opened
from chainrule.tables.stored_encoders import CAP
from chainrule.training import recipe

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_ROWS, _FEWEST, _BYTES = 2_000, 50, 4 << 20  # of a file that are looked at
_TABLES = 4  # how often the table is in memory: as it is read, and what is made of it
PROGRAM = 200_000_000  # bytes that the interpreter and its libraries take, and some to spare
_OBJECT = 60  # bytes of a text besides its letters
# How often the matrix of all rows is in memory, measured: for one network; and of several for each
# that is trained at the same time, besides once for all.
_ALONE, _OF_SEVERAL = 1.4, 1.35


def parsed(text: str | int) -> int:
    """Bytes, from 500M, 2G, 1.5GiB or a plain number: K, M, G and T are powers of 1000, with i of 1024.

    Raises:
        InvalidValue: it is something else, or 0.
    """
    match = re.fullmatch(
        r"(\d+(?:\.\d+)?)\s*(?:([KMGT]?)B?|([KMGT])iB)", str(text).strip(), re.IGNORECASE
    )
    if match:
        unit = _BINARY[match[3].upper()] if match[3] else _UNITS[(match[2] or "").upper()]
        if (size := int(float(match[1]) * unit)) > 0:
            return size
    raise InvalidValue(f"memory is a size, as 500M, 2G or 1.5GiB; got {str(text)!r}")


def shown(size: float) -> str:
    """So many bytes, in a few letters."""
    for unit, bytes_ in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= bytes_:
            return f"{size / bytes_:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"


def free() -> int | None:
    """Bytes that programs could have without pushing others out; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    available = None if found is None else int(found.split()[1]) << 10
    return min((size for size in (available, _of_group()) if size is not None), default=None)


def _of_group() -> int | None:
    """What a control group, as of a container, leaves of its memory."""
    try:
        most = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text()
    except OSError:
        return None
    return None if most == "max" else max(0, int(most) - int(used))


@dataclass(frozen=True)
class Estimate:
    """What a file would take, judged by its size and its first rows.

    Attributes:
        rows: how many it has.
        text: bytes of a row in the file, unpacked.
        table: bytes of a row as a table.
        columns: how many there are.
        width: numbers of a row that one network takes.
        binned: numbers of a row that several networks take, whose columns get bins.
    """

    rows: int
    text: float
    table: float
    columns: int
    width: int
    binned: int

    @classmethod
    def of(cls, path: str, na: Collection[str] = ()) -> Estimate:
        """Of a file that can be read by its path.

        Raises:
            ChainruleError: it is no table; as `read_chunks`.
        """
        with opened(path) as source:
            rows, text = _extent(source)
        sample = next(read_chunks(path, max(_FEWEST, min(_ROWS, int(_BYTES / text))), na=na))
        numbers = sum(sample.kind(name) == "number" for name in sample.names)
        binned = _width(sample, recipe.CATEGORIES, recipe.bins(rows, numbers))
        size = max(rows, len(sample)), text, _bytes(sample), len(sample.names)
        return cls(*size, _width(sample, CAP), binned)

    def together(self, networks: int, bins: bool = True) -> float:
        """Bytes for the program and all rows at once.

        Args:
            networks: how many there are to train.
            bins: whether their columns of numbers get bins.
        """
        at_once = min(networks, cores())
        matrices = _ALONE if networks == 1 else 1 + _OF_SEVERAL * at_once
        row = 4 * (self.binned if bins else self.width) * matrices
        return PROGRAM + self.rows * (self.text + _TABLES * self.table + row)


def _extent(source: Source) -> tuple[int, float]:
    """How many rows a file has, exactly or nearly, and the bytes of each."""
    unpacked = _unpacked(source)
    if source.magic.startswith(MAGIC):
        rows = Parquet(source, ()).rows
        return rows, unpacked / max(1, rows)
    with source.open() as file:
        start = file.read(_BYTES)
    line = len(start) / max(1, start.count(b"\n"))
    return round(unpacked / line), line


def _unpacked(source: Source) -> float:
    """The bytes of a file; of a gzipped one as many as its beginning promises."""
    size = source.path.stat().st_size
    if not source.gzipped:
        return size
    with source.path.open("rb") as packed, gzip.open(packed) as file:
        plain = len(file.read(_BYTES))
        return plain if not file.read(1) else size * plain / packed.tell()


def _bytes(sample: Table) -> float:
    """Bytes of a row in memory."""
    return sum(map(_of_column, sample.columns.values())) / len(sample)


def _of_column(column: Column) -> float:
    if column.dtype.kind != "O":
        return float(column.nbytes)
    return float(column.nbytes + sum(_OBJECT + len(str(value)) for value in column.tolist()))


def _width(sample: Table, cap: int, bins: int = 0) -> int:
    try:
        return Encoder.fit(sample, cap=cap, bins=bins).width
    except DataError:  # nothing can be learned from these rows, which is said when all are read
        return len(sample.names)
