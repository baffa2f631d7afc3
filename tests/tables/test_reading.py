"""Files of every kind, whole and in pieces."""

from __future__ import annotations

import gzip
import io
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from chainrule.errors import MissingExtra
from chainrule.tables import read_chunks, read_table

FRAME = pd.DataFrame(
    {
        "age": [22.5, np.nan, 35.0, 41.0, 28.25],
        "count": [3, 1, 4, 1, 5],
        "town": ["Rome, IT", "Oslo", None, 'the "old" one', "São Paulo"],
        "member": [True, False, True, True, False],
    }
)
WRITERS = {
    "x.csv": lambda frame: frame.to_csv(index=False).encode(),
    "x.tsv": lambda frame: frame.to_csv(index=False, sep="\t").encode(),
    "semicolon.csv": lambda frame: frame.to_csv(index=False, sep=";", decimal=",").encode(),
    "windows.csv": lambda frame: frame.to_csv(index=False, lineterminator="\r\n").encode(
        "utf-8-sig"
    ),
    "x.jsonl": lambda frame: frame.to_json(orient="records", lines=True).encode(),
    "x.parquet": lambda frame: frame.to_parquet(),
}


def written(folder, name, gzipped):
    data = WRITERS[name](FRAME)
    path = folder / (name + ".gz" * gzipped)
    path.write_bytes(gzip.compress(data) if gzipped else data)
    return path


def as_expected(table):
    np.testing.assert_array_equal(table["age"], FRAME["age"])
    assert table["count"].tolist() == [3.0, 1.0, 4.0, 1.0, 5.0]
    assert table["town"].tolist() == ["Rome, IT", "Oslo", None, 'the "old" one', "São Paulo"]
    assert table["member"].tolist() == [True, False, True, True, False]


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format(tmp_path, name, gzipped):
    as_expected(read_table(written(tmp_path, name, gzipped)))


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_standard_input(tmp_path, monkeypatch, name, gzipped):
    data = written(tmp_path, name, gzipped).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    as_expected(read_table("-", separator="tab" if "tsv" in name else None))


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_pieces(tmp_path, name, gzipped):
    path = written(tmp_path, name, gzipped)
    pieces = list(read_chunks(path, 2, kinds={"town": "text", "age": "number"}))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert [piece.row_number(0) for piece in pieces] == [1, 3, 5]
    assert [value for piece in pieces for value in piece["town"].tolist()] == [
        "Rome, IT",
        "Oslo",
        None,
        'the "old" one',
        "São Paulo",
    ]


def test_a_large_file_is_read_as_pandas_reads_it(tmp_path):
    rows = 120_000
    numbers = np.random.default_rng(0).normal(size=(rows, 3))
    path = tmp_path / "x.csv"
    pd.DataFrame(numbers, columns=["a", "b", "c"]).to_csv(path, index=False)
    assert path.stat().st_size > 5 << 20  # pandas reads such with several threads
    table = read_table(path)
    np.testing.assert_array_equal(np.stack(list(table.columns.values()), axis=1), numbers)
    first, *_ = read_chunks(path)
    assert len(first) == 50_000


def test_a_column_whose_first_text_comes_late(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "01,2\n" * 1_100_000 + "x,3\n")
    table = read_table(path)
    assert table.kind("a") == "text"
    assert set(table["a"]) == {"01", "x"}
    assert table.kind("b") == "number"


