"""A model's answers, and which parts go together."""

from __future__ import annotations

import copy
import math
import pickle
import re
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from chainrule import Layer, Network, Plan
from chainrule.activations import Activation
from chainrule.errors import DataError, InvalidValue, ShapeError
from chainrule.storage import Model, Trained
from chainrule.tables import Encoder, Table, TargetEncoder


def affine(
    W: list[list[float]], b: list[float], output: str, loss: str, dtype: str = "float64"
) -> tuple[Network, Plan]:
    network = Network([Layer(np.array(W, dtype), np.array(b, dtype), output)])
    return network, Plan.of(network, loss)


def fitted(**columns: list[float]) -> Encoder:
    return Encoder.fit(Table({name: np.array(values) for name, values in columns.items()}))


AB = fitted(a=[0.0, 2.0], b=[-1.0, 1.0])  # means 1 and 0, standard deviations 1


def spam(network_output: str = "logistic") -> Model:
    """Whether u = (a − 1) + 2b is positive."""
    network, plan = affine([[1.0], [2.0]], [0.0], network_output, "binary_cross_entropy")
    return Model(network, plan, AB, TargetEncoder("spam", "classification", ("ham", "spam")))


def logistic(u: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.asarray(u, np.float64))))


DATA = {"a": [1.0, 3.0, 0.0], "b": [-1.0, 0.0, 2.0]}  # u = −2, 2, 3


@pytest.mark.parametrize("output", ["logistic", "identity"])
def test_two_classes(output: str) -> None:
    model = spam(output)
    p = logistic([-2, 2, 3])
    assert model.task == "classification"
    assert model.classes == ("ham", "spam")
    assert model.target_name == "spam"
    assert model.predict(DATA).tolist() == ["ham", "spam", "spam"]
    np.testing.assert_allclose(
        model.predict_probability(DATA), np.column_stack([1 - p, p]), rtol=1e-12
    )


