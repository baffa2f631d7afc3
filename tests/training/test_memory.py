"""Sizes, and what a file would take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule.errors import InvalidValue
from chainrule.training import memory
from chainrule.training.memory import Estimate, parsed, shown


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500M", 500_000_000), ("2G", 2_000_000_000), ("1.5GiB", 1_610_612_736), ("1000", 1_000),
        ("300 mb", 300_000_000), ("64kib", 65_536), ("1T", 10**12), (123, 123), ("7B", 7),
    ],
)  # fmt: skip
def test_sizes_as_people_write_them(text: str | int, size: int) -> None:
    assert parsed(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1G", "0", "1,5G", "1e9", "5 apples", "nan", "1GiBit"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="as 500M, 2G or 1.5GiB; got"):
        parsed(text)


def test_sizes_in_words() -> None:
    assert [shown(n) for n in (5e12, 1.6e9, 2.5e7, 900)] == ["5 TB", "1.6 GB", "25 MB", "0.9 kB"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(30_000, 4)), columns=list("abcd"))
    return data.assign(town=rng.choice(["Köln", "Ulm"], len(data)), y=rng.integers(0, 2, len(data)))


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet"])
def test_rows_are_counted_from_the_beginning(
    ending: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    path = str(tmp_path / f"data.{ending}")
    if ending == "parquet":
        frame.to_parquet(path)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)
    estimate = Estimate.of(path)
    assert estimate.rows == pytest.approx(30_000, rel=0 if ending == "parquet" else 0.02)
    assert (estimate.columns, estimate.width) == (6, 7)  # y counts, as it may be any column
    assert estimate.table == pytest.approx(5 * 8 + 8 + 60 + 3.5, abs=0.2)


def test_bins_and_networks_take_memory(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "data.csv", index=False)
    estimate = Estimate.of(str(tmp_path / "data.csv"))
    assert estimate.binned > 4 * 64
    assert estimate.together(1) > memory.PROGRAM
    several, one = (estimate.together(count) - memory.PROGRAM for count in (12, 1))
    assert estimate.together(1, bins=False) - memory.PROGRAM < one / 2
    assert several > 1.3 * one


def test_some_memory_is_free() -> None:
    free = memory.free()
    assert free is None or free > 10_000_000
