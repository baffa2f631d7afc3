"""From a file to its cache: read once, encoded from the disk, and found again the next time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import DType
from chainrule.errors import DataError
from chainrule.storage import check_target
from chainrule.tables import TargetEncoder
from chainrule.tables.stored import Say, Stored, store
from chainrule.tables.stored_encoders import Statistics
from chainrule.training import rows
from chainrule.training.cache import Cache, Contents, found, remove_abandoned, written
from chainrule.training.memory import Estimate, shown
from chainrule.version import __version__

HOLD = 1 << 20  # numbers of a column that are held at once: up to 32 MB
ROOM = 24_000_000  # bytes for the different texts of all columns
_FORMAT = 1
_AT_MOST = 50_000  # rows that are read at once
_EVERY = 2.0  # seconds between two lines on how far it is


@dataclass(frozen=True)
class Reading:
    """What decides what a cache holds.

    Attributes:
        path: of the file.
        target: the column to learn; None for the last one.
        task: "classification" or "regression"; None to infer it.
        validation: share of the rows set aside.
        seed: of the choice of these rows.
        na: texts that mean a missing value.
        dtype: of the numbers.
        spare: bytes of memory that may be used; of no influence on what it holds.
    """

    path: str
    target: str | None
    task: str | None
    validation: float
    seed: int
    na: tuple[str, ...]
    dtype: DType
    spare: int

    def identity(self) -> dict[str, Any]:
        """What a cache has to agree with; the file counts by its name, size and time."""
        status = os.stat(self.path)
        return {
            "format": _FORMAT,
            "version": __version__,
            "path": os.path.realpath(self.path),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "target": self.target,
            "task": self.task,
            "validation": self.validation,
            "seed": self.seed if self.validation else None,
            "na": list(self.na),
            "dtype": self.dtype,
        }


def place(path: str, cache: str | os.PathLike[str] | None) -> Path:
    """Where the cache of a file is: beside it, in a folder, or under a name of its own."""
    if cache is None:
        return Path(f"{path}.cache")
    return Path(cache) / f"{Path(path).name}.cache" if Path(cache).is_dir() else Path(cache)


def cached(reading: Reading, path: Path, say: Say) -> tuple[Cache, bool]:
    """The cache of a file, made if it is not there; and whether it was there.

    Args:
        reading: what it holds.
        path: of the cache.
        say: told how far it is.

    Raises:
        ChainruleError: the file cannot be learned from, or the cache not be written.
    """
    identity = reading.identity()
    cache = found(path, identity)
    return (_made(reading, path, identity, say), False) if cache is None else (cache, True)


def _made(reading: Reading, path: Path, identity: Mapping[str, Any], say: Say) -> Cache:
    check_target(path)
    remove_abandoned(path)
    estimate = Estimate.of(reading.path, reading.na)
    with store(
        reading.path,
        reading.target,
        path.parent,
        rows=_rows_at_once(estimate, reading.spare),
        room=ROOM // estimate.columns,
        na=reading.na,
        say=say,
        seen=_Told(estimate.rows, say),
    ) as stored:
        if reading.validation:
            stored.split(rows.validates(len(stored), reading.validation, reading.seed))
        contents = _contents(reading, stored, identity)
        _must_fit(path, contents)
        return written(path, contents, lambda cache: _fill(cache, stored))


def _rows_at_once(estimate: Estimate, spare: int) -> int:
    """How many rows are in memory at once: their text, its fields, the table twice, and encoded."""
    row = 2 * estimate.text + 8 * estimate.columns + 2 * estimate.table + 12 * estimate.width
    return max(100, min(_AT_MOST, int(0.75 * spare / row)))


def _contents(reading: Reading, stored: Stored, identity: Mapping[str, Any]) -> Contents:
    statistics = Statistics(stored, HOLD)
    target = statistics.target(reading.task)
    encoder, error = statistics.encoder()
    checked, counts = 0, np.zeros(len(target.classes), np.int64)
    for block in stored.blocks:
        marks = stored.checked(block)
        checked += int(marks.sum())
        if target.classes:
            codes = _encoded(stored, block, target)[~marks]
            counts += np.bincount(codes, minlength=len(counts))
    known = len(stored) - checked
    return Contents(
        identity, encoder, target, known, checked, stored.dropped,
        tuple((counts / known).tolist()), error, reading.dtype,
    )  # fmt: skip


def _encoded(stored: Stored, block: int, target: TargetEncoder) -> npt.NDArray[Any]:
    column = stored.column(block, target.name)
    return target.encode(column, stored.row_number(block))


def _must_fit(path: Path, contents: Contents) -> None:
    """Refuse what the disk has no room for, before it is full."""
    wanted, there = contents.extent, shutil.disk_usage(path.parent).free
    if wanted > there:
        raise DataError(
            f"the cache {path} takes {shown(wanted)}, and the disk has {shown(there)} left:"
            " name another place for it (--cache)"
        )


def _fill(cache: Cache, stored: Stored) -> None:
    contents, firsts = cache.contents, {"": 0, "check.": 0}
    for block in stored.blocks:
        table, marks = stored.table(block), stored.checked(block)
        X = contents.encoder.transform(table, contents.dtype, ignore=[stored.target])
        t = _encoded(stored, block, contents.target).astype(contents.dtype).reshape(-1, 1)
        for part, chosen in (("", ~marks), ("check.", marks)):
            cache.write(part, firsts[part], X[chosen], t[chosen])
            firsts[part] += int(chosen.sum())


class _Told:
    """Says now and then how many rows were read."""

    def __init__(self, rows: int, say: Say) -> None:
        self._rows, self._say = rows, say
        self._next = perf_counter() + _EVERY

    def __call__(self, rows: int) -> None:
        if perf_counter() >= self._next:
            self._next = perf_counter() + _EVERY
            share = min(99, round(100 * rows / self._rows))
            self._say(f"read {rows:,} rows, about {share} %")
