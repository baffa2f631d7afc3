"""Batches of rows that are read as they are trained on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks import streaming as benchmark

from chainrule import losses
from chainrule.errors import DataError, InvalidValue
from chainrule.tables import Encoder, Table, TargetEncoder, read_table, row_groups, split_target
from chainrule.tables.row_groups import RowGroups
from chainrule.training import streaming
from chainrule.training.problem import Problem
from chainrule.training.streaming import Drawn, Stream

ROWS = 500
Files = Callable[..., str]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Writes a frame into a folder of files with uneven row groups."""

    def written(frame: pd.DataFrame, group: int = 37) -> str:
        third = len(frame) // 3
        parts = [frame[:third], frame[third : third + 10], frame[third + 10 :]]
        for i, part in enumerate(parts):
            part.to_parquet(tmp_path / f"{i}.parquet", row_group_size=group + i, index=False)
        return str(tmp_path)

    return written


def numbered(rows: int = ROWS) -> pd.DataFrame:
    """Rows that say which they are: x is 10 times the row's number."""
    x = np.arange(rows, dtype=float)
    return pd.DataFrame({"x": 10 * x, "w": np.cos(x), "y": (x % 3 == 0).astype(int)})


def stream_of(folder: str, validation: float = 0.0, rank: int = 0, world: int = 1) -> Stream:
    groups = RowGroups.of(folder, "y")
    drawn = Drawn(groups, validation, seed=3)
    table, checked = drawn.sample()
    problem = Problem.of_marked(table, "y", checked)
    classes = problem.target.classes
    loss = {0: "squared_error", 2: "binary_cross_entropy"}.get(len(classes), "cross_entropy")
    outputs = max(1, len(classes)) if len(classes) != 2 else 1
    share = groups.share(rank, world)
    return Stream(share, drawn, problem.target, problem.encoder, loss, outputs, 3, "float64", rank)


def which(stream: Stream, batches: Sequence[tuple[Any, Any]]) -> list[int]:
    """The numbers of the rows of batches, from the first column: 10 times them, standardised."""
    scale = stream.encoder.features[0].scale  # type: ignore[union-attr]
    x = np.concatenate([X[:, 0] for X, _ in batches])
    return [int(i) for i in np.rint((x * scale.spread + scale.center) / 10)]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("block", [50, streaming.BLOCK])
def test_an_epoch_has_every_row_once(
    files: Files, world: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "BLOCK", block)
    folder, found = files(numbered()), []
    for rank in range(world):
        stream = stream_of(folder, rank=rank, world=world)
        batches = list(stream.batches(0, 16))
        sizes = [len(X) for X, _ in batches]
        assert sizes[:-1] == [16] * (len(sizes) - 1)  # the last alone is short
        assert sum(sizes) == stream.count() == len(stream.groups)
        for X, t in batches:
            assert X.dtype == t.dtype == np.float64
            assert X.flags.c_contiguous
            assert t.shape == (len(X), 1)
            assert t[:, 0].tolist() == [row % 3 == 0 for row in which(stream, [(X, t)])]
        found += which(stream, batches)
    assert sorted(found) == list(range(ROWS))


def test_batches_are_the_same_whatever_was_read_before(files: Files) -> None:
    folder = files(numbered())
    stream, other = stream_of(folder), stream_of(folder)
    for epoch in range(2):
        list(stream.batches(epoch, 16))
    for (X, t), (X_, t_) in zip(stream.batches(2, 16), other.batches(2, 16), strict=True):
        np.testing.assert_array_equal(X, X_)
        np.testing.assert_array_equal(t, t_)


def test_orders_differ_between_epochs_seeds_and_ranks(files: Files) -> None:
    stream = stream_of(files(numbered()))
    others = [replace(stream, seed=4), replace(stream, rank=1)]
    orders = [which(stream, list(stream.batches(epoch, 16))) for epoch in range(3)]
    orders += [which(each, list(each.batches(0, 16))) for each in others]
    assert len({tuple(order) for order in orders}) == 5
    for order in orders:  # as in a drawn order, about one neighbour in 500 follows its own row
        assert sum(b == a + 1 for a, b in zip(order, order[1:], strict=False)) < 10


