"""Row groups of Parquet files: which there are, and which of them each process reads."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.errors import DataError, InvalidValue, MissingFile, UnknownName
from chainrule.tables import Table, read_table, row_groups
from chainrule.tables.row_groups import RowGroups, read

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of the columns x and y with row groups of these sizes."""

    def file(name: str, *sizes: int, start: int = 0, **more: Any) -> str:
        path = tmp_path / name
        schema = pa.schema([("x", pa.float64()), ("y", pa.int64())])
        with pq.ParquetWriter(path, schema) as writer:
            for size in sizes:
                x = np.arange(start, start + size)
                writer.write_table(pa.table([x.astype(float), x % 2], schema=schema), size or 1)
                start += size
        return str(path)

    return file


def numbers(groups: RowGroups) -> list[float]:
    return [x for piece in read(groups.groups, ["x"]) for x in piece.table["x"].tolist()]


def test_a_folder_a_pattern_a_file_and_a_list(write: Write, tmp_path: Path) -> None:
    b, a = write("b.parquet", 3, start=5), write("a.parquet", 2, 3)
    (tmp_path / "notes.txt").write_text("no table")
    found = RowGroups.of(tmp_path)
    assert [
        (Path(g.path).name, g.index, g.rows, g.first, g.first_in_file) for g in found.groups
    ] == [
        ("a.parquet", 0, 2, 0, 0),
        ("a.parquet", 1, 3, 2, 2),
        ("b.parquet", 0, 3, 5, 0),
    ]
    assert found.names == ("x", "y")
    assert len(found) == 8
    assert RowGroups.of(str(tmp_path)) == RowGroups.of(str(tmp_path / "*.parquet")) == found
    assert RowGroups.of([a, b]) == found
    assert numbers(RowGroups.of(b)) == [5, 6, 7]
    assert numbers(RowGroups.of([b, Path(a)])) == [5, 6, 7, 0, 1, 2, 3, 4]


def test_row_groups_without_rows_are_left_out(write: Write) -> None:
    found = RowGroups.of(write("a.parquet", 2, 0, 1))
    assert [group.rows for group in found.groups] == [2, 1]
    assert numbers(found) == [0, 1, 2]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_every_row_is_in_one_share(write: Write, tmp_path: Path, world: int) -> None:
    write("a.parquet", 7, 1, 30, 2)
    write("b.parquet", 11, 5, start=40)
    write("c.parquet", 3, start=56)
    groups = RowGroups.of(tmp_path)
    shares = [groups.share(rank, world) for rank in range(world)]
    assert sorted(x for share in shares for x in numbers(share)) == list(range(59))
    assert sum(len(share.groups) for share in shares) == 7
    assert shares == [groups.share(rank, world) for rank in range(world)]


def test_shares_are_as_even_as_whole_row_groups_allow(write: Write) -> None:
    groups = RowGroups.of(write("a.parquet", 10, 20, 30, 40, 50, 60))
    assert [len(groups.share(rank, 2)) for rank in range(2)] == [110, 100]
    assert [len(groups.share(rank, 3)) for rank in range(3)] == [70, 70, 70]


def test_fewer_row_groups_than_processes(write: Write) -> None:
    groups = RowGroups.of(write("a.parquet", 100, 100))
    with pytest.raises(DataError) as caught:
        groups.share(0, 5)
    assert str(caught.value) == (
        "2 row groups cannot be split over 5 processes: write them with smaller row groups:"
        " row_group_size=10"
    )
    with pytest.raises(InvalidValue, match="a rank is 0 to 1 of 2 processes, got 2"):
        groups.share(2, 2)


def test_pieces_know_where_they_are(write: Write) -> None:
    groups = RowGroups.of(write("a.parquet", 5, 4))
    found = [
        (p.group.index, p.first, p.table["x"].tolist(), p.table.row_number(0))
        for p in read(groups.groups, ["x"], at_once=3)
    ]
    assert found == [
        (0, 0, [0, 1, 2], 1),
        (0, 3, [3, 4], 4),
        (1, 0, [5, 6, 7], 6),
        (1, 3, [8], 9),
    ]
    piece = list(read(groups.groups, ["x"], at_once=3))[1]
    assert piece.within(np.array([0, 2, 3, 4])).tolist() == [0, 1]


