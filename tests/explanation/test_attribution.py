"""Attributions: judged by PyTorch's autograd, by hand, and by what they must add up to."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from chainrule import Layer, Network
from chainrule.activations import Activation
from chainrule.errors import ChainruleError, InvalidValue, ShapeError, UnknownName
from chainrule.explanation.attribution import attribute, attribute_subject, attribute_table
from chainrule.explanation.attribution.line import Line, Scalar, kinks
from chainrule.explanation.attribution.own_units import cells
from chainrule.explanation.attribution.path_integral import _GAUSS, _KRONROD, _NODES
from chainrule.explanation.attribution.result import Attribution
from chainrule.explanation.subject import Subject
from chainrule.sklearn import Classifier
from chainrule.storage import Model
from chainrule.tables import Encoder, Table, builtin
from chainrule.tables.features import Number
from chainrule.training.fitting import Settings, fit_table

TORCH: dict[str, Any] = {
    "identity": lambda u: u,
    "relu": torch.relu,
    "leaky_relu": lambda u: torch.nn.functional.leaky_relu(u, 0.01),
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": torch.nn.functional.softplus,
    "elu": torch.nn.functional.elu,
    "selu": torch.nn.functional.selu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "mish": torch.nn.functional.mish,
    "exponential": torch.exp,
    "softmax": lambda u: torch.softmax(u, -1),
}
NOT_XOR = Network(
    [Layer([[1, -1], [-1, 1]], [0.0, 0.0], "relu"), Layer([[-1], [-1]], [0.5], "logistic")]
)


def lively(sizes: list[int], activation: Any, output: str, scale: float = 1.5) -> Network:
    """A network whose units cross their kinks, and whose output is far from saturated."""
    rng = np.random.default_rng(5)
    drawn = Network.of_sizes(sizes, activation, output=output, dtype="float64", seed=2)
    last = len(sizes) - 2
    return Network(
        [
            Layer(
                layer.W * (scale if i < last else 0.7),
                rng.normal(size=layer.outputs) * 0.5,
                layer.activation,
            )
            for i, layer in enumerate(drawn.layers)
        ]
    )


def by_torch(network: Network, x: torch.Tensor, output: int) -> torch.Tensor:
    """The output of that index, (n,), in float64."""
    z = x
    for layer in network.layers:
        W, b = (torch.tensor(p.astype(np.float64)) for p in (layer.W, layer.b))
        z = TORCH[layer.activation.name](z @ W + b)
    return z[..., output]


def torch_gradients(network: Network, X: np.ndarray, output: int) -> np.ndarray:
    rows = torch.tensor(X, requires_grad=True)
    (gradient,) = torch.autograd.grad(by_torch(network, rows, output).sum(), rows)
    return np.asarray(gradient)


CASES = [
    *(([5, 12, 3], name, "softmax") for name in TORCH if name not in ("softmax", "exponential")),
    ([5, 16, 16, 16, 16, 16, 3], "relu", "softmax"),
    ([5, 16, 16, 16, 16, 16, 3], "tanh", "softmax"),
    ([5, 16, 16, 16, 16, 3], ["relu", "tanh", "leaky_relu", "elu"], "softmax"),
    ([5, 16, 16, 16, 16, 3], ["tanh", "relu", "gelu", "relu"], "softmax"),
    ([5, 16, 16, 1], "relu", "logistic"),
    ([5, 16, 1], "selu", "identity"),
    ([5, 16, 1], "relu", "relu"),
    ([5, 8, 1], "tanh", "exponential"),
    ([5, 1], [], "logistic"),
    ([5, 4], [], "softmax"),
]


@pytest.mark.parametrize(("sizes", "activation", "output"), CASES)
def test_integrated_gradients_are_complete_and_gradients_are_autograds(
    sizes: list[int], activation: Any, output: str
) -> None:
    network = lively(sizes, activation, output)
    rng = np.random.default_rng(1)
    j = 1 if sizes[-1] > 2 else 0
    chosen = 1 if output == "logistic" else j
    moved = 0.0
    for _ in range(3):
        x, x_0 = rng.normal(size=5) * 2, rng.normal(size=5)
        found = attribute(network, x, baseline=x_0, output=chosen)
        end, start = (float(by_torch(network, torch.tensor(a), j)) for a in (x, x_0))
        assert found.value == pytest.approx(end, rel=1e-12)
        assert found.baseline_value == pytest.approx(start, rel=1e-12)
        change = end - start
        assert abs(found.integrated.sum() - change) <= 1e-6 * max(1, abs(change))
        assert found.remainder <= 1e-6 * max(1, abs(change))
        expected = torch_gradients(network, x[None], j)[0]
        np.testing.assert_allclose(found.gradient, expected, rtol=1e-9, atol=1e-12)
        n = 20_000
        alpha = ((np.arange(n) + 0.5) / n)[:, None]
        mean = torch_gradients(network, x_0 + alpha * (x - x_0), j).mean(axis=0)
        np.testing.assert_allclose(
            found.integrated, (x - x_0) * mean, atol=1e-3 * max(abs((x - x_0) * mean)), rtol=0
        )
        moved = max(moved, abs(change))
    assert moved > 0.01  # a network that says the same everywhere would prove nothing


def test_a_float32_network_is_complete_in_float64() -> None:
    wide = lively([5, 16, 16, 3], "relu", "softmax")
    narrow = Network([Layer(p.W.astype("f4"), p.b.astype("f4"), p.activation) for p in wide.layers])
    x = np.linspace(-2, 2, 5)
    found = attribute(narrow, x, output=0)
    start, end = (float(by_torch(narrow, torch.tensor(a), 0)) for a in (0 * x, x))
    assert abs(found.integrated.sum() - (end - start)) < 1e-12
    assert found.integrated.dtype == np.float64


def test_of_a_linear_network_they_are_w_times_the_difference() -> None:
    w, x, x_0 = np.array([2.0, -3.0, 0.5]), np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, -4.0])
    one = Network([Layer(w[:, None], [7.0])])
    np.testing.assert_allclose(attribute(one, x, baseline=x_0).integrated, [2, -3, 4], rtol=1e-14)
    two = Network([Layer(np.diag(w), np.ones(3)), Layer(np.ones((3, 1)), [0.0])])
    np.testing.assert_allclose(attribute(two, x, baseline=x_0).integrated, [2, -3, 4], rtol=1e-14)


def test_of_a_product_each_factor_gets_its_difference_times_the_others_mean() -> None:
    square = Activation("square", lambda u: u**2, lambda u: 2 * u)
    product = Network(  # x·y = ((x + y)² − (x − y)²)/4
        [Layer([[1, 1], [1, -1]], [0.0, 0.0], square), Layer([[0.25], [-0.25]], [0.0])]
    )
    np.testing.assert_allclose(attribute(product, [3, 5]).integrated, [7.5, 7.5], rtol=1e-14)
    found = attribute(product, [3, 5], baseline=[1, -1])
    np.testing.assert_allclose(found.integrated, [2 * 2, 6 * 2], rtol=1e-14)
    np.testing.assert_allclose(found.gradient, [5, 3], rtol=1e-14)
    np.testing.assert_allclose(found.products, [5 * 2, 3 * 6], rtol=1e-14)


def test_of_an_exponential() -> None:
    """∫₀¹ w_i e^(α w·x) dα = w_i (e^(w·x) − 1) / (w·x)."""
    w, x = np.array([0.5, -1.0]), np.array([3.0, 0.25])
    found = attribute(Network([Layer(w[:, None], [0.0], "exponential")]), x)
    s = w @ x
    np.testing.assert_allclose(found.integrated, w * x * np.expm1(s) / s, rtol=1e-13)


def test_not_xor_by_hand() -> None:
    """u_2 = ½ − |x_1 − x_2|, so that ∂u_2/∂x_1 = −1 where x_1 > x_2, and 1 where x_1 < x_2."""
    found = attribute(NOT_XOR, [1, 0], output=1, of="logit")
    np.testing.assert_allclose(found.integrated, [-1, 0], atol=1e-15)
    # from (1, 0) to (0, 3): x_1 = x_2 at α = ¼
    found = attribute(NOT_XOR, [0, 3], baseline=[1, 0], output=1, of="logit")
    np.testing.assert_allclose(
        found.integrated, [-1 * (-0.25 + 0.75), 3 * (0.25 - 0.75)], rtol=1e-13
    )
    assert (found.baseline_value, found.value) == (-0.5, -2.5)
    found = attribute(NOT_XOR, [1, 0], output=1)
    change = 1 / (1 + np.exp(0.5)) - 1 / (1 + np.exp(-0.5))
    np.testing.assert_allclose(found.integrated, [change, 0], atol=1e-14)


def test_the_lines_kinks_are_found() -> None:
    f = Scalar(NOT_XOR, 0)
    line = Line.between(f, np.array([1.0, 0.0]), np.array([0.0, 3.0]))
    np.testing.assert_allclose(kinks(line), [0, 0.25, 1], rtol=1e-15)
    curved = Network(  # ReLU(tanh(4α) − ½): its kink is at artanh(½)/4
        [Layer([[4.0]], [0.0], "tanh"), Layer([[1.0]], [-0.5], "relu"), Layer([[1.0]], [0.0])]
    )
    line = Line.between(Scalar(curved, 0), np.zeros(1), np.ones(1))
    np.testing.assert_allclose(kinks(line), [0, np.arctanh(0.5) / 4, 1], rtol=1e-15)


def test_gauss_and_kronrods_rule() -> None:
    """Exact for powers up to 22, Gauss's for those up to 13; its points are NumPy's."""
    for power in range(23):
        assert _KRONROD @ _NODES**power == pytest.approx(1 / (power + 1), rel=1e-14, abs=0)
    for power in range(14):
        assert _GAUSS @ _NODES**power == pytest.approx(1 / (power + 1), rel=1e-14, abs=0)
    nodes, weights = np.polynomial.legendre.leggauss(7)
    np.testing.assert_allclose(_NODES[1::2], (1 + nodes) / 2, rtol=1e-14)
    np.testing.assert_allclose(_GAUSS[1::2], weights / 2, rtol=1e-14)


def test_a_kink_that_nobody_announced() -> None:
    clip = Activation(
        "clip", lambda u: np.clip(u, -1, 1), lambda u: (np.abs(u) < 1).astype(np.float64)
    )
    network = Network([Layer([[3.0], [2.0]], [0.1], clip), Layer([[2.0]], [0.0])])
    found = attribute(network, [1.0, 1.0])
    reached = 0.9 / 5  # of the way, where 3α + 2α + 0.1 = 1
    np.testing.assert_allclose(found.integrated, [2 * 3 * reached, 2 * 2 * reached], rtol=1e-6)
    assert found.remainder <= 2e-6


@pytest.mark.parametrize("steepness", [1e2, 1e4, 1e6])
def test_a_step_that_is_narrower_than_any_grid(steepness: float) -> None:
    network = Network([Layer([[steepness], [-steepness]], [-steepness / 3], "logistic")])
    found = attribute(network, [1.0, 0.25], output=1)
    s = steepness * 0.75
    end, start = expit(s - steepness / 3), expit(-steepness / 3)
    share = (end - start) / s
    np.testing.assert_allclose(
        found.integrated, [steepness * share, -0.25 * steepness * share], rtol=1e-6
    )


def test_rounding_does_not_use_up_the_points() -> None:
    """Two contributions of 10⁴ leave 1 between them: no halving makes their rounding less."""
    layers = [Layer(np.eye(2), [1.0, 1.0]), Layer([[3e4], [-3e4]], [0.0], "tanh")]
    found = attribute(Network(layers), [1.0, 1 - 1e-4])
    mean = np.tanh(3) / 3  # of tanh′ over the way
    np.testing.assert_allclose(found.integrated, [3e4 * mean, -(3e4 - 3) * mean], rtol=1e-9)
    assert found.remainder < 1e-10
    assert found.points < 5000


@pytest.mark.parametrize("factor", [0, 0.99, 1.00001])
def test_a_sum_that_is_not_reached_is_refused(factor: float) -> None:
    wrong = Activation("wrong", np.tanh, lambda u: factor * (1 - np.tanh(u) ** 2))
    network = Network([Layer([[1.0]], [0.0], wrong), Layer([[3.0]], [0.0])])
    with pytest.raises(
        InvalidValue, match=r"was not reached: after [\d,]+ points it may be off by"
    ):
        attribute(network, [2.0])


def test_a_network_that_overflows_is_refused() -> None:
    network = Network([Layer([[1.0]], [0.0], "exponential")])
    with pytest.raises(InvalidValue, match="at the row the network's output is not finite: inf"):
        attribute(network, [1000.0])


def test_the_two_classes_of_one_logistic_output() -> None:
    no, yes = (attribute(NOT_XOR, [0.3, 1], output=c, classes=("no", "yes")) for c in (0, "yes"))
    np.testing.assert_allclose(no.integrated, -yes.integrated, atol=1e-15)
    np.testing.assert_allclose(no.gradient, -yes.gradient, atol=1e-15)
    assert no.value + yes.value == pytest.approx(1)
    assert no.value == pytest.approx(1 - NOT_XOR([0.3, 1])[0])
    # σ(½ − 0.7) < ½: the network says the first
    assert attribute(NOT_XOR, [0.3, 1], classes=("no", "yes")).what == no.what
    assert attribute(NOT_XOR, [0, 0], classes=("odd", "even")).what == "probability of even"
    logit = attribute(NOT_XOR, [0.3, 1], output=0, of="logit")
    assert logit.value == pytest.approx(0.2)
    assert logit.what == "logit of class 0"


def test_logits_of_a_softmax_are_the_outputs_before_it() -> None:
    network = lively([3, 8, 4], "relu", "softmax")
    x = np.array([1.0, -2, 0.5])
    found = attribute(network, x, output=2, of="logit")
    assert found.value == pytest.approx(network.logits(x)[2])
    assert attribute(network, x).what == f"probability of class {network(x).argmax()}"


def test_what_a_network_alone_refuses() -> None:
    numbers = Network.of_sizes([2, 3, 2])
    for call, error, says in (
        (lambda: attribute(NOT_XOR, [1, 2, 3]), ShapeError, "the row has 2 numbers, got shape"),
        (lambda: attribute(NOT_XOR, [1, np.nan]), InvalidValue, "not finite"),
        (
            lambda: attribute(NOT_XOR, [1, 2], baseline="mean"),
            InvalidValue,
            "is zero or a row of 2",
        ),
        (
            lambda: attribute(NOT_XOR, [1, 2], baseline=[1]),
            ShapeError,
            "the baseline has 2 numbers",
        ),
        (lambda: attribute(NOT_XOR, [1, 2], output=2), InvalidValue, "numbered 0 to 1"),
        (lambda: attribute(NOT_XOR, [1, 2], output="2"), UnknownName, "no class is called '2'"),
        (lambda: attribute(NOT_XOR, [1, 2], of="odds"), UnknownName, "probability, logit"),
        (lambda: attribute(NOT_XOR, [1, 2], classes="abc"), ShapeError, "tells 2 classes apart"),
        (lambda: attribute(NOT_XOR, [1, 2], inputs="a"), ShapeError, "got names for 1"),
        (lambda: attribute(numbers, [1, 2]), InvalidValue, "gives 2 numbers: choose one of 0 to 1"),
        (lambda: attribute(numbers, [1, 2], output=0, of="logit"), InvalidValue, "has no logit"),
    ):
        with pytest.raises(error, match=says):
            call()
    assert attribute(numbers, [1, 2], output=1).what == "output 1"


# -------------------------------------------------------------------------------- rows of a table


def mixed(rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows).astype(float),
            "city": rng.choice(["Basel", "Bern", "Genf"], rows, p=[0.2, 0.5, 0.3]),
            "active": rng.random(rows) < 0.6,
            "since": pd.to_datetime("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
        }
    )
    frame.loc[rng.random(rows) < 0.2, "age"] = np.nan
    frame.loc[0, ["age", "city", "active"]] = [40.0, "Genf", True]
    frame.loc[1, "age"] = np.nan
    said = frame["age"].fillna(40) + 30 * (frame["city"] == "Genf") - 20 * frame["active"] > 45
    frame["says"] = np.where(said, "stays", "leaves")
    return frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return mixed()


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Model:
    return fit_table(Table.of(frame), settings=Settings(hidden=(12, 12), epochs=20)).model


@pytest.fixture(scope="module")
def subject(model: Model, frame: pd.DataFrame) -> Subject:
    return Subject.of(model, Table.of(frame))


@pytest.fixture(scope="module")
def diabetes() -> tuple[Model, Subject]:
    table = builtin("diabetes")
    model = fit_table(table, settings=Settings(hidden=(8,), epochs=10)).model
    return model, Subject.of(model, table)


def test_one_hot_columns_are_one_column_again(subject: Subject, model: Model) -> None:
    found = attribute_subject(subject, 1)
    assert found.columns == ("age", "city", "active", "since")
    shares = dict(zip(found.columns, found.by_column, strict=True))
    for column, share in shares.items():
        own = [i for i, name in enumerate(found.inputs) if name.startswith(column)]
        assert share == pytest.approx(found.integrated[own].sum(), abs=1e-15)
    assert sum(name.startswith("city=") for name in found.inputs) == 3
    assert found.by_column.sum() == pytest.approx(found.value - found.baseline_value, abs=1e-9)
    cells = dict(zip(found.columns, found.row_cells, strict=True))
    assert cells["city"] == "Genf"
    assert cells["active"] == "true"
    assert cells["age"] == pytest.approx(40, rel=1e-6)
    assert found.text().splitlines()[0].endswith(" at row 1 (in the table says = stays)")


def test_values_and_slopes_are_in_the_tables_own_units(
    subject: Subject, model: Model, frame: pd.DataFrame
) -> None:
    found = attribute_subject(subject, 1, output="stays")
    assert model.encoder is not None
    number = model.encoder.features[0]
    assert isinstance(number, Number)
    filled = frame["age"].fillna(number.scale.fill)
    shares = (frame["city"] == "Bern").mean(), frame["active"].mean()
    age, city, active, since = found.baseline_cells
    assert age == pytest.approx(filled.mean(), rel=1e-5)
    assert city == f"Bern {100 * shares[0]:.0f} %"
    assert active == f"true {100 * shares[1]:.0f} %"
    assert since == str(frame["since"].mean().round("D").date())
    assert found.row_cells[3] == str(frame["since"][0].date())

    h = 0.01  # years: a difference of the probabilities in float64, per year
    wide = Model(
        Network(
            [
                Layer(p.W.astype(float), p.b.astype(float), p.activation)
                for p in model.network.layers
            ]
        ),
        model.plan.__class__(**{**vars(model.plan), "dtype": "float64"}),
        model.encoder,
        model.target,
    )
    pair = frame.drop(columns="says").iloc[[0, 0]].reset_index(drop=True)
    pair.loc[0, "age"] -= h
    pair.loc[1, "age"] += h
    low, high = wide.predict_probability(pair)[:, list(wide.classes).index("stays")]
    assert found.slopes[0] == pytest.approx((high - low) / (2 * h), rel=1e-4)
    assert np.isnan(found.slopes[1])


def test_a_missing_value_is_called_so(subject: Subject) -> None:
    found = attribute_subject(subject, 2)
    assert found.row_cells[0] == "missing"
    assert np.isnan(found.slopes[0])


def test_baselines(subject: Subject) -> None:
    mean = attribute_subject(subject, 1)
    assert mean.baseline_name == f"the mean of {len(subject)} rows"
    np.testing.assert_allclose(mean.baseline, subject.X.astype(float).mean(axis=0), rtol=1e-12)
    zero = attribute_subject(subject, 1, baseline="zero")
    assert not zero.baseline.any()
    assert zero.baseline_name == "zero (numbers at the mean of the training data)"
    assert zero.baseline_cells[1:3] == ("none known", "false")
    other = attribute_subject(subject, 1, baseline="row:2")
    np.testing.assert_array_equal(other.baseline, subject.X[1].astype(float))
    assert other.baseline_name == "row 2"
    assert other.baseline_cells[0] == "missing"
    given = attribute_subject(subject, 1, baseline=subject.X[1])
    np.testing.assert_array_equal(given.integrated, other.integrated)
    itself = attribute_subject(subject, 1, baseline="row:1")
    assert not itself.integrated.any()
    assert itself.total.startswith(f"baseline {itself.value:.4f} + sum 0.0000 = {itself.value:.4f}")


def test_of_a_single_row_the_mean_is_no_baseline(model: Model, frame: pd.DataFrame) -> None:
    found = attribute_table(model, Table.of(frame.iloc[:1].drop(columns="says")), 1)
    assert found.baseline_name.startswith("zero")
    assert found.label == ""


def test_a_model_says_what_is_shared_out(
    subject: Subject, model: Model, frame: pd.DataFrame
) -> None:
    p = model.predict_probability(frame.drop(columns="says"))
    said = model.predict(frame.drop(columns="says"))
    for row in (1, 2, 3, 4):
        found = attribute_subject(subject, row)
        assert found.what == f"probability of {said[row - 1]}"
        assert found.value == pytest.approx(p[row - 1].max(), rel=1e-5)
        for c, name in enumerate(model.classes):
            each = attribute_subject(subject, row, output=str(name))
            assert each.value == pytest.approx(p[row - 1, c], rel=1e-5)


def test_targets_that_are_missing_or_new_do_not_matter(model: Model, frame: pd.DataFrame) -> None:
    whole = attribute_table(model, Table.of(frame), 3)
    gaps = frame.copy()
    gaps.loc[2, "says"] = None
    gaps.loc[7, "says"] = "hesitates"
    found = attribute_table(model, Table.of(gaps), 3)
    np.testing.assert_array_equal(found.integrated, whole.integrated)
    assert found.label == ""
    assert attribute_table(model, Table.of(gaps), 8).label == "says = hesitates"


def test_numbers_are_in_the_targets_own_unit(diabetes: tuple[Model, Subject]) -> None:
    model, subject = diabetes
    table = builtin("diabetes")
    found = attribute_subject(subject, 7, baseline="row:8")
    predicted = model.predict(table.take(np.array([6, 7])))
    assert found.value == pytest.approx(predicted[0], rel=1e-5)
    assert found.baseline_value == pytest.approx(predicted[1], rel=1e-5)
    change = found.value - found.baseline_value
    assert abs(found.integrated.sum() - change) <= 1e-6 * max(1, abs(change))
    assert found.what == subject.target
    with pytest.raises(InvalidValue, match="learned numbers, not classes: leave out the class 'a'"):
        attribute_subject(subject, 7, output="a")


def test_a_network_alone_with_the_logit_as_output_says_probabilities() -> None:
    """Under its loss's link, as it predicts."""
    linear = Network([*NOT_XOR.layers[:1], Layer([[-1], [-1]], [0.5], "identity")])
    table = Table.of({"x_0": [0.0, 1.0], "x_1": [0.0, 0.0], "equal": [1.0, 0.0]})
    found = attribute_table(Model.of(linear), table, 2, loss="binary_cross_entropy")
    assert found.what == "probability of equal = 0"
    assert found.value == pytest.approx(1 / (1 + np.exp(-0.5)))
    gaps = Table.of({"x_0": [0.0, 1.0], "x_1": [0.0, 0.0], "equal": [1.0, np.nan]})
    again = attribute_table(Model.of(linear), gaps, 2, loss="binary_cross_entropy")
    np.testing.assert_array_equal(again.integrated, found.integrated)


