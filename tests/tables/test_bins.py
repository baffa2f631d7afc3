"""Numbers scaled by their quartiles, and cut into bins between their quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.errors import InvalidValue, ModelFileError
from chainrule.tables import Encoder, Table
from chainrule.tables.scaling import Scale


def test_quartiles_by_hand_and_an_outlier_stays_within_3() -> None:
    """0 … 8: median 4, quartiles 2 and 6; 8 is z = 1, held at 1/√(1 + 1/9)."""
    scale = Scale.robust(np.arange(9.0))
    assert (scale.center, scale.spread, scale.fill) == (4, 4, 4)
    assert scale.apply(np.array([4.0, 8.0, 0.0, 1e12])).tolist() == pytest.approx(
        [0, 1 / np.sqrt(1 + 1 / 9), -1 / np.sqrt(1 + 1 / 9), 3]
    )


def test_equal_quartiles_leave_half_the_range_and_large_numbers_do_not_overflow() -> None:
    scale = Scale.robust(np.array([0.0, 5, 5, 5, 5, 5, 20]))
    assert (scale.center, scale.spread) == (5, 10)
    wide = Scale.robust(np.array([-1.7e308, 0, 1.7e308]))
    assert np.isfinite(wide.apply(np.array([-1.7e308, 1.7e308]))).all()


def test_bins_by_hand() -> None:
    """Four values, three bins; each column rises from −0.15 to 0.15 over its bin."""
    table = Table.of({"x": [0.0, 1, 3, 7], "y": [1.0, 2, 1, 2]})
    encoder = Encoder.fit(table, bins=3)
    assert encoder.feature_names == ["x", "x in 0…1", "x in 1…3", "x in 3…7", "y"]
    X = encoder.transform(Table.of({"x": [0.0, 2, 5, 99], "y": [1.0] * 4}), "float64")
    assert X[:, 1:4].tolist() == pytest.approx(
        np.array([[-15, -15, -15], [15, 0, -15], [15, 15, 0], [15, 15, 15]]) / 100
    )
    assert encoder.unbinned.tolist() == [0, 4]


def test_more_values_than_bins_are_cut_at_quantiles() -> None:
    def edges(x: np.ndarray) -> list[float]:
        return list(Encoder.fit(Table.of({"x": x}), bins=4).features[0].edges)  # type: ignore[union-attr]

    assert edges(np.arange(100.0)) == [0, 24, 49, 74, 99]
    half = np.concatenate([np.zeros(50), np.arange(1.0, 51)])
    assert edges(half) == [0, 17, 34, 50]  # the zeros count as a bin, so three share the rest


def test_a_gap_is_filled_before_it_is_binned_and_a_flag_has_no_bins() -> None:
    encoder = Encoder.fit(Table.of({"x": [0.0, 1, 2, 3, None], "b": [True, False] * 2 + [True]}), robust=True, bins=4)  # fmt: skip
    assert encoder.feature_names[-1] == "b" and encoder.feature_names[1] == "x is missing"
    X = encoder.transform(Table.of({"x": [None, 1.5], "b": [True, True]}))
    assert X[0, 2:6].tolist() == X[1, 2:6].tolist() and X[:, 1].tolist() == [1, 0]
    assert encoder.unbinned.tolist() == [0, 1, 5]


def stored(encoder: Encoder, **changed: Any) -> Encoder:
    data = encoder.to_json()
    data["columns"][0] |= changed
    return Encoder.from_json(data, encoder.arrays())


def test_bins_are_stored_and_what_does_not_add_up_is_refused() -> None:
    encoder = Encoder.fit(Table.of({"x": [0.0, 1, 3, 7]}), robust=True, bins=3)
    assert stored(encoder) == encoder
    for edges in ([1, 0], [0, 0], [0, float("inf")], ["a"], "0", [True, 2]):
        with pytest.raises(ModelFileError, match="has edges that do not add up"):
            stored(encoder, edges=edges)
    old = encoder.to_json()
    del old["columns"][0]["edges"], old["columns"][0]["smooth"]
    plain = Encoder.from_json(old, encoder.arrays())
    assert plain.feature_names == ["x"] and not plain.features[0].scale.smooth  # type: ignore[union-attr]


def test_fewer_bins_than_none_are_refused() -> None:
    with pytest.raises(InvalidValue, match="bins is 0 or more, got -1"):
        Encoder.fit(Table.of({"x": [0.0, 1]}), bins=-1)