def test_wide_tables_are_read_in_fewer_rows(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = RowGroups.of(write("a.parquet", 10))
    monkeypatch.setattr(row_groups, "_VALUES", 8)
    assert [len(p.table) for p in read(groups.groups, ["x", "y"])] == [4, 4, 2]


def test_only_the_columns_that_are_asked_for(write: Write) -> None:
    groups = RowGroups.of(write("a.parquet", 4))
    assert [p.table.names for p in read(groups.groups, ["y"])] == [["y"]]


def test_the_columns_are_those_of_read_table(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]}, index=[7, 3])
    frame.to_parquet(path)  # pandas writes its index as a column
    groups = RowGroups.of(path)
    assert "__index_level_0__" in pq.read_schema(path).names
    assert list(groups.names) == read_table(path).names == ["x", "y"]
    (piece,) = read(groups.groups, groups.names)
    assert piece.table.names == ["x", "y"]


def test_pieces_without_a_value_keep_the_kinds_of_their_columns(tmp_path: Path) -> None:
    columns = {
        "text": ["a", "b", None, None],
        "flag": [True, False, None, None],
        "day": [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), None, None],
        "number": [1.0, 2.0, None, None],
        "choice": pa.array(["a", "b", None, None]).dictionary_encode(),
    }
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=2)
    groups = RowGroups.of(path)
    joined = Table.joined([piece.table for piece in read(groups.groups, groups.names)])
    whole = read_table(path)
    for name in whole.names:
        assert joined.kind(name) == whole.kind(name)
        np.testing.assert_array_equal(joined[name], whole[name])


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=f"there are no Parquet files {tmp_path}"):
        RowGroups.of(tmp_path)
    with pytest.raises(MissingFile, match="there are no Parquet files none-of-them/"):
        RowGroups.of("none-of-them/*.parquet")
    with pytest.raises(MissingFile, match="there are no Parquet files in an empty list"):
        RowGroups.of([])
    with pytest.raises(MissingFile, match="there are no Parquet files absent.parquet"):
        RowGroups.of(["absent.parquet"])


def test_a_file_that_went_away(write: Write) -> None:
    groups = RowGroups.of(write("a.parquet", 2))
    Path(groups.groups[0].path).unlink()
    with pytest.raises(MissingFile, match=r"a\.parquet is not there any more"):
        list(read(groups.groups, ["x"]))


def test_files_without_rows(write: Write) -> None:
    with pytest.raises(DataError, match=r"a\.parquet: the Parquet files have no rows"):
        RowGroups.of(write("a.parquet"))


def test_a_damaged_file(write: Write, tmp_path: Path) -> None:
    write("a.parquet", 2)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"b\.parquet is a damaged Parquet file: "):
        RowGroups.of(tmp_path)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"x": [1.0]}, "has no column 'y', and {a} has a column 'y' of type int64"),
        (
            {"x": [1.0], "y": ["yes"]},
            "has a column 'y' of type string, and {a} has a column 'y' of type int64",
        ),
        (
            {"x": [1.0], "y": [1], "z": [1]},
            "has a column 'z' of type int64, and {a} has no column 'z'",
        ),
    ],
)
def test_files_with_other_columns(
    write: Write, tmp_path: Path, columns: dict[str, list[Any]], said: str
) -> None:
    a, b = write("a.parquet", 2), tmp_path / "b.parquet"
    pq.write_table(pa.table(columns), b)
    with pytest.raises(DataError) as caught:
        RowGroups.of(tmp_path)
    told = said.format(a=a)
    assert str(caught.value) == f"{b} {told}: the files of one table have the same columns"


def test_the_order_of_columns_is_free(write: Write, tmp_path: Path) -> None:
    write("a.parquet", 1)
    pq.write_table(pa.table({"y": [1], "x": [8.0]}), tmp_path / "b.parquet")
    assert numbers(RowGroups.of(tmp_path)) == [0, 8]


def test_columns_of_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([[1], [2]], names=["x", "x"]), path)
    with pytest.raises(DataError, match="column name 'x' stands twice"):
        RowGroups.of(path)


def test_a_target_that_is_not_there(write: Write) -> None:
    path = write("a.parquet", 2)
    assert RowGroups.of(path, "y").names == ("x", "y")
    with pytest.raises(UnknownName, match="no column is called 'z'"):
        RowGroups.of(path, "z")