def test_no_header(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("5.1,a\n4.9,b\n")
    table = read_table(path)
    assert table.names == ["column_1", "column_2"]
    assert table["column_1"].tolist() == [5.1, 4.9]


def test_spellings_of_missing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,c\n?,x,-999\n1, ?,5\n,NA,6\n")
    plain = read_table(path)
    assert [plain.kind(name) for name in "abc"] == ["text", "text", "number"]
    table = read_table(path, na=["?", "-999"])
    np.testing.assert_array_equal(table["a"], [np.nan, 1, np.nan])
    assert table["b"].tolist() == ["x", None, None]
    np.testing.assert_array_equal(table["c"], [np.nan, 5, 6])


def test_spellings_of_missing_in_other_formats(tmp_path):
    lines, parquet = tmp_path / "x.jsonl", tmp_path / "x.parquet"
    lines.write_text('{"a": "?", "b": -999}\n{"a": "x", "b": 1}\n')
    pd.DataFrame({"a": ["?", "x"]}).to_parquet(parquet)
    table = read_table(lines, na=["?", "-999"])
    assert table["a"].tolist() == [None, "x"]
    np.testing.assert_array_equal(table["b"], [np.nan, 1])
    assert read_table(parquet, na=["?"])["a"].tolist() == [None, "x"]


def test_known_kinds_keep_text_and_dates_as_they_stand(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("zip,n\n01234,1\n99999,2\n")
    assert read_table(path).kind("zip") == "number"
    assert read_table(path, kinds={"zip": "text", "n": "number"})["zip"].tolist() == [
        "01234",
        "99999",
    ]


def test_booleans_with_gaps(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\ntrue,1\nFalse,2\n,3\n")
    assert read_table(path)["a"].tolist() == [True, False, None]


def test_an_object_may_lack_keys(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n\n{"b": "x", "a": null}\n{"a": 2.5, "b": "y"}\n')
    table = read_table(path)
    np.testing.assert_array_equal(table["a"], [1, np.nan, 2.5])
    assert table["b"].tolist() == [None, "x", "y"]
    *_, last = read_chunks(path, 2)
    assert last.names == ["a", "b"]


def test_the_content_says_what_a_file_is(tmp_path):
    path = tmp_path / "x.dat"
    for data in (b'{"a": 1, "b": 2}\n', b"a,b\n1,2\n", FRAME[["count"]].to_parquet()):
        path.write_bytes(data)
        assert read_table(path)[read_table(path).names[0]].tolist()[0] in (1.0, 3.0)


def test_a_separator_at_every_end_makes_no_column(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,\n1,2,\n3,4,\n")
    assert read_table(path).names == ["a", "b"]


def test_blanks_between_fields(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("Chins Situps\n5  162\n 2\t110\n")
    assert read_table(path)["Situps"].tolist() == [162.0, 110.0]


def test_old_line_ends(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\r1,2\r3,4\r")
    assert read_table(path)["b"].tolist() == [2.0, 4.0]


def test_quoted_line_ends_and_gaps_in_the_last_column(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('a,b\n"one\ntwo",\n\nthree,"4"\n')
    table = read_table(path)
    assert table["a"].tolist() == ["one\ntwo", "three"]
    np.testing.assert_array_equal(table["b"], [np.nan, 4])


def test_the_files_of_scikit_learn():
    folder = f"{datasets.__path__[0]}/data"
    iris = read_table(f"{folder}/iris.csv")
    assert iris.names == ["column_1", "column_2", "column_3", "column_4", "class"]
    expected = datasets.load_iris()
    np.testing.assert_array_equal(
        np.stack([iris[n] for n in iris.names[:4]], axis=1), expected.data
    )
    assert iris["class"].tolist() == expected.target_names[expected.target].tolist()
    tumours = read_table(f"{folder}/breast_cancer.csv")
    assert (len(tumours.names), len(tumours)) == (31, 569)
    assert set(tumours["class"]) == {"malignant", "benign"}
    digits = read_table(f"{folder}/digits.csv.gz")
    assert (len(digits.names), len(digits)) == (65, 1797)
    raw = read_table(f"{folder}/diabetes_data_raw.csv.gz")
    assert (len(raw.names), len(raw)) == (10, 442)
    assert read_table(f"{folder}/linnerud_exercise.csv").names == ["Chins", "Situps", "Jumps"]


def test_memory_is_that_of_a_piece(tmp_path):
    """The pieces of a file of any length are read one after the other, never together."""
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 300_000)
    pieces = read_chunks(path, 1000)
    assert len(next(pieces)) == 1000
    assert sum(len(piece) for piece in pieces) == 299_000


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = written(tmp_path, "x.parquet", False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"pip install 'chainrule\[parquet\]'"):
        read_table(path)