def test_what_a_subject_refuses(subject: Subject) -> None:
    for options, says in (
        ({"row": 121}, "there is no row 121: the table has rows 1 to 120"),
        ({"baseline": "row:500"}, "there is no row 500"),
        ({"baseline": "median"}, "a baseline is mean, zero or row:N"),
        ({"baseline": "row:x"}, "a baseline is mean, zero or row:N"),
        ({"baseline": [1.0]}, "the baseline has"),
        ({"output": "stay"}, "no class is called 'stay'; did you mean 'stays'?"),
        ({"output": 2}, "there is no class 2"),
    ):
        with pytest.raises(ChainruleError, match=says.replace("?", r"\?")):
            attribute_subject(subject, **({"row": 1} | options))  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------- faces

ONE_ZERO = """\
probability of odd
from the baseline, zero, where it is 0.3775

column  value  baseline  gradient  integrated
left        1         0     0.235      0.2449  │████████████████████████
right       0         0    −0.235      0.0000  │

baseline 0.3775 + sum 0.2449 = 0.6225: probability of odd

integrated: the share of the column in the sum. gradient: what one unit more of
the column would change, at the rate it has at the row. The integral took 15
points; the sum is off by"""


def test_not_xor_word_by_word() -> None:
    """σ(½) − σ(−½) = 0.2449, and σ′(½) = 0.2350 once with each sign; 0.6225 is 1 − σ(−½)."""
    names = {"inputs": ("left", "right"), "classes": ("odd", "even")}
    assert str(attribute(NOT_XOR, [1, 0], **names)).startswith(ONE_ZERO)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def wide() -> Attribution:
    rng = np.random.default_rng(0)
    network = Network([Layer(rng.normal(size=(60, 1)), [0.0])])
    return attribute(
        network, rng.normal(size=60) * 1e5, inputs=[f"column <{i}>" for i in range(60)]
    )


