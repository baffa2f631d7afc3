"""A file that is read once on to the disk has the columns and encoders that it has read whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.errors import DataError, UnknownName
from chainrule.tables import Encoder, TargetEncoder, read_table, split_target
from chainrule.tables.kinds import Column
from chainrule.tables.stored import Stored, store
from chainrule.tables.stored_encoders import Statistics

ROWS = 300
Write = Callable[..., str]


def frame(seed: int = 0) -> pd.DataFrame:
    """Every kind of column, gaps in each, and kinds that only later rows give away."""
    rng = np.random.default_rng(seed)
    i = np.arange(ROWS)
    number = rng.normal(size=ROWS)
    number[rng.random(ROWS) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "number": number,
            "account": 10**15 + i * 7.0,  # beyond what float32 tells apart
            "code": [str(n) if n < 250 else f"V{n % 9}" for n in i % 260],
            "late": np.where(i < 200, np.nan, i),
            "town": pd.Series(rng.choice(["Köln", "Ulm", None], ROWS), dtype=object),
            "flag": pd.Series(rng.choice([True, False, None], ROWS), dtype=object),
            "day": pd.date_range("2020-01-01", periods=ROWS, freq="17h").strftime("%Y-%m-%d %H:%M"),
            "european": [f"{1 + n % 28:02d}/{1 + n % 12:02d}/2021" for n in i + (i > 100) * 5],
            "maybe": ["2021-03-04" if n < 222 else "unknown" for n in i],
            "same": "x",
            "nothing": np.nan,
            "free": [f"text {n}" for n in i],
            "y": pd.Series(
                np.where(i % 25 == 3, None, np.where(number > 0, "yes", "no")), dtype=object
            ),
        }
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(data: pd.DataFrame, ending: str) -> str:
        path = tmp_path / f"data.{ending}"
        if ending == "parquet":
            data.to_parquet(path, row_group_size=64, index=False)
        elif ending == "jsonl":
            data.to_json(path, orient="records", lines=True)
        else:
            data.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
        return str(path)

    return written


def stored_of(path: str, tmp_path: Path, target: str | None = None, **how: Any) -> Stored:
    return store(path, target, tmp_path, **{"rows": 7, "room": 10**6, **how})


def whole(stored: Stored, name: str) -> Column:
    parts = [stored.column(block, name) for block in stored.blocks]
    return np.concatenate(parts)


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "jsonl", "parquet"])
def test_encoders_and_rows_are_those_of_the_file_read_whole(
    ending: str, write: Write, tmp_path: Path
) -> None:
    path = write(frame(), ending)
    given = split_target(read_table(path), "y")
    validates = np.random.default_rng(1).random(len(given.target)) < 0.2
    encoder = Encoder.fit(given.features.take(~validates))
    said: list[str] = []
    with stored_of(path, tmp_path, "y", say=said.append) as stored:
        stored.split(lambda rows: validates[rows])
        statistics = Statistics(stored, hold=ROWS)
        assert len(stored) == len(given.target) == ROWS - stored.dropped
        assert stored.dropped == given.dropped == 12
        assert statistics.encoder() == (encoder, 0.0)
        assert statistics.target(None) == TargetEncoder.fit(given.target, name="y")
        X = [encoder.transform(stored.table(block), ignore=["y"]) for block in stored.blocks]
        np.testing.assert_array_equal(np.concatenate(X), encoder.transform(given.features))
        assert whole(stored, "y").tolist() == given.target.tolist()
        assert stored.row_number(2)(0) == given.features.row_number(sum(stored.spool.lengths[:2]))
    late = {"csv": 4, "tsv": 4, "csv.gz": 4, "jsonl": 3, "parquet": 2}
    assert len(said) <= late[ending], said


def test_late_text_is_said_with_its_row(write: Write, tmp_path: Path) -> None:
    data = pd.DataFrame({"x": ["1.50"] * 40 + ["n.v."] + ["2"] * 9, "y": [0.5, 1.5] * 25})
    said: list[str] = []
    with stored_of(write(data, "csv"), tmp_path, say=said.append) as stored:
        assert whole(stored, "x").tolist() == data["x"].tolist()  # as it is spelt
    assert said == [
        "column 'x' is read again, as text: row 41 holds 'n.v.'"
        " (if it means a missing value, stop and name it with --na)"
    ]


def test_named_as_missing_it_stays_a_number(write: Write, tmp_path: Path) -> None:
    data = pd.DataFrame({"x": ["1.5"] * 40 + ["n.v."] + ["2"] * 9, "y": [0.5, 1.5] * 25})
    said: list[str] = []
    with stored_of(write(data, "csv"), tmp_path, na=("n.v.",), say=said.append) as stored:
        x = whole(stored, "x")
    assert said == []
    assert np.flatnonzero(np.isnan(x)).tolist() == [40]


def test_a_late_day_beyond_twelve_turns_months_and_days(write: Write, tmp_path: Path) -> None:
    days = ["03/04/2024"] * 30 + ["25/04/2024"] * 3
    said: list[str] = []
    with stored_of(
        write(pd.DataFrame({"d": days, "y": range(33)}), "csv"), tmp_path, say=said.append
    ) as stored:
        assert str(whole(stored, "d")[0]) == "2024-04-03T00:00:00.000000"
        assert stored.recorders["d"].format == "%d/%m/%Y"
    assert said == ["column 'd' is read again: row 31 holds '25/04/2024', a date as %d/%m/%Y"]


@pytest.mark.parametrize(
    ("target", "task"),
    [
        ([0, 1] * 150, None), ([1.5, 2.5] * 150, None), (list(range(300)), None),
        ([True, False] * 150, None), (["b", "a", "c"] * 100, None), ([3, 1, 2] * 100, "regression"),
        ([0.5, 1.5, 2.5] * 100, "classification"), ([True, False] * 150, "regression"),
    ],
)  # fmt: skip
def test_targets_are_encoded_as_in_memory(
    target: list[Any], task: str | None, write: Write, tmp_path: Path
) -> None:
    path = write(pd.DataFrame({"x": np.arange(300) ** 2, "target": target}), "csv")
    column = read_table(path)["target"]
    with stored_of(path, tmp_path) as stored:
        assert Statistics(stored, hold=1_000).target(task) == TargetEncoder.fit(column, task)


@pytest.mark.parametrize(
    ("target", "task", "error"),
    [
        (["a"] * 50, None, "one class only: 'a'"),
        ([7] * 50, "regression", "is 7 in every row"),
        ([f"t{i}" for i in range(50)], None, "50 classes in 50 rows"),
        (["1", "2", "x", "4", "5"] * 10, "regression", "is numeric, but row 3 holds 'x'"),
        ([None] * 50, None, "is missing in every row"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(
    target: list[Any], task: str | None, error: str, write: Write, tmp_path: Path
) -> None:
    path = write(pd.DataFrame({"x": np.arange(50) ** 2, "target": target}), "csv")
    with pytest.raises(DataError, match=error), stored_of(path, tmp_path) as stored:
        Statistics(stored, hold=1_000).target(task)


def test_an_infinite_number_is_refused_by_its_row(write: Write, tmp_path: Path) -> None:
    data = pd.DataFrame({"x": [1.0] * 20 + [np.inf], "y": [None, *range(20)]})
    with pytest.raises(DataError, match="'x' must be finite, but row 21 holds inf"):
        stored_of(write(data, "csv"), tmp_path)


def test_texts_beyond_the_room_are_others(write: Write, tmp_path: Path) -> None:
    texts = [f"v{i % 5}" for i in range(100)] + [f"v{i % 5 + 5}" for i in range(100)]
    path = write(pd.DataFrame({"x": texts, "y": np.arange(200) / 3}), "csv")
    with stored_of(path, tmp_path, room=7 * 152) as stored:
        encoder, _ = Statistics(stored, hold=1_000).encoder()
        assert encoder.feature_names == [*(f"x=v{i}" for i in range(7)), "x=(other)"]
        assert "those which come after the first 7 are not told apart" in encoder.notes[0]
        X = np.concatenate(
            [encoder.transform(stored.table(b), ignore=["y"]) for b in stored.blocks]
        )
    assert X.sum(axis=0).tolist() == [20] * 7 + [60]
    classes = stored_of(path, tmp_path, "x", room=7 * 152)
    with classes, pytest.raises(DataError, match="more classes than memory holds"):
        Statistics(classes, hold=1_000).target(None)


def test_unknown_and_lonely_targets_are_refused(write: Write, tmp_path: Path) -> None:
    path = write(pd.DataFrame({"x": [1, 2, 3]}), "csv")
    with pytest.raises(UnknownName, match="no column is called 'z'"):
        stored_of(path, tmp_path, "z")
    with pytest.raises(DataError, match="it is the only one"):
        stored_of(path, tmp_path)


def test_a_column_that_comes_late_is_no_target_by_default(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    lines = [
        json.dumps({"x": i**2, "y": i % 2} | ({"new": f"t{i % 3}"} if i > 20 else {}))
        for i in range(40)
    ]
    path.write_text("\n".join(lines))
    with pytest.raises(
        DataError, match="is 'y' at first and 'new' in a later row: name the target"
    ):
        stored_of(str(path), tmp_path)
    with stored_of(str(path), tmp_path, "y") as stored:
        assert whole(stored, "new").tolist() == [None] * 21 + [f"t{i % 3}" for i in range(21, 40)]


def test_a_file_that_changes_meanwhile_is_refused(write: Write, tmp_path: Path) -> None:
    path = write(pd.DataFrame({"x": range(100), "y": range(100)}), "csv")

    def meddle(rows: int) -> None:
        if rows == 14:
            with open(path, "a") as file:
                file.write("100,100\n")

    with pytest.raises(DataError, match=r"data\.csv was changed while it was read"):
        stored_of(path, tmp_path, seen=meddle)


def test_a_counting_column_is_dropped(write: Write, tmp_path: Path) -> None:
    data = pd.DataFrame({"id": range(1, 61), "x": np.arange(60) ** 2, "y": [0, 1] * 30})
    with stored_of(write(data, "csv"), tmp_path) as stored:
        encoder, _ = Statistics(stored, hold=1_000).encoder()
    assert encoder.notes == ("column 'id' dropped: it counts the rows",)


def test_nothing_is_left_in_the_folder(write: Write, tmp_path: Path) -> None:
    path = write(frame(), "csv")
    with stored_of(path, tmp_path) as stored:
        assert sorted(p.name for p in tmp_path.iterdir()) == ["data.csv"]
        assert len(stored) == ROWS - 12
