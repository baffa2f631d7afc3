"""Equal rows are one row of more weight."""

from __future__ import annotations

import numpy as np

from chainrule.tables import Table
from chainrule.tables.distinct import Distinct

TABLE = Table.of({"a": [1.0, 2, 1, 1], "t": ["x", "y", "x", "x"]})


def test_equal_rows_are_merged_and_weights_summed() -> None:
    found = Distinct.of_table(TABLE, np.array([0, 1, 0, 1]))
    assert len(found.rows) == 3
    assert found.of[0] == found.of[2] and len(set(found.of)) == 3
    assert found.weights is not None and found.weights[found.of].tolist() == [2, 1, 2, 1]


def test_a_row_of_weight_0_is_none() -> None:
    found = Distinct.of_table(TABLE, np.array([0, 1, 0, 1]), np.array([0.5, 0, 1.5, 1]))
    assert found.of.tolist().count(-1) == 1 and found.of[1] == -1
    assert found.weights is not None and found.weights[found.of[[0, 3]]].tolist() == [2, 1]


def test_equal_weights_are_none_and_the_order_is_the_contents() -> None:
    y = np.arange(4)
    found = Distinct.of_table(TABLE, y)
    assert found.weights is None
    order = np.array([2, 0, 3, 1])
    other = Distinct.of_table(TABLE.take(order), y[order])
    assert (order[other.rows] == found.rows).all()


def test_gaps_types_and_the_place_of_a_value_count() -> None:
    gaps = Table.of({"a": [np.nan, np.nan, 1.0], "b": [1.0, 1.0, np.nan]})
    assert len(Distinct.of_table(gaps, np.zeros(3)).rows) == 2
    swapped = Table.of({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    assert len(Distinct.of_table(swapped, np.zeros(2)).rows) == 2
    whole, floats = (Distinct.of_table(TABLE, y) for y in (np.arange(4), np.arange(4.0)))
    assert (whole.rows == floats.rows).all()
    two = Distinct.of_table(TABLE, np.array([[0, 0], [1, 1], [0, 0], [0, 1]]))
    assert len(two.rows) == 3
