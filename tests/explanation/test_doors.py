"""What a network and a model show of themselves, by a dot and a name."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from chainrule import Model, Network, attribute, examine, verify_gradients
from chainrule.tables import builtin
from chainrule.training.fitting import Settings, fit_table


@pytest.fixture(scope="module")
def model() -> Model:
    return fit_table(builtin("iris"), settings=Settings(hidden=(8,), epochs=20)).model


def test_a_model_takes_a_table_with_its_target(model: Model) -> None:
    assert model.explain(builtin("iris"), rows=[1, 2]).chain.value is not None
    proof = model.verify(builtin("iris"))
    assert proof.passed and proof.rows == 150
    health = model.health(builtin("iris"))
    assert (health.rows, health.loss) == (150, "cross_entropy")
    assert model.attribute(builtin("iris"), 60).label == "species = versicolor"
    assert model.draw(builtin("iris")).axes


def test_a_model_takes_a_frame_without_its_target(model: Model) -> None:
    frame: pd.DataFrame = load_iris(as_frame=True).frame.drop(columns="target")
    assert model.explain(frame).chain.value is None
    assert model.health(frame).loss is None
    found = model.attribute(frame, 60, output="setosa", baseline="row:1")
    assert found.what == "probability of setosa"
    assert found.by_column.sum() == pytest.approx(found.value - found.baseline_value, abs=1e-6)
    assert model.draw(frame, "regions").axes


def test_the_functions_for_a_network_alone(model: Model) -> None:
    network = Network.of_sizes([2, 4, 1], output="logistic", seed=0)
    X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1]
    assert verify_gradients(network, X, y).passed
    assert examine(network, X, y).rows == 3
    assert attribute(network, X[0], output=0).what == "probability of class 0"
    assert network.draw(X, y, "regions").axes
    assert network.astype("float64").dtype == "float64"
    assert network.astype("float64")(X) == pytest.approx(network(X), rel=1e-6)
