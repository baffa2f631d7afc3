"""The target: its task, its classes or its scale, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError, ModelFileError, UnknownName
from chainrule.tables import Table, TargetEncoder, infer_task, split_target
from chainrule.tables.kinds import column_of


def column(values):
    return column_of(values, "y")


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 3, "classification"),
        ([0, 1], "classification"),
        ([1, 2, 3] * 4, "classification"),
        (list(range(20)) * 2, "classification"),
        (list(range(21)) * 2, "regression"),
        ([1, 4, 9, 16, 25], "regression"),
        ([0.5, 1.0] * 5, "regression"),
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        ([0, 1, None, 1], "classification"),
    ],
)
def test_the_task_is_inferred(values, task):
    assert infer_task(column(values)) == task


def test_the_target_is_taken_out():
    table = Table.of({"a": [1, 2, 3], "y": ["u", None, "v"], "b": [4, 5, 6]})
    parts = split_target(table, "y")
    assert parts.features.names == ["a", "b"]
    assert parts.target.tolist() == ["u", "v"]
    assert (parts.name, parts.dropped) == ("y", 1)
    assert parts.features["a"].tolist() == [1.0, 3.0]
    assert parts.features.row_number(1) == 3
    assert split_target(table).name == "b"


@pytest.mark.parametrize(
    ("columns", "name", "error", "words"),
    [
        (
            {"age": [1], "churn": [1]},
            "chrun",
            UnknownName,
            "no column is called 'chrun'; did you mean 'churn'",
        ),
        ({"y": [1]}, None, DataError, "no column to learn 'y' from"),
        ({"x": [1], "y": [None]}, None, DataError, "the target 'y' is missing in every row"),
        ({}, None, UnknownName, "no column is called None"),
    ],
)
def test_no_target(columns, name, error, words):
    with pytest.raises(error, match=words):
        split_target(Table.of(columns), name)


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([3, 1, 3], (1, 3), [1, 0, 1]),
        ([True, False, True], (False, True), [1, 0, 1]),
        ([-1, 1, 1, -1], (-1, 1), [0, 1, 1, 0]),
    ],
)
def test_classes(values, classes, codes):
    encoder = TargetEncoder.fit(column(values))
    assert encoder.task == "classification"
    assert encoder.classes == classes
    assert [type(label) for label in encoder.classes] == [type(values[0])] * len(classes)
    assert encoder.encode(column(values)).tolist() == codes
    assert encoder.encode(column(values)).dtype == np.int64
    assert encoder.decode(np.array(codes)).tolist() == values


def test_numbers_are_standardised_and_back():
    encoder = TargetEncoder.fit(column([2.5, 4.5, 4.5, 6.5]))
    assert (encoder.task, encoder.mean) == ("regression", 4.5)
    assert encoder.spread == pytest.approx(np.sqrt(2))
    z = encoder.encode(column([4.5, 6.5]))
    assert z[0] == 0
    assert encoder.decode(z).tolist() == pytest.approx([4.5, 6.5])


def test_a_task_may_be_given():
    assert TargetEncoder.fit(column([1, 2, 1]), "regression").task == "regression"
    assert TargetEncoder.fit(column([0.5, 1.5, 0.5]), "classification").classes == (0.5, 1.5)
    with pytest.raises(
        UnknownName, match="no task is called 'clasification'; did you mean 'classification'"
    ):
        TargetEncoder.fit(column([1, 2]), "clasification")


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["a", "a"], None, "the target 'y' has one class only: 'a'"),
        ([1, 1, 1], None, "the target 'y' has one class only: 1"),
        (
            ["a", "b", "c"],
            None,
            "the target 'y' has 3 classes in 3 rows, too few rows to learn them",
        ),
        (["a", "b", "c", "d", "a"], None, "the target 'y' has 4 classes in 5 rows, too few rows"),
        ([1.5, 1.5], "regression", "the target 'y' is 1.5 in every row"),
        (["1", "x"], "regression", "column 'y' is numeric, but row 2 holds 'x'"),
        ([1.5, np.inf], None, "column 'y' must be finite, but row 2 holds inf"),
        ([1, np.inf, 1], "classification", "column 'y' must be finite, but row 2 holds inf"),
        ([1, None], None, "the target 'y' is missing in 1 rows"),
        ([np.datetime64("2020-01-01")], None, "the target 'y' holds dates"),
    ],
)
def test_what_cannot_be_learnt(values, task, words):
    with pytest.raises(DataError, match=words):
        TargetEncoder.fit(column(values), task, "y")


def test_what_training_never_saw():
    encoder = TargetEncoder.fit(column(["a", "b", "a"]), name="y")
    with pytest.raises(DataError, match="the target 'y' of row 12, 'c', is not among the classes"):
        encoder.encode(column(["a", "c"]), lambda i: i + 11)
    numbers = TargetEncoder.fit(column([1.5, 2.5]), name="y")
    with pytest.raises(DataError, match="the target 'y' of row 2, nan, is not a finite number"):
        numbers.encode(column([1, None]))
    with pytest.raises(DataError, match="column 'y' is numeric, but row 2 holds 'x'"):
        numbers.encode(column([1, "x"]))


@given(
    st.one_of(
        st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=9),
        st.lists(st.sampled_from(["a", "b", ""]), min_size=5, max_size=9),
        st.lists(st.booleans(), min_size=3, max_size=9),
    )
)
def test_a_target_encoder_is_data(values):
    try:
        encoder = TargetEncoder.fit(column(values))
    except DataError as refused:
        assert "class" in str(refused) or "nothing to learn" in str(refused)  # noqa: PT017
        return
    again = TargetEncoder.from_json(json.loads(json.dumps(encoder.to_json(), allow_nan=False)))
    assert again == encoder
    assert [type(label) for label in again.classes] == [type(label) for label in encoder.classes]


GOOD = TargetEncoder.fit(column(["a", "b", "a"])).to_json()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "lacks name, task, classes, mean, spread"),
        (GOOD | {"mean": "0"}, "lacks mean"),
        (GOOD | {"classes": ["a"]}, "does not add up"),
        (GOOD | {"classes": ["a", "a"]}, "does not add up"),
        (GOOD | {"classes": ["a", ["b"]]}, "does not add up"),
        (GOOD | {"task": "guess"}, "does not add up"),
        (GOOD | {"task": "regression"}, "does not add up"),
        (GOOD | {"spread": 0.0}, "does not add up"),
        (GOOD | {"mean": float("nan")}, "does not add up"),
    ],
)
def test_a_description_that_does_not_add_up(data, words):
    with pytest.raises(ModelFileError, match=words):
        TargetEncoder.from_json(data)
