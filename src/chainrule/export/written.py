"""What an export wrote."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import MissingFile, ModelFileError
from chainrule.storage import replacing


@dataclass(frozen=True)
class Written:
    """Files, and what to know of them.

    Attributes:
        files: the one to use first.
        facts: a word and what it says, such as ("inputs", "age: number").
    """

    files: tuple[Path, ...]
    facts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """The files with their sizes, and the facts, a line each."""
        lines = [("written", f"{path}, {path.stat().st_size:,} bytes") for path in self.files]
        return "\n".join(f"{word:<8} {said}" for word, said in [*lines, *self.facts])


def write(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file; until it is whole, what was there stays.

    Raises:
        MissingFile, InvalidValue: as `check_target`.
        ModelFileError: the system refuses.
    """
    try:
        with replacing(path) as file:
            file.write(content)
    except MissingFile:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(f"{os.fspath(path)}: it cannot be written ({reason})") from error
    return Path(path)


def listed(names: list[str], most: int = 8) -> str:
    """The first of some names."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
