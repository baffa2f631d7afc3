"""Data on their way to an engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chainrule import chance
from chainrule.errors import DataError, InvalidValue, ShapeError
from chainrule.network import Network
from chainrule.plan import Plan
from chainrule.training import rows


def plan(dtype: str = "float32", outputs: int = 1) -> Plan:
    network = Network.of_sizes([2, 3, outputs], dtype=dtype)
    return Plan.of(network, "squared_error", batch_size=2, seed=3)


def test_rows_that_are_not_aligned_are_copied() -> None:
    raw = np.zeros(6 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(3, 2)
    raw[...] = 1
    assert not raw.flags.aligned
    found = rows.matrix(raw, "float32")
    assert found.flags.aligned and np.array_equal(found, raw)


def test_rows_that_fit_are_not_copied() -> None:
    X = np.ones((4, 2), np.float32)
    assert rows.prepare(plan(), X, np.zeros(4), None, None).X is X


def test_frames_and_lists_become_c_contiguous_rows() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]})
    X = rows.matrix(frame, "float32")
    assert X.dtype == np.float32
    assert X.flags.c_contiguous
    assert X.tolist() == [[1.0, 0.5, 1.0], [2.0, 1.5, 0.0]]
    assert rows.matrix([[1, 2]], "float64").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("X", "error", "text"),
    [
        ([1, 2, 3], ShapeError, r"X is a table of rows.*got shape \(3,\); one column is X.reshape"),
        (np.zeros((0, 2)), ShapeError, r"X has no rows: its shape is \(0, 2\)"),
        (np.zeros((2, 0)), ShapeError, r"X has no columns: its shape is \(2, 0\)"),
        ([[1, 2], [3, np.nan]], DataError, r"X\[1, 1\] is nan: not a finite number"),
        ([[1, np.inf]], DataError, r"X\[0, 1\] is inf: not a finite number"),
        ([[1, -1e300]], DataError, r"X\[0, 1\] is -1e\+300: too large for float32"),
        ([["a", "b"]], DataError, "X holds something that is not a number"),
        (pd.DataFrame({"a": [1], "b": ["x"]}), DataError, "could not convert string to float"),
    ],
)
def test_what_cannot_be_trained_on_is_named(X: object, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        rows.matrix(X, "float32")


def test_float64_holds_what_float32_does_not() -> None:
    assert rows.matrix([[1e300]], "float64")[0, 0] == 1e300


def test_rows_and_targets_must_agree() -> None:
    with pytest.raises(ShapeError, match="X has 4 rows, y has 3"):
        rows.prepare(plan(), np.ones((4, 2)), np.zeros(3), None, None)
    with pytest.raises(ShapeError, match="layer 2 takes rows of 2 numbers, X has 3"):
        rows.prepare(plan(), np.ones((4, 3)), np.zeros(4), None, None)
    with pytest.raises(ShapeError, match="validation X has 2 rows, validation y has 1"):
        rows.prepare(plan(), np.ones((4, 2)), np.zeros(4), None, (np.ones((2, 2)), np.zeros(1)))


def test_targets_of_one_output_never_broadcast() -> None:
    data = rows.prepare(plan(), np.ones((4, 2)), np.arange(4), None, None)
    assert data.t.shape == (4, 1)


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ([1, 2], ShapeError, r"one number per row, shape \(4,\), got shape \(2,\)"),
        ([1, -1, 1, 1], DataError, r"weights\[1\] is -1.0: weights are finite and 0 or more"),
        ([1, 1, np.nan, 1], DataError, r"weights\[2\] is nan"),
        ([0, 0, 0, 0], DataError, "every row has weight 0"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights: object, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        rows.prepare(plan(), np.ones((4, 2)), np.zeros(4), weights, None)


def test_split_takes_the_first_of_a_permutation() -> None:
    trains, validates = rows.split(10, 0.3, seed=5)
    chosen = chance.permutation(10, chance.key(5, chance.Stream.SPLIT))[:3]
    assert validates.tolist() == sorted(chosen.tolist())
    assert sorted([*trains, *validates]) == list(range(10))
    assert rows.split(10, 0.3, seed=6)[1].tolist() != validates.tolist()


def test_split_divides_rows_targets_and_weights_alike() -> None:
    n = 20
    X = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    data = rows.prepare(plan(), X, X[:, 0], X[:, 0] + 1, 0.25)
    assert data.validation is not None
    assert (len(data.X), len(data.validation[0])) == (15, 5)
    assert data.weights is not None
    np.testing.assert_array_equal(data.t[:, 0], data.X[:, 0])
    np.testing.assert_array_equal(data.weights, data.X[:, 0] + 1)
    np.testing.assert_array_equal(data.validation[1][:, 0], data.validation[0][:, 0])


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_fraction_outside_0_and_1_is_refused(fraction: float) -> None:
    with pytest.raises(InvalidValue, match=r"validation as a fraction lies in \(0, 1\)"):
        rows.split(10, fraction, seed=0)


def test_a_fraction_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(InvalidValue, match="3 rows leaves 3 to train on and 0 to validate on"):
        rows.split(3, 0.1, seed=0)
    with pytest.raises(InvalidValue, match="leaves 0 to train on"):
        rows.split(3, 0.9, seed=0)


@pytest.mark.parametrize(("n", "size", "steps"), [(500, 10, 50), (501, 10, 51), (3, 10, 1)])
def test_the_last_batch_may_be_short(n: int, size: int, steps: int) -> None:
    assert rows.steps_per_epoch(n, size) == steps
