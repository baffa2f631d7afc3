"""Bad files: one line that says what and where, whether they are read whole or in pieces."""

from __future__ import annotations

import gzip
import os
import random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.errors import DataError, InvalidValue, MissingFile
from chainrule.tables import read_chunks, read_table
from chainrule.tables.row_groups import RowGroups

GOOD = "a,b,c\n" + "1,2,3\n" * 5000
NOISE = random.Random(0).randbytes(2000)

BAD = {
    "empty": (b"", "is empty$"),
    "blank": (b"\n  \n\n", "is empty: it holds blank lines only"),
    "only a header": (b"a,b\n", "holds no rows below its header"),
    "short row": (b"a,b,c\n1,2,3\n4,5\n6,7,8\n", "line 3 has 2 fields, the first has 3"),
    "long row": (b"a,b,c\n1,2,3\n4,5,6,7\n", "line 3 has 4 fields, the first has 3"),
    "first row long": (b"a,b\n1,2,3\n4,5,6\n", "line 2 has 3 fields, the first has 2"),
    "short row, late": (
        (GOOD + "4,5\n1,2,3\n").encode(),
        "line 5002 has 2 fields, the first has 3",
    ),
    "long row, late": ((GOOD + "4,5,6,7\n").encode(), "line 5002 has 4 fields, the first has 3"),
    "a short and a long row": (
        (GOOD + "4,5\n4,5,6,7\n").encode(),
        "line 5002 has 2 fields, the first has 3",
    ),
    "a long and a short row": (
        (GOOD + "4,5,6,7\n4,5\n").encode(),
        "line 5002 has 4 fields, the first has 3",
    ),
    "short row among quotes": (
        (GOOD + '"x\ny",2,3\n\n1,2\n').encode(),
        "line 5005 has 2 fields, the first has 3",
    ),
    "open quote": (b'a,b,c\n1,"2,3\n4,5,6\n', "is a quote left open on line 2?"),
    "open quote, late": (
        (GOOD + '1,2,"3\n' + "4,5,6\n" * 2000).encode(),
        "a quote is left open, from about line 5002 on",
    ),
    "same name twice": (b"a,b,a\n1,2,3\n", "column name 'a' stands twice .columns 1 and 3."),
    "latin-1": ("a,b\n1,x\n2,café\n".encode("latin-1"), r"line 3, byte 6 .0xe9. is not UTF-8"),
    "latin-1, late": (
        (GOOD + "1,é,3\n").encode("latin-1"),
        r"line 5002, byte 3 .0xe9. is not UTF-8",
    ),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "is text in UTF-16, not a table"),
    "picture": (b"\x89PNG\r\n\x1a\n" + NOISE, "is a picture, not a table"),
    "workbook": (b"PK\x03\x04" + NOISE, "is a zip archive or an Excel workbook, not a table"),
    "noise": (b"\x01" + NOISE, r"line \d+(, byte \d+ .0x... is not UTF-8| holds NUL bytes)"),
    "NUL bytes": (b"a,b\n1,2\n\0\0\0\n", "line 3 holds NUL bytes: this is a binary file"),
    "long line": (b"a,b\n1," + b"x" * 100_000_000 + b"\n", "line 2 is longer than 16 MB"),
    "one long line": (b"1," * 20_000_000, "line 1 is longer than 16 MB"),
    "truncated gzip": (gzip.compress(GOOD.encode() + NOISE)[:-900], "compressed data are damaged"),
    "beyond the last column": (
        (("a,b,\n" + "1,2,\n" * 500) + "1,2,3\n").encode(),
        "row 501 has a value beyond the last column",
    ),
    "JSON array": (b'[{"a": 1}]', "is a JSON array; write one JSON object per line"),
    "broken JSON": (b'{"a": 1}\n{"a": 2\n', "line 2 is not JSON: Expecting ',' delimiter"),
    "JSON without object": (b'{"a": 1}\n[1]\n', "line 2 is not a JSON object"),
    "JSON with a list": (b'{"a": 1, "b": 2}\n{"a": [1], "b": 2}\n', "line 2, 'a' holds a list"),
    "nested JSON": (b'{"a": ' + b"[" * 200_000 + b"\n", "line 1 is nested too deeply"),
    "count line with a wrong class": (
        b"3,1,u,v\n" + b"1.5,0\n2.5,1\n" * 99 + b"1,7\n",
        "row 199 is of class 7 of the first line's 2",
    ),
    "count line with a text for a class": (
        b"3,1,u,v\n" + b"1.5,0\n2.5,1\n" * 99 + b"1,x\n",
        "row 199 is of class 'x' of the first line's 2",
    ),
}


@pytest.mark.parametrize("how", ["whole", "in pieces"])
@pytest.mark.parametrize("what", BAD)
def test_one_line_says_what_and_where(tmp_path, what, how):
    data, words = BAD[what]
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as caught:
        read_table(path) if how == "whole" else list(read_chunks(path, 100))
    assert str(caught.value).startswith(f"{path}")
    assert "\n" not in str(caught.value)


def test_the_suffix_is_not_trusted(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is not a Parquet file: it does not start with PAR1"):
        read_table(path)
    pd.DataFrame({"a": range(1000)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    for read in (read_table, lambda p: list(read_chunks(p))):
        with pytest.raises(DataError, match="is a damaged Parquet file"):
            read(path)
    lines = tmp_path / "x.jsonl"
    lines.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="line 1 is not JSON"):
        read_table(lines)


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        (b"{", "its notes for pandas cannot be used"),
        (b"\xff", "its notes for pandas cannot be used"),
        (b'{"columns": [{}], "index_columns": [], "column_indexes": []}', "cannot be used"),
        (
            b'{"columns": [{"name": "b", "field_name": "a", "pandas_type": "int64", "numpy_type": "int64"}],'
            b' "index_columns": [], "column_indexes": []}',
            "its notes for pandas are of other columns",
        ),
    ],
)
def test_what_a_parquet_file_notes_for_pandas_is_damaged(tmp_path, notes, words):
    table = pa.table({"a": [1, 2, 3]}).replace_schema_metadata({b"pandas": notes})
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    for read in (read_table, lambda p: list(read_chunks(p)), RowGroups.of):
        with pytest.raises(DataError, match=f"{path} is a damaged Parquet file: .*{words}"):
            read(path)


def test_a_parquet_file_with_a_name_that_is_no_text(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"abcdefgh": [1, 2]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"\xff" * 8))
    for read in (read_table, lambda p: list(read_chunks(p)), RowGroups.of):
        with pytest.raises(DataError, match=f"{path} is a damaged Parquet file: .*utf-8"):
            read(path)


def test_no_such_file(tmp_path):
    (tmp_path / "churn.csv").write_text("a\n1\n")
    with pytest.raises(MissingFile, match=r"no such file: .*chrun.csv; did you mean churn.csv?"):
        read_table(tmp_path / "chrun.csv")
    with pytest.raises(MissingFile, match=r"no such file: .*nowhere/x.csv$"):
        list(read_chunks(tmp_path / "nowhere" / "x.csv"))
    with pytest.raises(DataError, match="is a folder, not a file"):
        read_table(tmp_path)


def test_no_permission(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(DataError, match="cannot be read: permission denied"):
        read_table(path)


def test_a_separator_is_one_character(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InvalidValue, match="one character"):
        read_table(path, separator="::")
