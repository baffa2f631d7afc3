"""Built-in data: their shapes and laws, and that they need NumPy alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from sklearn import datasets

from chainrule.errors import InvalidValue, UnknownName
from chainrule.tables import BUILTIN, Table, builtin

SHAPES = ["moons", "circles", "spirals", "blobs", "xor"]


def points(table):
    return np.stack([table["x1"], table["x2"]], axis=1)


def classes(table):
    return table["class"].astype(int)


@pytest.mark.parametrize("rows", [2, 5, 500, 501])
def test_moons_are_those_of_scikit_learn(rows):
    ours = builtin("moons", rows=rows, noise=0)
    X, y = datasets.make_moons(rows, noise=None, shuffle=False)
    found = np.column_stack([classes(ours), points(ours)])
    expected = np.column_stack([y, X])
    np.testing.assert_allclose(
        found[np.lexsort(found.T.round(9))], expected[np.lexsort(expected.T.round(9))], atol=1e-12
    )


def test_the_noise_is_normal_with_its_standard_deviation():
    clean, noisy = builtin("moons", 4000, noise=0), builtin("moons", 4000, noise=0.1)
    noise = (points(noisy) - points(clean)).ravel()
    assert stats.kstest(noise / 0.1, "norm").pvalue > 0.01
    assert abs(np.corrcoef(noise[::2], noise[1::2])[0, 1]) < 0.05


def test_rows_are_in_a_random_order():
    labels = classes(builtin("moons"))
    assert len(labels) == 500
    assert labels.sum() == 250
    assert 200 < np.count_nonzero(np.diff(labels)) < 300  # runs test: 249.5 ± 11


def test_seeds():
    again = [builtin("moons", seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(points(again[0]), points(again[1]))
    assert not np.array_equal(classes(again[0]), classes(again[2]))


def test_circles():
    table = builtin("circles", 100, noise=0)
    radius = np.hypot(table["x1"], table["x2"])
    np.testing.assert_allclose(radius, np.where(classes(table) == 0, 1, 0.5))


def test_spirals():
    table = builtin("spirals", 100, noise=0)
    radius = np.hypot(table["x1"], table["x2"])
    assert radius.min() == pytest.approx(0.05)
    assert radius.max() == pytest.approx(1)
    angle = np.arctan2(table["x2"], table["x1"]) - 3 * np.pi * radius
    np.testing.assert_allclose(np.cos(angle), np.where(classes(table) == 0, 1, -1), atol=1e-9)


def test_blobs():
    table = builtin("blobs", 3000)
    assert np.bincount(classes(table)).tolist() == [1000, 1000, 1000]
    for c in range(3):
        cloud = points(table)[classes(table) == c]
        assert np.hypot(*cloud.mean(axis=0)) == pytest.approx(2.5, abs=0.15)
        assert cloud.std(axis=0) == pytest.approx([1, 1], abs=0.1)


def test_xor():
    table = builtin("xor", 1000, noise=0)
    assert np.array_equal(classes(table) == 1, table["x1"] * table["x2"] < 0)
    assert 400 < classes(table).sum() < 600
    assert np.abs(points(table)).max() <= 1


@pytest.mark.parametrize(
    ("name", "rows", "columns", "target"),
    [
        ("iris", 150, 4, "species"),
        ("wine", 178, 13, "class"),
        ("breast-cancer", 569, 30, "diagnosis"),
        ("digits", 1797, 64, "digit"),
        ("diabetes", 442, 10, "progression"),
    ],
)
def test_what_comes_with_scikit_learn(name, rows, columns, target):
    table = builtin(name)
    assert (len(table), len(table.names)) == (rows, columns + 1)
    assert table.names[-1] == target


def test_labels_of_what_comes_with_scikit_learn():
    assert set(builtin("iris")["species"]) == {"setosa", "versicolor", "virginica"}
    assert set(builtin("breast-cancer")["diagnosis"]) == {"malignant", "benign"}
    assert set(builtin("digits")["digit"]) == set(range(10))
    assert builtin("diabetes")["progression"][0] == 151.0


def test_every_name_is_a_table():
    assert all(isinstance(builtin(name), Table) for name in BUILTIN)
    with pytest.raises(
        UnknownName, match="no built-in table is called 'moon'; did you mean 'moons'"
    ):
        builtin("moon")


@pytest.mark.parametrize(
    "bad", [{"rows": 1}, {"noise": -0.1}, {"noise": np.inf}, {"noise": np.nan}]
)
def test_out_of_range(bad):
    with pytest.raises(InvalidValue, match="a shape has at least 2 rows"):
        builtin("moons", **bad)


def test_shapes_and_their_encoding_need_numpy_alone():
    program = """
import sys
from chainrule.tables import Encoder, TargetEncoder, builtin, split_target
for name in ("moons", "circles", "spirals", "blobs", "xor"):
    data = split_target(builtin(name))
    X = Encoder.fit(data.features).transform(data.features)
    TargetEncoder.fit(data.target).encode(data.target)
print(X.shape, [name for name in ("pandas", "sklearn", "scipy", "pyarrow", "narwhals") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(500, 2) []"
