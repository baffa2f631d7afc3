"""The encoder: what columns become, that it is data, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError, InvalidValue, ModelFileError
from chainrule.tables import Encoder, Table, read_chunks, read_table
from chainrule.tables.scaling import Scale

ROWS = 12
numbers = st.one_of(st.floats(-1e300, 1e300), st.integers(-3, 3).map(float), st.just(float("nan")))
texts = st.one_of(st.sampled_from(["a", "b", "c d", "é", "", "NA"]), st.none(), st.text(max_size=3))
dates = st.one_of(
    st.datetimes().map(lambda t: np.datetime64(t, "us")), st.just(np.datetime64("NaT", "us"))
)
written = st.dates().map(lambda day: f"{day:%d.%m.}{day.year:04d}")
booleans = st.one_of(st.booleans(), st.none())


def columns(values):
    return st.lists(values, min_size=ROWS, max_size=ROWS)


tables = st.dictionaries(
    st.text(min_size=1, max_size=4),
    st.one_of(*map(columns, (numbers, texts, dates, written, booleans, st.booleans()))),
    min_size=1,
    max_size=5,
).map(Table.of)


def fitted(table, **how):
    """The encoder, or nothing where no column says anything."""
    try:
        return Encoder.fit(table, **how)
    except DataError as nothing:
        assert str(nothing).startswith("no column is left to learn from")  # noqa: PT017
        return None


@given(tables)
def test_an_encoder_is_data(table):
    encoder = fitted(table)
    if encoder is None:
        return
    text = json.dumps(encoder.to_json(), allow_nan=False)
    again = Encoder.from_json(json.loads(text), encoder.arrays())
    assert again == encoder
    assert np.array_equal(again.transform(table, "float64"), encoder.transform(table, "float64"))


@given(tables, st.sampled_from(["float32", "float64"]))
def test_the_matrix_is_finite_and_named(table, dtype):
    encoder = fitted(table)
    if encoder is None:
        return
    X = encoder.transform(table, dtype)
    assert X.shape == (ROWS, encoder.width)
    assert X.dtype == dtype
    assert X.flags.c_contiguous
    assert np.isfinite(X).all()
    assert np.abs(X).max() <= np.sqrt(ROWS) + 1e-3  # no standardised number of n is larger
    assert len(set(encoder.feature_names)) <= len(encoder.feature_names) == encoder.width


@given(tables, st.integers(0, ROWS))
def test_rows_are_encoded_one_by_one(table, cut):
    encoder = fitted(table)
    if encoder is None:
        return
    rows = np.arange(ROWS)
    parts = [encoder.transform(table.take(part)) for part in (rows[:cut], rows[cut:])]
    assert np.array_equal(np.concatenate(parts), encoder.transform(table))


def test_numbers_are_standardised():
    table = Table.of({"x": [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]})
    encoder = Encoder.fit(table)
    X = encoder.transform(table, "float64")
    assert X[:, 0].tolist() == [-1.5, -0.5, -0.5, -0.5, 0.0, 0.0, 1.0, 2.0]
    assert encoder.arrays()["center"].tolist() == [5.0]
    assert encoder.arrays()["spread"].tolist() == [2.0]
    assert encoder.feature_names == ["x"]


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_scales_do_not_overflow(size):
    scale = Scale.of(size * np.array([-1.0, -1.0, 0.5, 1.5]))
    assert scale.center == 0
    assert scale.spread == pytest.approx(size * np.sqrt(4.5 / 4), rel=1e-12)
    assert scale.fill == pytest.approx(-0.25 * size)


def test_gaps_become_the_median_and_a_column_of_their_own():
    encoder = Encoder.fit(Table.of({"x": [1.0, 2.0, None, 9.0]}))
    assert encoder.feature_names == ["x", "x is missing"]
    X = encoder.transform(Table.of({"x": [2.0, None]}))
    assert X[0, 0] == X[1, 0]
    assert X[:, 1].tolist() == [0, 1]


def test_a_gap_that_training_never_saw_becomes_the_median():
    encoder = Encoder.fit(Table.of({"x": [1.0, 2.0, 9.0]}))
    X = encoder.transform(Table.of({"x": [None, 2.0]}))
    assert X.shape == (2, 1)
    assert X[0, 0] == X[1, 0]


def test_text_is_one_hot():
    encoder = Encoder.fit(Table.of({"c": ["b", "a", None, "a"]}))
    assert encoder.feature_names == ["c=a", "c=b", "c is missing"]
    X = encoder.transform(Table.of({"c": ["a", "b", None, "new"]}))
    assert X.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_rare_and_unseen_text_share_a_column():
    values = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2 + ["e"]
    encoder = Encoder.fit(Table.of({"c": values}), cap=2)
    assert encoder.feature_names == ["c=a", "c=b", "c=(other)"]
    X = encoder.transform(Table.of({"c": ["b", "c", "new", None]}))
    assert X.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]


def test_at_most_fifty_values_each_seen_twice_get_a_column():
    values = [f"t{i % 60}" for i in range(170)]  # t0 … t49 three times, the others twice
    encoder = Encoder.fit(Table.of({"c": values}))
    assert encoder.width == 51
    rare = [f"t{i // 2}" for i in range(60)] + [f"u{i}" for i in range(30)]
    encoder = Encoder.fit(Table.of({"c": rare}))
    assert encoder.feature_names[-2:] == ["c=t9", "c=(other)"]
    assert encoder.width == 31


def test_the_order_of_rows_does_not_matter():
    values = [f"t{i % 70}" for i in range(200)]
    forth, back = (Encoder.fit(Table.of({"c": v})) for v in (values, values[::-1]))
    assert forth == back


def test_booleans_are_0_and_1():
    encoder = Encoder.fit(Table.of({"b": [True, False, True]}))
    assert encoder.transform(Table.of({"b": [True, False, None]}))[:, 0].tolist() == [1, 0, 1]
    gaps = Encoder.fit(Table.of({"b": [True, False, None, False]}))
    assert gaps.feature_names == ["b", "b is missing"]
    X = gaps.transform(Table.of({"b": [True, None]}))
    assert X.tolist() == [[1, 0], [0, 1]]
    assert gaps.transform(Table.of({"b": [1.0, 0.0]}))[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["2024-01-01", "2024-01-03"], 1.0),
        (["2024-01-01 00:00", "2024-01-03 12:00"], 1.25),
        (["2024-01-01T00:00:00Z", "2024-01-03T02:00:00+02:00"], 1.0),
        (["2024/1/1", "2024/1/3"], 1.0),
        (["1/1/2024", "1/13/2024"], 6.0),
        (["1/1/2024", "13/1/2024"], 6.0),
        (["1/1/2024", "3/1/2024"], 30.0),  # the month comes first where both would do
        (["01.01.2024", "03.01.2024 "[:10]], 1.0),
        (["1.1.2024 06:00", "3.1.2024 06:00"], 1.0),
    ],
)
def test_dates_written_in_many_ways(texts, days):
    encoder = Encoder.fit(Table.of({"d": texts}))
    assert encoder.kinds == {"d": "date"}
    assert encoder.arrays()["spread"][0] == pytest.approx(days)
    assert encoder.transform(Table.of({"d": texts}))[:, 0].tolist() == [-1, 1]


def test_parts_of_dates():
    days = np.datetime64("2024-01-01", "h") + np.arange(0, 24 * 400, 7).astype("m8[h]")
    table = Table.of({"d": days})
    encoder = Encoder.fit(table)
    assert encoder.feature_names == [
        "d",
        *(f"d {p} {f}" for p in ("month", "weekday", "time") for f in ("sin", "cos")),
    ]
    X = encoder.transform(table, "float64")
    july, noon, sunday = (
        encoder.transform(Table.of({"d": [np.datetime64(text)]}), "float64")[0]
        for text in ("2024-07-01T00", "2024-01-01T12", "2024-01-07T00")
    )
    np.testing.assert_allclose(np.hypot(X[:, 1::2], X[:, 2::2]), 1)
    np.testing.assert_allclose(july[1:3], [0, -1], atol=1e-12)  # half a year
    np.testing.assert_allclose(noon[5:], [0, -1], atol=1e-12)  # half a day
    np.testing.assert_allclose(
        np.arctan2(sunday[3], sunday[4]), -2 * np.pi / 7
    )  # a day before Monday


def test_the_first_of_january_2024_was_a_monday():
    encoder = Encoder.fit(Table.of({"d": np.arange("2024-01-01", "2024-01-15", dtype="M8[D]")}))
    assert encoder.feature_names == ["d", "d weekday sin", "d weekday cos"]
    X = encoder.transform(Table.of({"d": [np.datetime64("2024-01-01")]}))
    assert X[0, 1:].tolist() == [0, 1]


def test_gaps_in_dates():
    encoder = Encoder.fit(Table.of({"d": ["2024-01-01", "2024-01-02", "2024-01-03", None]}))
    assert encoder.feature_names[-1] == "d is missing"
    X = encoder.transform(Table.of({"d": [None, "2024-01-02"]}), "float64")
    assert X[0, 0] == pytest.approx(X[1, 0])
    assert X[:, -1].tolist() == [1, 0]


@pytest.mark.parametrize("values", [["1.2.3", "4.5.6"], ["12-34-567", "1-2-3"], ["3/4", "5/6"]])
def test_what_is_no_date(values):
    assert Encoder.fit(Table.of({"d": values})).kinds == {"d": "text"}


def test_columns_that_say_nothing_are_dropped_and_named():
    table = Table.of(
        {
            "x": [1.0, 2.0, 3.0] * 4,
            "one": [7.0] * 12,
            "same": ["a"] * 12,
            "none": [None] * 12,
            "name": [f"n{i}" for i in range(12)],
            "unnamed_1": np.arange(12),
            "id": np.arange(1, 13),
        }
    )
    encoder = Encoder.fit(table)
    assert encoder.feature_names == ["x"]
    assert encoder.notes == (
        "column 'one' dropped: it has one value only",
        "column 'same' dropped: it has one value only",
        "column 'none' dropped: no values",
        "column 'name' dropped: 12 different texts in 12 rows",
        "column 'unnamed_1' dropped: it counts the rows",
        "column 'id' dropped: it counts the rows",
    )
    assert encoder.transform(Table.of({"x": [1.0]})).shape == (1, 1)  # they may be absent
    assert encoder.transform(table.take(np.array([3, 1]))).shape == (2, 1)  # or present


def test_many_constant_columns_are_named_in_one_note():
    table = Table.of({"x": [1, 2], **{f"c{i}": [0, 0] for i in range(9)}})
    assert Encoder.fit(table).notes == (
        "9 columns dropped, each with one value only: 'c0', 'c1', 'c2', 'c3', 'c4' and 4 more",
    )


def test_a_constant_with_gaps_leaves_the_gaps():
    encoder = Encoder.fit(Table.of({"x": [5.0, None, 5.0]}))
    assert encoder.feature_names == ["x is missing"]
    assert encoder.transform(Table.of({"x": [5.0, None]})).tolist() == [[0], [1]]


def test_a_number_that_only_looks_like_a_counter_stays():
    table = Table.of({"x": [0, 1, 2, 3], "id": [0, 2, 1, 3]})
    assert Encoder.fit(table).feature_names == ["x", "id"]


def test_numbers_spoilt_by_a_word_are_pointed_out():
    encoder = Encoder.fit(Table.of({"age": ["1", "2", "?", "3", "2", "?"]}))
    assert encoder.notes == (
        "column 'age' is read as text because of '?', though most values are numbers; "
        "if '?' means a missing value, name it (--na '?')",
    )
    assert Encoder.fit(Table.of({"deck": ["1", "2", "A", "B", "C"]})).notes == ()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x": [1, np.inf]}, "column 'x' must be finite, but row 2 holds inf"),
        ({"x": [-np.inf, 1], "y": [1, 2]}, "column 'x' must be finite, but row 1 holds -inf"),
        (
            {"x": [1, 1]},
            "no column is left to learn from; column 'x' dropped: it has one value only",
        ),
        ({"x": []}, "there are no rows to fit an encoder on"),
    ],
)
def test_what_cannot_be_fitted(columns, words):
    with pytest.raises(DataError, match=words):
        Encoder.fit(Table.of(columns))


def test_the_cap_is_positive():
    with pytest.raises(InvalidValue, match="cap is at least 1, got 0"):
        Encoder.fit(Table.of({"x": [1, 2]}), cap=0)


TRAINED = Table.of(
    {
        "age": [20.0, 30.0, 40.0],
        "town": ["a", "b", "a"],
        "member": [True, False, True],
        "since": ["2024-01-01", "2024-02-01", "2024-03-05"],
    }
)
ROW = {"age": [25, 26], "town": ["a", "b"], "member": [True, False], "since": ["2024-01-01"] * 2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age": [1, "old"]}, "column 'age' is numeric, but row 102 holds 'old'"),
        ({"age": ["7", "8"]}, "column 'age' is numeric, but row 101 holds '7'"),
        ({"age": [1, np.inf]}, "column 'age' must be finite, but row 102 holds inf"),
        (
            {"age": [1, 1e300]},
            "column 'age' has numbers that float32 cannot hold once scaled, but row 102 holds 1e.300",
        ),
        (
            {"age": [np.datetime64("2020-01-01")] * 2},
            "column 'age' is numeric, but row 101 holds 2020",
        ),
        ({"member": [True, "maybe"]}, "column 'member' is numeric, but row 102 holds 'maybe'"),
        ({"member": [1, 2]}, "column 'member' is true or false, but row 102 holds 2.0"),
        ({"since": ["2024-01-01", "soon"]}, "column 'since' holds dates, but row 102 holds 'soon'"),
        ({"since": [1, 2]}, "column 'since' holds dates, but row 101 holds 1.0"),
        ({"extra": [1, 2]}, "column 'extra' not in the training data"),
        ({"a": [1, 2], "b": [1, 2]}, "columns 'a', 'b' not in the training data"),
    ],
)
def test_what_does_not_fit_the_training_data(change, words):
    table = Table(Table.of(ROW | change).columns, 101)
    with pytest.raises(DataError, match=words):
        Encoder.fit(TRAINED).transform(table)


def test_missing_columns():
    encoder = Encoder.fit(TRAINED)
    with pytest.raises(DataError, match="column 'age' of the training data missing here"):
        encoder.transform(Table.of(ROW).without(["age"]))
    renamed = {"Age" if name == "age" else name: values for name, values in ROW.items()}
    with pytest.raises(DataError, match="is 'Age' meant"):
        encoder.transform(Table.of(renamed))
    with pytest.raises(DataError, match="columns 'age', 'town' of the training data missing"):
        encoder.transform(Table.of(ROW).without(["age", "town"]))


def test_other_columns_may_be_ignored_and_kinds_may_agree_in_other_forms():
    encoder = Encoder.fit(TRAINED)
    expected = encoder.transform(Table.of(ROW))
    assert np.array_equal(encoder.transform(Table.of(ROW | {"y": [1, 2]}), ignore=["y"]), expected)
    dates = np.array(ROW["since"], dtype="M8[s]")
    assert np.array_equal(encoder.transform(Table.of(ROW | {"since": dates})), expected)
    gaps = encoder.transform(Table.of(ROW | {"town": [None, None], "since": [None, None]}))
    assert gaps.shape == expected.shape


def test_whole_numbers_as_categories():
    encoder = Encoder.fit(Table.of({"c": ["1", "2", "x", "1"]}))
    assert encoder.transform(Table.of({"c": [1, 2]})).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_file_in_pieces_is_encoded_as_a_whole(tmp_path):
    path = tmp_path / "x.csv"
    rows = [
        f"{i % 7 or ''},{'0' * (i % 3) + '1'},{i % 28 + 1:02d}.0{i % 9 + 1}.2024,{i % 2 == 0}"
        for i in range(500)
    ]
    path.write_text("number,code,day,even\n" + "\n".join(["3,x,01.01.2024,True", *rows]) + "\n")
    table = read_table(path)
    encoder = Encoder.fit(table)
    assert encoder.kinds == {"number": "number", "code": "text", "day": "date", "even": "boolean"}
    pieces = [encoder.transform(piece) for piece in read_chunks(path, 3, kinds=encoder.kinds)]
    assert np.array_equal(np.concatenate(pieces), encoder.transform(table))


ENCODER = Encoder.fit(TRAINED)


def changed(**parts):
    """The encoder's JSON with parts of its first column changed."""
    data = json.loads(json.dumps(ENCODER.to_json()))
    data["columns"][0].update(parts)
    return data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "'columns' is not a list"),
        ({"columns": [{}]}, "'name' is not a str"),
        (changed(name=1), "'name' is not a str"),
        (changed(kind="picture"), "of a kind that this version does not know: 'picture'"),
        (changed(outputs=["weekday"]), "column 'age' does not add up"),
        (changed(outputs=[1]), "'outputs' are not all texts"),
        (changed(name="town"), "its columns and its numbers do not go together"),
        (changed(kind="dropped", reason=""), "its columns and its numbers do not go together"),
        (changed(kind="text", values=[], other=0, missing=False), "'other' is not a bool"),
        (ENCODER.to_json() | {"notes": None}, "'notes' is not a list"),
    ],
)
def test_a_description_that_does_not_add_up(data, words):
    with pytest.raises(ModelFileError, match=words):
        Encoder.from_json(data, ENCODER.arrays())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"center": np.zeros(2)}, "not float64 of one length"),
        ({"fill": np.zeros(3, np.float32)}, "not float64 of one length"),
        ({"spread": np.zeros(3)}, "a spread is not positive"),
        ({"center": np.array([0, np.nan, 0])}, "not finite"),
        (
            {name: np.ones(2) for name in ("center", "spread", "fill")},
            "column 'since' does not add up",
        ),
        ({name: np.ones(4) for name in ("center", "spread", "fill")}, "do not go together"),
    ],
)
def test_arrays_that_do_not_add_up(change, words):
    with pytest.raises(ModelFileError, match=words):
        Encoder.from_json(ENCODER.to_json(), ENCODER.arrays() | change)


def test_an_array_that_is_not_there():
    with pytest.raises(ModelFileError, match="lacks its array 'fill'"):
        Encoder.from_json(
            ENCODER.to_json(), {n: a for n, a in ENCODER.arrays().items() if n != "fill"}
        )


def test_a_long_text_among_numbers_is_quoted_by_its_beginning() -> None:
    long = "1.5" * 500
    [note] = Encoder.fit(Table({"a": np.array(["1", "2", "2", "1", long], object)})).notes
    assert note == f"column 'a' is read as text because of '{long[:60]}…', though most values are numbers"  # fmt: skip


def test_of_many_columns_that_say_nothing_eight_are_named() -> None:
    table = Table({f"c{i}": np.array([f"{i} {j}" for j in range(30)], object) for i in range(20)})
    with pytest.raises(DataError, match="^no column is left.*'c7' dropped.*; and 12 more such$"):
        Encoder.fit(table)