def test_bars_go_to_the_side_of_their_sign(subject: Subject, wide: Attribution) -> None:
    for found in (attribute_subject(subject, 1), attribute_subject(subject, 2), wide):
        for width in (60, 80, 120):
            lines = found.text(width).splitlines()
            assert max(map(len, lines)) <= width
            bars = [line for line in lines if "│" in line]
            assert len({line.index("│") for line in bars}) == 1
            for line in bars:
                left, right = line.split("│")
                share = left.replace("█", "").replace("▐", "").split()[-1]
                assert not ("█" in left and not share.startswith("−"))
                assert not ("█" in right and share.startswith("−"))
        assert found.text(80, unicode=False).isascii()


def test_of_many_columns_twenty_lines_are_shown_that_add_up(wide: Attribution) -> None:
    lines = [line for line in str(wide).splitlines() if "│" in line]
    assert len(lines) == 20
    assert lines[-1].startswith("41 others")
    shares = [line.split("│")[0].rstrip("█▐ ").split()[-1].replace("−", "-") for line in lines]
    total = sum(map(float, shares))
    assert total == pytest.approx(wide.value - wide.baseline_value, rel=1e-3)
    sizes = np.abs([float(share) for share in shares[:-1]])
    assert (np.diff(sizes) <= 0).all()