def test_blocks_and_epochs_have_orders_of_their_own(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_of(files(numbered()))
    group = stream.groups.groups[0]
    monkeypatch.setattr(streaming, "BLOCK", group.rows)
    twice = replace(stream, groups=replace(stream.groups, groups=(group, group)))
    orders = []  # of the same rows: two blocks in each of two epochs
    for epoch in range(2):
        rows = which(twice, list(twice.batches(epoch, 1)))
        orders += [rows[: group.rows], rows[group.rows :]]
    assert len({tuple(sorted(order)) for order in orders}) == 1
    assert len({tuple(order) for order in orders}) == 4


def test_rows_are_shuffled_inside_their_blocks(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 70)
    stream = stream_of(files(numbered()))
    batches = list(stream.batches(0, 20))
    read = which(stream, [part for part in stream._encoded(0)])
    got = which(stream, batches)
    for first in range(0, ROWS, 60):  # as many whole batches as 70 rows hold
        assert sorted(got[first : first + 60]) == sorted(read[first : first + 60])
        assert got[first : first + 60] != read[first : first + 60]


def test_a_block_is_as_large_as_its_bytes_allow(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "BLOCK_BYTES", 100 * 3 * 8)  # x, w and the target
    stream = stream_of(files(numbered()))
    sizes = [len(X) for X, _ in stream._blocks(0, 40)]
    assert sizes == [80] * 6 + [20]
    assert [len(X) for X, _ in stream._blocks(0, 300)] == [300, 200]  # a batch at least


def test_a_batch_without_rows(files: Files) -> None:
    with pytest.raises(InvalidValue, match="a batch has 1 row or more, got 0"):
        list(stream_of(files(numbered())).batches(0, 0))


def mixed() -> pd.DataFrame:
    """Columns of each kind, with gaps, and targets that are missing here and there."""
    rng = np.random.default_rng(1)
    number = np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS))
    town = rng.choice(np.array(["Bonn", "Ulm", "Jena", None], dtype=object), ROWS)
    town[:120] = None  # whole row groups without a value
    day = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 500, ROWS), "D")
    flag = rng.choice(np.array([True, False, None], dtype=object), ROWS)
    y = rng.choice(np.array(["a", "b", "c", None], dtype=object), ROWS, p=[0.4, 0.3, 0.2, 0.1])
    columns = {"number": number, "town": town, "day": day, "flag": flag, "same": 1.0}
    columns["written"] = day.strftime("%Y-%m-%d")
    return pd.DataFrame(columns | {"y": y})


def test_encoded_like_the_table_in_memory(files: Files) -> None:
    frame = mixed()
    stream = stream_of(files(frame))
    given = split_target(Table.of(frame), "y")
    encoder = Encoder.fit(given.features)
    assert stream.encoder.feature_names == encoder.feature_names
    X = encoder.transform(given.features, "float64")
    t = losses.targets(
        TargetEncoder.fit(given.target).encode(given.target), "cross_entropy", 3, "float64"
    )
    found = [np.concatenate(parts) for parts in zip(*stream.batches(0, 32), strict=True)]
    assert stream.count() == len(X) == len(found[0]) < ROWS
    expected, got = np.hstack([X, t]), np.hstack(found)
    order, order_ = np.lexsort(expected.T), np.lexsort(got.T)
    np.testing.assert_allclose(got[order_], expected[order], rtol=0, atol=1e-12)


def test_regression(files: Files) -> None:
    frame = numbered().assign(y=np.arange(ROWS) * 0.5)
    stream = stream_of(files(frame))
    for X, t in stream.batches(0, 64):
        y = t[:, 0] * stream.target.spread + stream.target.mean
        np.testing.assert_allclose(y, 0.5 * np.array(which(stream, [(X, t)])), atol=1e-9)


def test_validated_rows_are_held_out(files: Files) -> None:
    stream = stream_of(files(numbered()), validation=0.2)
    table, checked = stream.drawn.sample()
    held_out = (table["x"][checked] / 10).astype(int).tolist()
    assert 60 < len(held_out) < 140
    trained = which(stream, list(stream.batches(0, 16)))
    assert sorted(trained + held_out) == list(range(ROWS))
    assert stream.count() == len(trained)


def test_at_most_so_many_are_validated_on(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "TO_VALIDATE", 20)
    _, checked = Drawn(RowGroups.of(files(numbered())), 0.5, seed=0).sample()
    assert 5 < checked.sum() < 40