@pytest.mark.parametrize("output", ["softmax", "identity"])
def test_many_classes(output: str) -> None:
    network, plan = affine([[1.0, 0.0, -1.0]], [0.0, 0.5, 0.0], output, "cross_entropy")
    target = TargetEncoder("grade", "classification", (3, 5, 9))
    model = Model(network, plan, fitted(x=[-1.0, 1.0]), target)
    data = {"x": [-2.0, 0.0, 2.0]}
    assert model.predict(data).tolist() == [9, 5, 3]
    e = np.exp([[-2, 0.5, 2], [0, 0.5, 0], [2, 0.5, -2]])
    np.testing.assert_allclose(
        model.predict_probability(data), e / e.sum(axis=1, keepdims=True), rtol=1e-12
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_in_their_own_unit(dtype: str) -> None:
    network, plan = affine([[1.0], [2.0]], [0.5], "identity", "squared_error", dtype)
    target = TargetEncoder("price", "regression", (), mean=1e9, spread=4.0)
    model = Model(network, plan, AB, target)
    assert model.task == "regression"
    assert model.classes == ()
    answers = model.predict(DATA)
    assert answers.dtype == np.float64
    assert answers.tolist() == [1e9 - 6, 1e9 + 10, 1e9 + 14]  # 4(u + 1/2) beside 10⁹
    with pytest.raises(InvalidValue, match="predicts numbers, not classes"):
        model.predict_probability(DATA)


def test_counts_pass_their_link() -> None:
    network, plan = affine([[1.0], [2.0]], [0.0], "identity", "poisson")
    np.testing.assert_allclose(Model(network, plan, AB).predict(DATA), np.exp([-2, 2, 3]))


def test_data_of_every_kind() -> None:
    frame = pd.DataFrame({"b": DATA["b"], "spam": ["?", "spam", "ham"], "a": DATA["a"]})
    kinds: list[Any] = [
        frame,
        frame.drop(columns="spam"),
        Table.of(frame),
        frame.to_dict("list"),
        np.column_stack([DATA["a"], DATA["b"]]),
        list(zip(DATA["a"], DATA["b"], strict=True)),
    ]
    for data in kinds:
        assert spam().predict(data).tolist() == ["ham", "spam", "spam"]
    assert spam().predict({"a": [], "b": []}).shape == (0,)
    assert spam().predict_probability({"a": [], "b": []}).shape == (0, 2)


def test_columns_that_are_not_those_of_the_training_data() -> None:
    with pytest.raises(DataError, match="column 'b' of the training data"):
        spam().predict({"a": [1.0]})
    with pytest.raises(DataError, match="column 'c'"):
        spam().predict({**DATA, "c": [1.0, 2.0, 3.0]})
    with pytest.raises(ShapeError, match="the training data had 2 columns, got 3"):
        spam().predict(np.zeros((4, 3)))


def test_a_row_that_overflows_is_named_as_in_its_file() -> None:
    network, plan = affine([[3e38], [0.0]], [0.0], "identity", "squared_error", "float32")
    model = Model(network, plan, AB)
    table = Table({"a": np.array([1.0, 4.0]), "b": np.zeros(2)}, row_numbers=101)
    with pytest.raises(DataError, match="row 102 leads to numbers that are not finite"):
        model.predict(table)


def test_a_network_alone_takes_rows() -> None:
    X = np.array([[1.0, 0.5], [-1.0, -0.5]])
    network, _ = affine([[1.0], [2.0]], [0.0], "identity", "squared_error")
    model = Model.of(network)
    assert model.task == "regression"
    assert model.predict(X).tolist() == [2.0, -2.0]
    assert model.predict(X.tolist()).tolist() == [2.0, -2.0]
    assert model.predict(pd.DataFrame(X)).tolist() == [2.0, -2.0]
    for wrong in (X[0], X[None]):
        with pytest.raises(ShapeError, match=r"data are rows \(n, 2\), got shape"):
            model.predict(wrong)
    with pytest.raises(ShapeError, match="layer 1 takes rows of 2 numbers, got 3"):
        model.predict(np.zeros((1, 3)))
    with pytest.raises(InvalidValue, match="rows must be numbers"):
        model.predict([["a", "b"]])
    with pytest.raises(DataError, match="row 2 leads to numbers that are not finite"):
        model.predict([[0, 0], [math.nan, 0]])
    for columns in (DATA, Table.of(DATA)):
        with pytest.raises(InvalidValue, match="knows no columns: it takes rows of 2 numbers"):
            model.predict(columns)


def test_class_numbers_where_no_labels_are_known() -> None:
    X = [[1.0, 0.5], [-1.0, -0.5]]  # u = 2, −2
    network, _ = affine([[1.0], [2.0]], [0.0], "logistic", "binary_cross_entropy")
    model = Model.of(network)
    assert (model.task, model.classes) == ("classification", (0, 1))
    assert model.predict(X).tolist() == [1, 0]
    assert model.predict_probability(X).shape == (2, 2)
    network, _ = affine([[1.0, 0, 0], [2.0, 0, 1]], [0.0] * 3, "softmax", "cross_entropy")
    model = Model.of(network)
    assert model.classes == (0, 1, 2)
    assert model.predict(X).tolist() == [0, 1]


def test_several_answers_a_row() -> None:
    X = [[1.0, 0.5], [-1.0, -0.5]]
    network, plan = affine([[1.0, 0.0], [2.0, 1.0]], [0.0, 1.0], "identity", "squared_error")
    assert Model(network, plan).predict(X).tolist() == [[2.0, 1.5], [-2.0, 0.5]]
    plan = replace(plan, loss="binary_cross_entropy")
    model = Model(network, plan)
    assert model.classes == ()
    assert model.predict(X).tolist() == [[1, 1], [0, 1]]
    np.testing.assert_allclose(
        model.predict_probability(X), logistic([[2, 1.5], [-2, 0.5]]), rtol=1e-12
    )


def test_the_compiled_forward_pass_is_made_once_and_again_after_training() -> None:
    model = spam()
    model.predict(DATA)
    made = model._first._forward
    assert made is not None
    model.predict(DATA)
    assert model._first._forward is made
    model.network.layers[0].W[...] *= -1
    assert model.predict(DATA).tolist() == ["spam", "ham", "ham"]
    assert model._first._forward is not made


def test_softmax_in_a_hidden_layer_is_left_to_the_reference() -> None:
    network = Network.of_sizes([2, 3, 1], activation="softmax", dtype="float64")
    model = Model.of(network)
    X = np.array([[0.3, -1.0], [2.0, 0.0]])
    assert model.fallback_reason == "softmax is there for the output layer only"
    np.testing.assert_array_equal(model.predict(X), network(X)[:, 0])
    assert spam().fallback_reason is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_and_reference_agree(dtype: str) -> None:
    network = Network.of_sizes([4, 8, 3], activation="gelu", output="softmax", dtype=dtype)
    X = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_allclose(
        Model.of(network).predict_probability(X),
        network(X),
        rtol=1e-12 if dtype == "float64" else 1e-5,
    )


def three_networks() -> Model:
    """The shares are 1/2, 1/4 and 1/4; the logits u, −u and 3u of `spam`."""
    one, *others = (spam() for _ in range(3))
    for factor, other in zip((-1.0, 3.0), others, strict=True):
        other.network.layers[0].W[...] *= factor
    return replace(
        one,
        share=0.5,
        others=tuple(Trained(other.network, other.plan, 0.25) for other in others),
    )


def test_several_networks_answer_by_the_mean_of_their_probabilities() -> None:
    model, u = three_networks(), np.array([-2.0, 2.0, 3.0])
    p = logistic(u) / 2 + logistic(-u) / 4 + logistic(3 * u) / 4
    np.testing.assert_allclose(model.predict_probability(DATA)[:, 1], p, rtol=1e-12)
    np.testing.assert_allclose(model.member(2).predict_probability(DATA)[:, 1], logistic(-u))
    assert model.member(2).members[0].share == 1
    with pytest.raises(InvalidValue, match="the model has networks 1 to 3, there is none 4"):
        model.member(4)
    assert model == three_networks() != spam()
    model.others[1].network.layers[0].b[0] = 1.0
    assert model != three_networks()


def test_networks_that_do_not_belong_together() -> None:
    model = three_networks()
    with pytest.raises(InvalidValue, match="add up to 1, got 0.6"):
        replace(model, share=0.1)
    with pytest.raises(InvalidValue, match=r"a number in \[0, 1\], got 1.5"):
        replace(model, share=1.5)
    for network, loss, what in (
        (Network.of_sizes([3, 1], output="logistic", dtype="float64"), None, "inputs 3 and 2"),
        (Network.of_sizes([2, 2], dtype="float64"), "binary_cross_entropy", "outputs 2 and 1"),
        (Network.of_sizes([2, 1], output="logistic"), None, "the type float32 and float64"),
        (Network.of_sizes([2, 1], dtype="float64"), "squared_error", "the loss squared_error"),
    ):
        plan = Plan.of(network, loss or "binary_cross_entropy")
        with pytest.raises(ShapeError, match=f"networks are alike: {what}"):
            replace(model, others=(Trained(network, plan, 0.5),))


def test_quantiles_are_ascending_and_the_middle_one_is_the_answer() -> None:
    network, plan = affine([[1.0, 0.0, -1.0]], [0, 0.5, 0], "identity", "quantile:0.1,0.5,0.9")
    target = TargetEncoder("price", "regression", (), mean=100.0, spread=10.0)
    model = Model(network, plan, fitted(x=[-1.0, 1.0]), target)
    assert model.levels == (0.1, 0.5, 0.9)
    data = {"x": [-2.0, 0.0]}  # u = −2, 1/2, 2 and 0, 1/2, 0
    assert model.predict_quantiles(data).tolist() == [[80, 105, 120], [100, 100, 105]]
    assert model.predict(data).tolist() == [105, 100]
    with pytest.raises(InvalidValue, match="learned by binary_cross_entropy: it predicts no"):
        spam().predict_quantiles(DATA)


def test_equality_is_of_numbers_and_words_not_of_the_compiled_part() -> None:
    one, other = spam(), spam()
    one.predict(DATA)
    assert one == other
    assert one != replace(other, version="0")
    assert one != replace(other, history={"epochs": 1})
    other.network.layers[0].b[0] = 1e-300
    assert one != other
    assert one != "spam"


def test_models_travel_between_processes() -> None:
    model = spam()
    model.predict(DATA)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert other == model
        assert other.predict(DATA).tolist() == ["ham", "spam", "spam"]


def test_summaries_take_the_form_that_json_has() -> None:
    given = {"loss": math.nan, "steps": np.int64(3), "scores": (1.5, np.float32(0.5)), "n": {}}
    plain = {"loss": None, "steps": 3, "scores": [1.5, 0.5], "n": {}}
    network, plan = affine([[1.0]], [0.0], "identity", "squared_error")
    model = Model(network, plan, history=given, engine={"name": "native", "threads": 2})
    assert model.history == plain
    assert model.engine == {"name": "native", "threads": 2}
    deep: list[Any] = []
    for _ in range(20):
        deep = [deep]
    for wrong in ({"x": object()}, {1: 2}, {"x": deep}, {"x": b"1"}):
        with pytest.raises(InvalidValue, match="a summary holds numbers, texts, lists and dicts"):
            Model(network, plan, history=wrong)


CLASSES = TargetEncoder("t", "classification", ("a", "b", "c"))
ONE = Plan.of(Network.of_sizes([2, 1], output="logistic"), "binary_cross_entropy")
TWO = Plan.of(Network.of_sizes([2, 2]), "squared_error")


@pytest.mark.parametrize(
    ("plan", "changes", "error", "text"),
    [
        (ONE, {"plan": TWO}, ShapeError, "has sizes (2, 1), the plan (2, 2)"),
        (ONE, {"plan": replace(ONE, activations=("identity",))}, ShapeError, "has activations"),
        (ONE, {"plan": replace(ONE, dtype="float64")}, ShapeError, "type float32, the plan float"),
        (ONE, {"encoder": fitted(a=[0.0, 1.0])}, ShapeError, "rows of 1 numbers, the network tak"),
        (ONE, {"target": CLASSES}, ShapeError, "3 classes, the network 1 outputs under binary_cr"),
        (TWO, {"target": CLASSES}, InvalidValue, "classes are learned with binary_cross_entropy "),
        (TWO, {"target": TargetEncoder("t", "regression")}, ShapeError, "the network gives 2"),
        (
            ONE,
            {"target": TargetEncoder("t", "regression", (), math.nan)},
            InvalidValue,
            "no target has mean nan and spread 1",
        ),
        (
            ONE,
            {"target": TargetEncoder("t", "regression", (), 0.0, 0.0)},
            InvalidValue,
            "no target has mean 0.0 and spread 0.0",
        ),
    ],
)
def test_parts_that_do_not_go_together(
    plan: Plan, changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    network = Network.of_sizes(plan.layer_sizes, output=plan.activations[-1])
    model = Model(network, plan)
    with pytest.raises(error, match=re.escape(text)):
        replace(model, **changes)


def test_an_activation_of_ones_own_is_refused() -> None:
    own = Activation("relu", lambda u: u**3, lambda u: 3 * u**2)
    network = Network([Layer(np.ones((2, 1)), np.zeros(1), own)])
    with pytest.raises(InvalidValue, match="holds no activation of your own, as this 'relu'"):
        Model.of(network)
