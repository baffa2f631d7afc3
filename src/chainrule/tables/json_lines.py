"""JSON lines: an object per line, read with the standard library's json."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from chainrule.errors import DataError
from chainrule.tables.kinds import column_of, without
from chainrule.tables.lines import Inspected, Inspector
from chainrule.tables.sources import Source
from chainrule.tables.table import Table

_PLAIN = {str, int, float, bool, type(None)}


class JsonLines:
    """A file with a JSON object per line; a key that a line lacks is a missing value there.

    Args:
        source: the bytes.
        na: texts and numbers that stand for a missing value, besides null.
    """

    def __init__(self, source: Source, na: Collection[str]) -> None:
        self._source = source
        self._na = na
        self._names: dict[str, None] = {}  # of the lines so far, in order

    def whole(self) -> Table:
        """All rows."""
        return next(self.chunks(None), Table({}))

    def chunks(self, rows: int | None) -> Iterator[Table]:
        """The rows, so many at a time.

        Raises:
            DataError: a line is no JSON object, or holds a list or an object; with its number.
        """
        objects, first_row = self._objects(), 1
        while piece := list(islice(objects, rows)):
            yield self._table(piece, first_row)
            first_row += len(piece)

    def _objects(self) -> Iterator[dict[str, Any]]:
        inspector = Inspector(self._source.where)
        raw = Inspected(self._source.open(), inspector)
        with io.TextIOWrapper(io.BufferedReader(raw, 1 << 18), "utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.isspace():
                    yield self._object(line.strip(), number)

    def _object(self, line: str, number: int) -> dict[str, Any]:
        try:
            values = json.loads(line)
        except RecursionError as error:
            raise DataError(f"{self._source.where}: line {number} is nested too deeply") from error
        except ValueError as error:
            raise DataError(
                f"{self._source.where}: line {number} is not JSON: {getattr(error, 'msg', error)}"
            ) from error
        if not isinstance(values, dict):
            raise DataError(
                f'{self._source.where}: line {number} is not a JSON object like {{"name": 1}}'
            )
        if not _PLAIN.issuperset(map(type, values.values())):
            name, value = next(item for item in values.items() if type(item[1]) not in _PLAIN)
            what = type(value).__name__
            raise DataError(f"{self._source.where}: line {number}, {name!r} holds a {what}")
        self._names.update(dict.fromkeys(values))
        return values

    def _table(self, piece: list[dict[str, Any]], first_row: int) -> Table:
        columns = {
            name: column_of(without([values.get(name) for values in piece], self._na), name)
            for name in self._names
        }
        return Table(columns, first_row)
