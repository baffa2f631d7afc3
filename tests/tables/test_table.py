"""Columns of four kinds, from frames, mappings and arrays."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from chainrule.errors import DataError, ShapeError, UnknownName
from chainrule.tables import Table
from chainrule.tables.kinds import as_text, column_of, kind_of, missing


@pytest.mark.parametrize(
    ("values", "kind", "gaps"),
    [
        ([1, 2, 3], "number", 0),
        ([1.5, None, float("nan")], "number", 2),
        ([decimal.Decimal("1.5"), 2], "number", 0),
        ([True, False], "boolean", 0),
        ([True, None], "boolean", 1),
        (["a", None, "b"], "text", 1),
        (["a", 1, True], "text", 0),
        ([None, None], "number", 2),
        ([datetime.date(2020, 1, 1), None], "date", 1),
        ([np.datetime64("2020-01-01"), np.datetime64("NaT")], "date", 1),
        (np.array(["x", "y"]), "text", 0),
        (np.array([1, 2], dtype="m8[s]"), "number", 0),
        ([pd.NA, 1], "number", 1),
        ([pd.NaT, pd.Timestamp("2020-01-01")], "date", 1),
    ],
)
def test_values_become_a_column_of_one_kind(values, kind, gaps):
    column = column_of(values, "x")
    assert kind_of(column) == kind
    assert len(column) == len(values)
    assert missing(column).sum() == gaps


def test_column_values():
    assert column_of([1, None], "x").tolist()[0] == 1.0
    assert column_of([decimal.Decimal("1.5")], "x").dtype == np.float64
    assert column_of(["a", 1, 2.0, 2.5, True], "x").tolist() == ["a", "1", "2", "2.5", "True"]
    assert column_of(np.array([1500], dtype="m8[ms]"), "x").tolist() == [1.5]
    assert column_of([10**400, -(10**400)], "x").tolist() == [np.inf, -np.inf]


def test_a_time_with_a_zone_becomes_universal():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    column = column_of([datetime.datetime(2020, 1, 1, 1, tzinfo=zone)], "x")
    assert column[0] == np.datetime64("2019-12-31T23:00:00")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            [[1], [2, 3]],
            "column 'x' holds values of type list, not numbers, text, booleans or dates",
        ),
        ([1 + 2j], "column 'x' holds values of type complex"),
        (np.array([1j]), "column 'x' holds values of type complex128"),
    ],
)
def test_what_no_column_holds_is_refused(values, text):
    with pytest.raises(DataError, match=text):
        column_of(values, "x")


def test_as_text():
    assert as_text(np.array([1.0, 2.5, np.nan])) == ["1", "2.5", None]
    assert as_text(np.array([True, False])) == ["True", "False"]
    assert as_text(column_of([True, None], "x")) == ["True", None]
    assert as_text(np.array(["2020-01-01", "NaT"], dtype="M8[D]")) == ["2020-01-01", None]


def test_a_pandas_frame():
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "f": [1.5, 2.5],
            "s": ["a", None],
            "c": pd.Categorical([3, None]),
            "b": pd.array([True, None], dtype="boolean"),
            "t": pd.to_datetime(["2020-01-01", "2020-06-01"]).tz_localize("Europe/Paris"),
            "p": pd.period_range("2020-01", periods=2, freq="M"),
            7: [1, 2],
        }
    )
    table = Table.of(frame)
    assert table.names == ["i", "f", "s", "c", "b", "t", "p", "7"]
    kinds = ["number", "number", "text", "text", "boolean", "date", "date", "number"]
    assert [table.kind(name) for name in table.names] == kinds
    assert table["c"].tolist() == ["3", None]
    assert table["b"].tolist() == [True, None]
    assert table["t"][0] == np.datetime64("2019-12-31T23:00:00")
    assert table["p"][1] == np.datetime64("2020-02-01")


def test_numbers_of_a_frame_are_not_copied():
    frame = pd.DataFrame({"a": np.arange(4.0), "b": np.arange(4.0)})
    assert np.shares_memory(Table.of(frame)["a"], frame["a"].to_numpy())


def test_frames_of_other_libraries_and_mappings_and_arrays():
    arrow = Table.of(pa.table({"a": [1, None], "b": ["x", "y"]}))
    assert arrow.kind("a") == "number"
    assert arrow["b"].tolist() == ["x", "y"]
    assert Table.of({"a": [1, 2], "b": pd.Series(["x", "y"])})["b"].tolist() == ["x", "y"]
    array = Table.of(np.arange(6).reshape(3, 2))
    assert array.names == ["column_1", "column_2"]
    assert array["column_2"].tolist() == [1.0, 3.0, 5.0]


def test_shapes_that_are_no_table():
    with pytest.raises(ShapeError, match="array of shape \\(3,\\)"):
        Table.of(np.arange(3))
    with pytest.raises(ShapeError, match="'a' 2, 'b' 1"):
        Table.of({"a": [1, 2], "b": [1]})
    with pytest.raises(DataError, match="column name 'a' stands twice \\(columns 1 and 2\\)"):
        Table.of(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ShapeError, match="one dimension"):
        Table.of({"a": np.zeros((2, 2))})


def test_rows_keep_their_numbers():
    table = Table.of({"a": [10, 11, 12, 13]})
    some = table.take(np.array([False, True, False, True]))
    assert some["a"].tolist() == [11.0, 13.0]
    assert [some.row_number(i) for i in range(2)] == [2, 4]
    assert some.take(np.array([1])).row_number(0) == 4
    assert Table({"a": np.zeros(2)}, 101).without([]).row_number(1) == 102


def test_columns_by_name():
    table = Table.of({"age": [1, 2], "name": ["x", "y"]})
    assert table.without(["age"]).names == ["name"]
    assert "age" in table
    assert len(table) == 2
    assert repr(table) == "Table(2 rows: age, name)"
    with pytest.raises(UnknownName, match="did you mean 'age'"):
        table["agge"]