def test_plain_data_and_a_frame(subject: Subject) -> None:
    found = attribute_subject(subject, 1)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["row"] == 1
    assert plain["sum"] == pytest.approx(plain["value"] - plain["baseline_value"], abs=1e-9)
    assert sum(each["integrated"] for each in plain["columns"]) == pytest.approx(plain["sum"])
    sizes = [abs(each["integrated"]) for each in plain["columns"]]
    assert sizes == sorted(sizes, reverse=True)
    assert {each["column"]: each["gradient"] for each in plain["columns"]}["city"] is None
    table = found.frame()
    assert list(table.columns) == [
        "column", "value", "baseline", "gradient", "gradient_times_difference", "integrated",
    ]  # fmt: skip
    assert table["integrated"].sum() == pytest.approx(plain["sum"])


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_is_whole_and_takes_the_colours_of_the_page(wide: Attribution) -> None:
    markup = wide._repr_html_()
    checker = _Checker()
    checker.feed(markup)
    assert checker.open == []
    assert wide.total in checker.texts
    assert f"column <{wide.order[0]}>" in checker.texts  # escaped, and back
    assert markup.count("position:relative") == 20
    assert "currentColor" in markup
    assert "color:black" not in markup
    assert "background:#fff" not in markup


def test_bars_are_drawn_with_the_values_of_the_row(subject: Subject, tmp_path: Path) -> None:
    found = attribute_subject(subject, 1)
    assert "city = Genf" in found.bars.names
    assert found.bars.total == found.total
    np.testing.assert_array_equal(found.bars.values, found.by_column[found.order])
    for name, begins in (
        ("a.png", b"\x89PNG"),
        ("a.svg", b"<?xml"),
        ("a.html", b"<!doctype html>"),
    ):
        found.plot(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begins)
    figure = found.plot(size="slide")
    assert figure is not None
    assert "city = Genf" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_numbers_of_the_table_come_back_as_they_were() -> None:
    """Scaled in float32 and back, 7 would be 6.99995, and 0 would be 4.9e-06."""
    rng = np.random.default_rng(0)
    columns = {
        "order": np.arange(1.0, 401.0),
        "floor": np.where(rng.random(400) < 0.5, 0.0, rng.integers(300, 2000, 400)),
        "year": rng.integers(1900, 2011, 400).astype(float),
        "share": np.round(rng.random(400), 3),
    }
    encoder = Encoder.fit(Table(columns))
    X = encoder.transform(Table(columns), "float32").astype(np.float64)
    for i in range(400):
        assert cells(encoder, X[i]) == tuple(float(column[i]) for column in columns.values())
    assert str(cells(encoder, X[np.flatnonzero(columns["floor"] == 0)[0]])[1]) == "0.0"  # not −0


