"""What an export wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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


def listed(names: list[str], most: int = 8) -> str:
    """The first of some names."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