def test_the_sample_is_spread_evenly(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SAMPLE", 50)
    groups = RowGroups.of(files(numbered()))
    samples = [Drawn(groups, 0.1, seed).sample()[0]["x"] / 10 for seed in (0, 0, 1)]
    assert samples[0].tolist() == samples[1].tolist()
    assert samples[0].tolist() != samples[2].tolist()
    for rows in samples:
        assert len(set(rows.tolist())) == 50
        assert np.abs(rows - np.arange(5, ROWS, 10)).max() < 25  # one in each ten rows, about
    monkeypatch.setattr(streaming, "SAMPLE", ROWS)
    assert (Drawn(groups, 0.1, 0).sample()[0]["x"] / 10).tolist() == list(range(ROWS))


def test_not_all_row_groups_are_read_for_the_sample(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = RowGroups.of(files(numbered(), group=5))
    monkeypatch.setattr(streaming, "_TO_READ", 100)
    monkeypatch.setattr(streaming, "_FEWEST_GROUPS", 4)
    drawn = Drawn(groups, 0.1, seed=0)
    assert len(drawn.groups.groups) == 100 * len(groups.groups) // ROWS
    table, checked = drawn.sample()
    assert len(table) == len(checked) == len(drawn.groups)
    left_out = next(group for group in groups.groups if group not in drawn.groups.groups)
    assert not len(drawn.sampled(left_out))
    assert not len(drawn.checked(left_out))


@pytest.fixture
def replaced_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may be replaced after their sample was drawn: by rows that no sample has seen."""
    monkeypatch.setattr(row_groups, "unchanged", lambda path, stamp: nullcontext())


@pytest.mark.usefixtures("replaced_unseen")
def test_an_unseen_category_is_encoded_as_one(files: Files) -> None:
    frame = numbered().assign(town=np.where(np.arange(ROWS) % 2, "Bonn", "Ulm"))
    folder = files(frame[["x", "town", "y"]])
    stream = stream_of(folder)
    known = Encoder.fit(Table.of(frame[["x", "town"]]))
    frame.loc[7, "town"] = "Jena"
    files(frame[["x", "town", "y"]])
    (X,) = (
        X[rows.index(7)] for X, t in stream.batches(0, ROWS) for rows in [which(stream, [(X, t)])]
    )
    assert known.feature_names == ["x", "town=Bonn", "town=Ulm"]
    assert X[1:].tolist() == [0, 0]


@pytest.mark.usefixtures("replaced_unseen")
def test_an_unseen_class(files: Files) -> None:
    frame = numbered().assign(y=np.where(np.arange(ROWS) % 2, "odd", "even"))
    folder = files(frame)
    stream = stream_of(folder)
    frame.loc[200, "y"] = "neither"
    files(frame)
    said = (
        f"{folder}/2.parquet: the target 'y' of row 25, 'neither', is not among the classes of the"
        " training data: these are the classes of a sample of the rows; rows of rarer classes are"
        " left out where their target is empty"
    )
    assert read_table(f"{folder}/2.parquet")["y"][24] == "neither"
    for work in (stream.count, lambda: list(stream.batches(0, 10))):
        with pytest.raises(DataError) as caught:
            work()
        assert str(caught.value) == said


@pytest.mark.usefixtures("replaced_unseen")
def test_a_number_that_is_infinite(files: Files) -> None:
    frame = numbered()
    stream = stream_of(files(frame))
    frame.loc[200, "w"] = np.inf
    folder = files(frame)
    said = f"{folder}/2.parquet: column 'w' must be finite, but row 25 holds inf"
    with pytest.raises(DataError, match=said):
        list(stream.batches(0, 10))
    with pytest.raises(DataError, match=said):
        stream.drawn.sample()


def test_pieces_without_a_target(files: Files) -> None:
    frame = numbered()
    frame["y"] = frame["y"].astype("Int64")
    frame.loc[100:300, "y"] = None
    frame["town"] = "Bonn"
    frame.loc[::2, "town"] = "Ulm"
    frame["day"] = pd.date_range("2025-01-01", periods=ROWS)
    stream = stream_of(files(frame[["x", "town", "day", "y"]]))
    assert stream.count() == ROWS - 201
    rows = which(stream, list(stream.batches(0, 16)))
    assert sorted(rows) == [*range(100), *range(301, ROWS)]


PEAK = """
import sys
from chainrule.training import streaming
from benchmarks.streaming import measure
streaming.BLOCK, streaming.SAMPLE = 16_384, 20_000
print(measure(sys.argv[1])["peak"])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for rows in (64_000, 512_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        size = benchmark.write(folder, rows, columns=20, group=8_192)
        assert size > rows * 19 * 7.5  # all in memory, they would take as much
        done = subprocess.run(
            [sys.executable, "-c", PEAK, folder],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(float(done.stdout))
    assert peaks[1] - peaks[0] < 25  # MB, of 70 more in the files
