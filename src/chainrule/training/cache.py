"""The rows of a file as a network takes them, on the disk: encoded once, read in each epoch.

A cache is a safetensors file. Its arrays are `X` and `t`, the rows to train on, and `check.X` and
`check.t`, those to validate on, in the order of the file; its metadata say of what file and of which
settings they are, and with which encoders they were made.
"""

from __future__ import annotations

import contextlib
import glob
import io
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from chainrule.arrays import Array, DType
from chainrule.errors import InvalidValue, ModelFileError
from chainrule.storage import check_target
from chainrule.storage.atomic import sync_folder
from chainrule.tables import Encoder, TargetEncoder
from chainrule.tables.spool import read_all, unwritable, write_all

_KEY = "chainrule-cache"
_NAMES = {"float32": "F32", "float64": "F64"}
_LONGEST = 64 << 20  # bytes of a header
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Contents:
    """What a cache says of its rows.

    Attributes:
        identity: of what file and which settings they are.
        encoder, target: that they were encoded with.
        rows: how many there are to train on.
        checked: how many to validate on.
        dropped: how many had no target.
        shares: of the classes among the rows to train on; none of numbers.
        error: by what share of ranks the medians that fill gaps may be off.
        dtype: of the numbers.
    """

    identity: Mapping[str, Any]
    encoder: Encoder
    target: TargetEncoder
    rows: int
    checked: int
    dropped: int
    shares: tuple[float, ...]
    error: float
    dtype: DType

    def to_json(self) -> str:
        """As text; floats survive exactly."""
        arrays = {name: array.tolist() for name, array in self.encoder.arrays().items()}
        return json.dumps(
            {
                "identity": self.identity,
                "encoder": self.encoder.to_json(),
                "scales": arrays,
                "target": self.target.to_json(),
                "dropped": self.dropped,
                "shares": self.shares,
                "error": self.error,
            }
        )

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Of the arrays, in their order in the file."""
        d = self.encoder.width
        return {
            "X": (self.rows, d),
            "t": (self.rows, 1),
            "check.X": (self.checked, d),
            "check.t": (self.checked, 1),
        }

    def header(self) -> bytes:
        """The start of the file, before the arrays."""
        told: dict[str, Any] = {"__metadata__": {_KEY: self.to_json()}}
        for name, (start, end) in self._offsets.items():
            type_, shape = _NAMES[self.dtype], self.shapes[name]
            told[name] = {"dtype": type_, "shape": shape, "data_offsets": [start, end]}
        text = json.dumps(told).encode()
        text += b" " * (-(8 + len(text)) % 64)
        return len(text).to_bytes(8, "little") + text

    @property
    def starts(self) -> dict[str, int]:
        """Where each array begins in the file."""
        first = len(self.header())
        return {name: first + start for name, (start, _) in self._offsets.items()}

    @property
    def extent(self) -> int:
        """Bytes of the whole file."""
        return len(self.header()) + max(end for _, end in self._offsets.values())

    @property
    def _offsets(self) -> dict[str, tuple[int, int]]:
        sizes = [rows * columns * self.size for rows, columns in self.shapes.values()]
        return dict(zip(self.shapes, pairwise(accumulate(sizes, initial=0)), strict=True))

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return np.dtype(self.dtype).itemsize

    @classmethod
    def from_header(cls, text: bytes) -> Contents:
        """What the text of a header says.

        Raises:
            ModelFileError: it is no cache's.
        """
        try:
            told = json.loads(text)
            meta = json.loads(told["__metadata__"][_KEY])
            found = cls(
                identity=meta["identity"],
                encoder=Encoder.from_json(meta["encoder"], meta["scales"]),
                target=TargetEncoder.from_json(meta["target"]),
                rows=int(told["X"]["shape"][0]),
                checked=int(told["check.X"]["shape"][0]),
                dropped=int(meta["dropped"]),
                shares=tuple(map(float, meta["shares"])),
                error=float(meta["error"]),
                dtype="float32" if told["X"]["dtype"] == _NAMES["float32"] else "float64",
            )
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ModelFileError("it is no cache") from error
        if len(found.shares) != len(found.target.classes):
            raise ModelFileError("it does not add up")
        return found


class Cache:
    """A cache, open.

    Attributes:
        path: of the file.
        contents: what it says of its rows.
    """

    def __init__(self, path: Path, file: io.FileIO, contents: Contents) -> None:
        self.path, self.contents, self._file = path, contents, file
        self._starts = contents.starts

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @classmethod
    def open(cls, path: Path) -> Cache:
        """A cache that is there.

        Raises:
            ModelFileError: it is none, or not whole.
            OSError: it cannot be read.
        """
        file = io.FileIO(path)
        try:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= _LONGEST:
                raise ModelFileError("it is no cache")
            cache = cls(path, file, Contents.from_header(_exactly(file, length)))
            if cache.contents.extent != os.fstat(file.fileno()).st_size:
                raise ModelFileError("it is not whole")
            return cache
        except BaseException:
            file.close()
            raise

    def read(self, part: str, first: int, X: Array, t: Array) -> None:
        """Fill X and t with rows that follow each other.

        Args:
            part: "" for the rows to train on, "check." for those to validate on.
            first: the number of the first row, from 0.
            X: as many rows as wanted, C-contiguous.
            t: as many targets.

        Raises:
            ModelFileError: the file was cut short meanwhile, or a target is no class, which an engine
                would take for a place in memory.
        """
        try:
            for name, array in ((f"{part}X", X), (f"{part}t", t)):
                self._at(name, first)
                read_all(self._file, array)
        except EOFError as error:
            raise self._damaged() from error
        classes = len(self.contents.target.classes)
        if classes and not ((t >= 0) & (t < classes)).all():
            raise self._damaged()

    def write(self, part: str, first: int, X: Array, t: Array) -> None:
        """Put rows where `read` finds them.

        Raises:
            OSError: the disk is full.
        """
        for name, array in ((f"{part}X", X), (f"{part}t", t)):
            self._at(name, first)
            write_all(self._file, array)

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Give a new file its size and header, and bring what follows on to the disk.

        Raises:
            OSError: the disk is full.
        """
        self._file.truncate(self.contents.extent)
        self._file.seek(0)
        write_all(self._file, np.frombuffer(self.contents.header(), np.uint8))
        yield
        os.fsync(self._file.fileno())

    def _damaged(self) -> ModelFileError:
        return ModelFileError(f"the cache {self.path} is damaged: delete it")

    def _at(self, name: str, row: int) -> None:
        self._file.seek(
            self._starts[name] + row * self.contents.shapes[name][1] * self.contents.size
        )


