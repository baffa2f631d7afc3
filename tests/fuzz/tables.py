"""The readers of tables: CSV, TSV, JSON lines and Parquet, gzipped or not; and what makes rows of their columns."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from chainrule.tables import Table, read_chunks, read_table
from chainrule.tables.row_groups import RowGroups, read
from chainrule.training.problem import Problem

from .mutation import changed, mutated
from .target import Target

_ROWS = 7  # of a piece


def _frame() -> pd.DataFrame:
    days = pd.date_range("2024-01-30", periods=30, freq="7h")
    return pd.DataFrame(
        {
            "id": range(30),
            "price, net": [None if i % 7 == 3 else i / 7 for i in range(30)],
            "when": days,
            "tëxt": [("a\nb", "x;y", 'q"', "ж", None)[i % 5] for i in range(30)],
            "ok": [i % 3 == 0 for i in range(30)],
            "kind": [("yes", "no")[i * i % 5 % 2] for i in range(30)],
        }
    )


@cache
def _texts() -> tuple[bytes, ...]:
    frame = _frame()
    counted = b"4,2,setosa,virginica\n" + b"".join(b"%d.5,%d,%d\n" % (i, i * i, i % 2) for i in range(4))  # fmt: skip
    return (
        frame.to_csv(index=False).encode(),
        b"\xef\xbb\xbf" + frame.to_csv(index=False, sep=";", decimal=",", lineterminator="\r\n").encode(),
        frame[["id", "price, net", "kind"]].to_csv(index=False, header=False).encode(),
        counted,
        b"a b  c\n" + b"".join(b"%d  %d.5 %d\n" % (i, i, i % 2) for i in range(20)),
        b"x|y|\n" + b"".join(b"%d|%d|\n" % (i, -i) for i in range(12)),
        frame.to_csv(index=False, sep="\t", quoting=1, na_rep="NA").encode(),
        b"n,t\n" + b"".join(b"%d,%s\n" % (i, [b"12:30", b"1 h", b"?"][i % 3]) for i in range(15)),
    )  # fmt: skip


@cache
def _json_lines() -> tuple[bytes, ...]:
    frame = _frame()
    lines = frame.to_json(orient="records", lines=True, date_format="iso").encode()
    gaps = b"".join(b'{"a": %d, "%s": null}\n' % (i, [b"b", b"c"][i % 2]) for i in range(12))
    return lines, gaps


@cache
def _parquet() -> tuple[bytes, ...]:
    frame = _frame()
    found = []
    for how in ({"row_group_size": 10}, {"compression": None}, {"compression": "gzip", "use_dictionary": False}, {"compression": "zstd", "data_page_version": "2.0"}):  # fmt: skip
        buffer = io.BytesIO()
        frame.to_parquet(buffer, **how)  # type: ignore[call-overload]
        found.append(buffer.getvalue())
    wide = pd.DataFrame({f"c{i}": [i, i + 1] for i in range(40)}).to_parquet()
    return *found, wide


@cache
def _gzipped() -> tuple[bytes, ...]:
    plain = (_texts()[0], _json_lines()[0], _parquet()[0])
    packed = [gzip.compress(data, mtime=0) for data in plain]
    return (*packed, packed[0] + packed[0])


def _of_json(chance: random.Random) -> bytes:
    """Lines of which one is changed as JSON is, or lines that are damaged as bytes are."""
    if chance.random() < 0.5:
        return mutated(_json_lines(), chance)
    lines = chance.choice(_json_lines()).splitlines()
    i = chance.randrange(len(lines))
    lines[i] = json.dumps(changed(json.loads(lines[i]), chance)).encode()
    return b"\n".join(lines)


def _of_gzip(chance: random.Random) -> bytes:
    """Damaged as it is, or inside."""
    if chance.random() < 0.5:
        return mutated(_gzipped(), chance)
    inside = chance.choice((_texts, _json_lines, _parquet))()
    return gzip.compress(mutated(inside, chance), 1, mtime=0)


def _fed(name: str) -> Callable[[bytes, Path], None]:
    def feed(data: bytes, folder: Path) -> None:
        """Read it whole and in pieces, and make rows of it."""
        path = folder / name
        path.write_bytes(data)
        table = read_table(path, na=("?",))
        pieces = list(read_chunks(path, _ROWS))
        assert sum(map(len, pieces)) == len(table)
        _learn(table)

    return feed


def _learn(table: Table) -> None:
    problem = Problem.of(table, validation=0)
    assert len(problem.X) == len(problem.y) == problem.rows


def _feed_row_groups(data: bytes, folder: Path) -> None:
    """Read a Parquet file whole, in pieces, and row group by row group."""
    _fed("data.parquet")(data, folder)
    groups = RowGroups.of(folder / "data.parquet")
    assert sum(len(piece.table) for piece in read(groups.groups, groups.names, _ROWS)) == len(groups)  # fmt: skip


def _of(seeds: Callable[[], Sequence[bytes]]) -> Callable[[random.Random], bytes]:
    return lambda chance: mutated(seeds(), chance)


TARGETS = (
    Target("text", _of(_texts), _fed("data.csv")),
    Target("json-lines", _of_json, _fed("data.jsonl")),
    Target("gzip", _of_gzip, _fed("data.gz")),
    Target("parquet", _of(_parquet), _feed_row_groups),
)
