"""Reading a table from a file, whole or in pieces; the file's first bytes say what it is."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from chainrule.errors import DataError
from chainrule.tables.delimited import Delimited
from chainrule.tables.json_lines import JsonLines
from chainrule.tables.kinds import Kind
from chainrule.tables.parquet import MAGIC, Parquet
from chainrule.tables.sources import Source, opened
from chainrule.tables.table import Table

_SUFFIXES = {".tsv": "\t", ".parquet": "Parquet", ".jsonl": "JSON lines", ".ndjson": "JSON lines"}
_NO_KINDS: Mapping[str, Kind] = MappingProxyType({})


def read_table(
    source: str | os.PathLike[str],
    *,
    na: Collection[str] = (),
    separator: str | None = None,
    kinds: Mapping[str, Kind] = _NO_KINDS,
) -> Table:
    """The table in a file: CSV, TSV, JSON lines or Parquet, each also gzipped.

    Args:
        source: a path, or "-" for the standard input.
        na: spellings of a missing value besides the usual ones (empty, NA, NaN, null, None, …).
        separator: between the fields of delimited text: one character, or tab, comma, semicolon,
            space. Sniffed without it, as is the header.
        kinds: columns whose kinds are known, as an encoder knows them (`Encoder.kinds`): text among
            them is not taken for numbers, and a first line without any of their names is looked at
            more closely.

    Raises:
        MissingFile: there is no such file.
        DataError: it is empty, no table, damaged or ragged; the text says where.
        MissingExtra: it is a Parquet file and pyarrow is not installed.
    """
    with opened(source) as bytes_:
        table = _reader(bytes_, na, separator, kinds).whole()
        if not len(table):
            raise DataError(f"{bytes_.where} holds no rows below its header")
        return table


def read_chunks(
    source: str | os.PathLike[str],
    rows: int = 50_000,
    *,
    na: Collection[str] = (),
    separator: str | None = None,
    kinds: Mapping[str, Kind] = _NO_KINDS,
) -> Iterator[Table]:
    """The same, piece by piece: memory for so many rows is enough for any file.

    Each piece knows the number of its first row. The arguments and errors are those of
    `read_table`; errors come with the piece that they are in.
    """
    with opened(source) as bytes_:
        empty = True
        for table in _reader(bytes_, na, separator, kinds).chunks(rows):
            if len(table):
                empty = False
                yield table
        if empty:
            raise DataError(f"{bytes_.where} holds no rows below its header")


def _reader(
    source: Source, na: Collection[str], separator: str | None, kinds: Mapping[str, Kind]
) -> Delimited | JsonLines | Parquet:
    suffix = _suffix(source)
    if source.magic.startswith(MAGIC):
        return Parquet(source, na)
    if suffix == "Parquet":
        raise DataError(f"{source.where} is not a Parquet file: it does not start with PAR1")
    start = source.magic.removeprefix(b"\xef\xbb\xbf").lstrip()
    if suffix == "JSON lines" or (separator is None and start.startswith(b"{")):
        return JsonLines(source, na)
    if start.startswith((b"[{", b"[\n", b"[ ")):
        raise DataError(
            f"{source.where} is a JSON array; write one JSON object per line instead (JSON lines)"
        )
    return Delimited(source, na, separator or (suffix or None), kinds)


def _suffix(source: Source) -> str:
    """What the file's name says it is: a separator or a format; nothing where it says nothing."""
    name = source.where.lower().removesuffix(".gz")
    return next((what for suffix, what in _SUFFIXES.items() if name.endswith(suffix)), "")