# Several networks, and columns scaled smoothly with bins


@pytest.fixture(scope="module")
def several(frame: pd.DataFrame) -> Model:
    X, y = frame.drop(columns="says"), frame["says"]
    estimator = Classifier(
        members=3, hidden=(8,), epochs=10, bins=4, dtype="float64", random_state=0
    )
    return estimator.fit(X, y).to_model("says")


def test_the_attribution_of_several_networks_is_of_their_mean(
    several: Model, frame: pd.DataFrame
) -> None:
    found = several.attribute(frame, row=1, output="stays")
    p = several.predict_probability(frame)[:, list(several.classes).index("stays")]
    assert len(several.members) == 3
    assert found.value == pytest.approx(p[0], rel=1e-9)
    assert found.by_column.sum() == pytest.approx(found.value - found.baseline_value, abs=1e-9)
    each = [several.member(k).attribute(frame, row=1, output="stays") for k in (1, 2, 3)]
    shares = [member.share for member in several.members]
    np.testing.assert_allclose(
        found.integrated, sum(s * one.integrated for s, one in zip(shares, each, strict=True))
    )
    said = several.attribute(frame, row=1).what
    assert said == f"probability of {several.predict(frame)[0]}"
    with pytest.raises(InvalidValue, match="mean of 3 networks' and has no logit of its own"):
        several.attribute(frame, row=1, of="logit")


@pytest.mark.parametrize("row", [1, 3, 4, 5])
def test_slopes_count_the_smooth_scale_and_the_bins(
    several: Model, frame: pd.DataFrame, row: int
) -> None:
    found = several.attribute(frame, row=row, output="stays")
    age, h = frame["age"][row - 1], 1e-4
    assert several.encoder is not None
    assert len(several.encoder.features[0].edges) == 5
    assert found.row_cells[0] == pytest.approx(age, rel=1e-6)
    pair = frame.drop(columns="says").iloc[[row - 1, row - 1]].reset_index(drop=True)
    pair.loc[1, "age"] += h  # to the right: a value may stand at the edge of a bin
    at, right = several.predict_probability(pair)[:, list(several.classes).index("stays")]
    assert found.slopes[0] == pytest.approx((right - at) / h, rel=1e-3, abs=1e-9)