def found(path: Path, identity: Mapping[str, Any]) -> Cache | None:
    """The cache of that file and those settings, if it is there and whole.

    Raises:
        InvalidValue: something else than a cache has the name.
    """
    try:
        cache = Cache.open(path)
    except FileNotFoundError:
        return None
    except ModelFileError as error:
        if path.stat().st_size and not _is_cache(path):
            raise InvalidValue(
                f"{path} is there and is no cache: name another file with --cache"
            ) from error
        return None
    if cache.contents.identity == json.loads(json.dumps(identity)):
        return cache
    cache.__exit__()
    return None


def written(path: Path, contents: Contents, fill: Callable[[Cache], None]) -> Cache:
    """A new cache, open, which takes its name when it is whole.

    Until then it has a name of its own in the same folder.

    Args:
        path: the name; what has it is replaced.
        contents: what it says of its rows.
        fill: writes them.

    Raises:
        MissingFile, InvalidValue: as `check_target`.
        DataError: the system refuses, as where the disk is full.
    """
    target = check_target(path)
    temporary = target.with_name(f"{target.name}.{secrets.token_hex(8)}{_PARTIAL}")
    try:
        file = io.FileIO(temporary, "x+")
        try:
            _claim(file)
            return _filled(Cache(target, file, contents), temporary, fill)
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


def _filled(cache: Cache, temporary: Path, fill: Callable[[Cache], None]) -> Cache:
    with cache.begun():
        fill(cache)
    os.replace(temporary, cache.path)
    sync_folder(cache.path.parent)
    return cache


def remove_abandoned(target: Path) -> None:
    """Remove the unfinished caches of that name which no process is writing any more."""
    for path in target.parent.glob(f"{glob.escape(target.name)}.*{_PARTIAL}"):
        # An error means that another process is writing it, or has removed it.
        with contextlib.suppress(OSError), io.FileIO(path, "r+") as file:
            _claim(file)
            path.unlink()


def _claim(file: io.FileIO) -> None:
    """Say that this process has the file; the system forgets it when the process ends.

    Raises:
        OSError: another process has it.
    """
    if os.name == "posix":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_cache(path: Path) -> bool:
    """Whether a file begins as a cache does, whole or not."""
    with path.open("rb") as file:
        return _KEY.encode() in file.read(1 << 10)


def _exactly(file: io.FileIO, length: int) -> bytes:
    data = np.empty(length, np.uint8)
    try:
        read_all(file, data)
    except EOFError as error:
        raise ModelFileError("it is not whole") from error
    return data.tobytes()
