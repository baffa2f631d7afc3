"""Results as lines of JSON in a file: a cell that is there need not be computed again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from benchmarks.contest.cell import Cell

KEY = tuple(field.name for field in fields(Cell))


class Results:
    """What the file holds; of two lines for the same cell the later one counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[Cell, dict[str, Any]] = dict(_read(path)) if path.exists() else {}

    def __contains__(self, cell: Cell) -> bool:
        return cell in self.found

    def add(self, cell: Cell, result: Mapping[str, Any]) -> None:
        """Keep it here, and at the end of the file."""
        self.found[cell] = dict(result)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(cell) | dict(result)) + "\n")

    def newest(self, suite: str) -> dict[Cell, dict[str, Any]]:
        """Of a suite, and of each estimator only the version that was written last."""
        version = {cell.estimator: cell.version for cell in self.found}
        return {
            cell: result
            for cell, result in self.found.items()
            if cell.suite == suite and cell.version == version[cell.estimator]
        }


def _read(path: Path) -> Iterator[tuple[Cell, dict[str, Any]]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        yield Cell(**{name: entry.pop(name) for name in KEY}), entry
