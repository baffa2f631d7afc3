"""The gradient in independent ways: what is right passes, what is a little wrong does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

import chainrule
from chainrule import Layer, Network
from chainrule.activations import ACTIVATIONS, Activation, Softmax, relu
from chainrule.engines.native_engine import NativeEngine
from chainrule.engines.torch_engine import TorchEngine
from chainrule.errors import InvalidValue, MissingExtra, ShapeError, UnknownName
from chainrule.explanation.subject import Subject
from chainrule.explanation.verification import (
    Verification,
    Way,
    differences,
    verify_gradients,
    verify_subject,
    ways,
)
from chainrule.explanation.verification.differences import Differences
from chainrule.losses import LOSSES, check_output

WRONG = 1.0005


def fits(loss: str, output: str) -> bool:
    try:
        check_output(loss, output)
    except InvalidValue:
        return False
    return True


PAIRS = [(loss, output) for loss in LOSSES for output in ACTIVATIONS if fits(loss, output)]


def network(hidden: str, output: str, layers: int, outputs: int = 3) -> Network:
    """With small weights: eᵘ four times over grows beyond all bounds."""
    sizes = [4, *[5] * (layers - 1), outputs]
    made = Network.of_sizes(sizes, hidden, output, seed=2, dtype="float64")
    for layer in made.layers:
        layer.W *= 0.4
    return made


def data(loss: str, n: int = 6, outputs: int = 3) -> tuple[npt.NDArray[np.float64], list[float]]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 4))
    if loss == "cross_entropy":
        return X, rng.integers(0, outputs, n).tolist()
    if loss == "binary_cross_entropy":
        return X, rng.integers(0, 2, (n, outputs)).tolist()
    return X, rng.uniform(0.1, 2.0, (n, outputs)).tolist()


@pytest.mark.parametrize("layers", [1, 2, 5])
@pytest.mark.parametrize("hidden", [name for name in ACTIVATIONS if name != "softmax"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_hidden_activation_and_loss_passes(hidden: str, loss: str, layers: int) -> None:
    output = LOSSES[loss].link or "identity"
    found = verify_gradients(network(hidden, output, layers), *data(loss), loss)
    assert found.passed, str(found)
    assert found.tolerance == 1e-6
    assert found.unproven == ()
    assert all(np.isfinite(way.worst).all() for way in found.ways), str(found)


@pytest.mark.parametrize("layers", [1, 2, 5])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_every_output_activation_and_loss_passes(loss: str, output: str, layers: int) -> None:
    found = verify_gradients(network("tanh", output, layers), *data(loss), loss)
    assert found.passed, str(found)


def test_differences_are_far_more_exact_than_the_tolerance() -> None:
    found = verify_gradients(
        network("tanh", "logistic", 2), *data("squared_error"), "squared_error"
    )
    assert max(found.ways[-1].worst) < 1e-9


def way(found: Verification, name: str) -> Way:
    return next(each for each in found.ways if each.name == name)


def broken(name: str) -> Activation:
    """The library's activation, with a derivative that is wrong by 0.05 %."""
    right = ACTIVATIONS[name]
    return replace(right, derivative=lambda u: WRONG * right.derivative(u))


@pytest.mark.parametrize("name", ["tanh", "relu", "logistic", "gelu"])
def test_a_derivative_wrong_by_a_twentieth_of_a_percent_fails(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = network(name, "identity", 3)
    X, y = data("squared_error")
    for layer in whole.layers[:-1]:
        layer.activation = broken(name)
    monkeypatch.setitem(ACTIVATIONS, name, whole.layers[0].activation)
    found = verify_gradients(whole, X, y)
    assert not found.passed
    assert {r for r, _ in found.failed} == {2, 3}
    assert {each.name for _, each in found.failed} == {
        "compiled engine", "PyTorch's autograd", "differences",
    }  # fmt: skip
    for each in ("PyTorch's autograd", "differences"):
        second, first = way(found, each).worst[1], way(found, each).worst[0]
        assert second == pytest.approx(5e-4, rel=0.01)
        assert first == pytest.approx(1e-3, rel=0.01)  # both derivatives are in its product
    assert "failed: in layer 3" in found.verdict


def scaled(gradients: list[tuple[object, object]]) -> list[tuple[object, object]]:
    W, b = gradients[0]
    return [(WRONG * np.asarray(W), b), *gradients[1:]]


@pytest.mark.parametrize(
    ("engine", "name"),
    [(NativeEngine, "compiled engine"), (TorchEngine, "PyTorch's autograd")],
)
def test_an_engine_that_is_wrong_fails(
    engine: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = engine.loss_and_gradient  # type: ignore[attr-defined]

    def wrong(self: object, X: object, t: object) -> tuple[float, object]:
        loss, gradients = right(self, X, t)
        return loss, scaled(gradients)

    monkeypatch.setattr(engine, "loss_and_gradient", wrong)
    found = verify_gradients(network("tanh", "identity", 2), *data("squared_error"))
    assert [(r, each.name) for r, each in found.failed] == [(2, name)]
    assert way(found, name).worst == pytest.approx((5e-4, 0), rel=1e-6, abs=1e-12)


def test_wrong_factors_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ways.explicit_gradients

    def wrong(*arguments: object) -> tuple[float, object]:
        loss, gradients = right(*arguments)  # type: ignore[arg-type]
        return loss, scaled(gradients)  # type: ignore[arg-type]

    monkeypatch.setattr(ways, "explicit_gradients", wrong)
    found = verify_gradients(network("tanh", "identity", 2), *data("squared_error"))
    assert [(r, each.name) for r, each in found.failed] == [(2, "explicit factors")]


def test_wrong_backprop_fails_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ways.backprop

    def wrong(*arguments: object) -> tuple[float, object]:
        loss, gradients = right(*arguments)  # type: ignore[arg-type]
        return loss, scaled(gradients)  # type: ignore[arg-type]

    monkeypatch.setattr(ways, "backprop", wrong)
    found = verify_gradients(network("tanh", "identity", 2), *data("squared_error"))
    assert {each.name for _, each in found.failed} == {each.name for each in found.ways}


def test_a_row_exactly_on_the_kinks_of_relu_passes() -> None:
    """u = 0 in all units: h(0) = 0, and no difference can judge what is on a kink."""
    net = Network([Layer(np.ones((2, 3)), np.zeros(3), "relu"), Layer(np.ones((3, 1)), [0.5])])
    found = verify_gradients(net, [[0.0, 0.0], [1.0, 2.0]], [1.0, 2.0])
    assert found.passed, str(found)
    assert "3 set aside: on a kink" in way(found, "differences").note  # b_2; x = 0 moves no u


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu"])
@pytest.mark.parametrize("distance", [1e-3, 1e-4, 1e-6, -1e-5])
def test_a_kink_near_by_passes(name: str, distance: float) -> None:
    """A smaller step finds its way between the row and the kink."""
    net = Network([Layer([[1.0]], [0.0], name), Layer([[2.0]], [0.5])])
    found = verify_gradients(net, [[distance], [0.7]], [1.0, 2.0])
    assert found.passed, str(found)
    assert "kink" not in way(found, "differences").note
    assert np.isfinite(way(found, "differences").worst).all()


def test_the_differences_of_a_kink_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look at signs and at the slopes of both sides, ½ is measured where h(0) = 0, at every step."""
    net = Network([Layer(np.ones((2, 3)), np.zeros(3), "relu"), Layer(np.ones((3, 1)), [0.5])])
    rows = [[0.0, 0.0], [1.0, 2.0]], [1.0, 2.0], "absolute_error"
    assert verify_gradients(net, *rows).passed
    monkeypatch.setattr(differences, "_kinked", lambda phi: False)
    assert verify_gradients(net, *rows).passed  # the slopes of the two sides tell as well
    monkeypatch.setattr(differences, "_BENDS", np.zeros(4))
    assert [(r, each.name) for r, each in verify_gradients(net, *rows).failed] == [
        (2, "differences")
    ]


def test_on_the_corner_of_the_absolute_error() -> None:
    net = Network([Layer([[1.0]], [0.0])])
    found = verify_gradients(net, [[2.0], [3.0]], [2.0, 5.0], "absolute_error")
    assert found.passed, str(found)


def test_an_infinite_first_factor_is_not_defined_and_not_a_failure() -> None:
    net = Network([Layer([[1.0]], [0.0], "logistic")])
    found = verify_gradients(net, [[1.0], [800.0]], [1, 0])
    assert way(found, "explicit factors").note == "not defined: ∂L/∂z_1 is infinite at row 2"
    assert np.isnan(way(found, "explicit factors").worst).all()
    assert found.passed, str(found)


def test_your_own_activation_is_judged_by_differences_alone() -> None:
    cube = Activation("cube", lambda u: u**3, lambda u: 3 * u**2)
    net = Network.of_sizes([4, 5, 3], cube, dtype="float64", seed=2)
    X, y = data("squared_error")
    found = verify_gradients(net, X, y)
    assert found.passed, str(found)
    for name in ("NumPy engine", "compiled engine", "PyTorch's autograd"):
        assert way(found, name).note == "not taken: it has no activation 'cube'"
    wrong = Activation("cube", lambda u: u**3, lambda u: WRONG * 3 * u**2)
    net = Network.of_sizes([4, 5, 3], wrong, dtype="float64", seed=2)
    assert {each.name for _, each in verify_gradients(net, X, y).failed} == {"differences"}


def test_your_own_activation_with_a_hidden_kink_is_not_proven_where_it_is() -> None:
    mine = Activation("mine", relu, lambda u: np.where(u > 0, 1.0, 0.0))
    net = Network([Layer([[1.0]], [0.0], mine), Layer([[2.0]], [0.5])])
    found = verify_gradients(net, [[1e-9], [0.7]], [1.0, 2.0])
    assert found.failed == ()


@pytest.mark.parametrize("seed", range(6))
def test_your_own_relu_may_stand_on_its_kink(seed: int) -> None:
    """A row that all units of a layer ignore leaves u = 0 in the next, whose bias is 0."""
    relu_ = ACTIVATIONS["relu"]
    X, y = data("squared_error")
    for factor, passes in ((1.0, True), (WRONG, False)):
        phi = Activation("mine", relu, lambda u, f=factor: f * relu_.derivative(u))  # type: ignore[misc]
        net = Network.of_sizes([4, 5, 5, 5, 5, 3], phi, "identity", seed=seed, dtype="float64")
        found = verify_gradients(net, X, y)
        assert (not found.failed) is passes, str(found)


def test_the_row_of_an_infinite_factor_has_its_number_in_the_table() -> None:
    net = Network([Layer([[1.0]], [0.0], "logistic")])
    subject = replace(Subject.of_rows(net, [[1.0], [800.0]], [1, 0]), numbers=np.array([40, 72]))
    note = way(verify_subject(subject), "explicit factors").note
    assert note == "not defined: ∂L/∂z_1 is infinite at row 72"


def test_what_takes_long_is_measured_at_fewer_entries() -> None:
    assert ways._most(1) == ways.MOST_ENTRIES
    assert ways._most(ways._WORK // 50) == 50
    assert ways._most(ways._WORK) == ways.FEWEST_ENTRIES
    net = Network.of_sizes([3, 400, 400, 2], output="softmax", seed=0)
    work = Differences(net, np.zeros((2, 3)), np.zeros((2, 1)), LOSSES["cross_entropy"]).work
    assert work(0) == 4 * 2 * (400 * 400 + 400 * 2 + 100 * 802)
    assert work(2) == 4 * 2 * 100 * 2


def test_nothing_judged_is_nothing_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "ENGINES", {"numpy": ways.ENGINES["numpy"]})
    net = Network([Layer([[0.0]], [0.0], "relu"), Layer([[1.0]], [0.0])])
    found = verify_gradients(net, [[1.0]], [1.0])  # all of layer 2 stands on the kink
    assert found.failed == ()
    assert found.unproven == (2,)
    assert not found.passed
    assert found.verdict == "not proven: nothing independent of backprop could judge layer 2"


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ways.choose

    def choose(plan: object, engine: str) -> object:
        if engine == "torch":
            raise MissingExtra("torch")
        return right(plan, engine)  # type: ignore[arg-type]

    monkeypatch.setattr(ways, "choose", choose)
    found = verify_gradients(network("tanh", "identity", 2), *data("squared_error"))
    assert found.passed
    assert "pip install 'chainrule[torch]'" in way(found, "PyTorch's autograd").note
    assert found.verdict == "passed: 3 ways agree with backprop to 1e-06 in every layer"


def test_a_large_network_is_sampled_and_its_tensors_are_not_built() -> None:
    net = Network.of_sizes([100, 400, 300, 2], output="softmax", seed=0)
    X = np.random.default_rng(0).normal(size=(3, 100))
    found = verify_gradients(net, X, [0, 1, 1])
    assert found.passed, str(found)
    assert way(found, "explicit factors").note == (
        "not taken: the tensors ∂g/∂W would take 0.4 GiB"
    )
    assert way(found, "differences").note.startswith("1,002 by chance of 161,302 entries")


def test_a_float32_network_is_judged_in_float64() -> None:
    net = Network.of_sizes([4, 5, 3], "tanh", seed=1)
    found = verify_gradients(net, *data("squared_error"))
    assert net.dtype == "float32"
    assert max(found.ways[-1].worst) < 1e-9


def test_measured_values_against_a_formula() -> None:
    """L = mean (w x)²: ∂L/∂w = 2 w mean x², and ∂L/∂b = 2 w mean x."""
    net = Network([Layer([[3.0]], [0.0])])
    x = np.array([[1.0], [-4.0], [0.5]])
    measured = Differences(net, x, np.zeros((3, 1)), LOSSES["squared_error"])
    first = np.array([0])
    assert measured.by_W(0, first).values == pytest.approx([6 * np.mean(x**2)], rel=1e-11)
    assert measured.by_b(0, first).values == pytest.approx([6 * np.mean(x)], rel=1e-11)


def test_one_row_and_labels_as_train_takes_them() -> None:
    net = Network.of_sizes([2, 3, 1], output="logistic", seed=0)
    one = chainrule.verify_gradients(net, [0.5, -1.0], 1)
    assert one.rows == 1 and one.passed
    assert chainrule.verify_gradients(net, [[0.5, -1.0], [1.0, 1.0]], [-1, 1]).passed


def test_as_text_html_and_data() -> None:
    found = verify_gradients(network("relu", "softmax", 2), *data("cross_entropy"))
    text = str(found)
    assert "layer 2" not in text and "2 relu" in text and "5×3" in text
    assert text.splitlines()[0].startswith("∂L/∂W and ∂L/∂b of a network 4-5-3, cross_entropy")
    assert text.endswith(found.verdict) and max(map(len, text.splitlines())) <= 80
    assert found.verdict == "passed: 4 ways agree with backprop to 1e-06 in every layer"
    plain = found.as_dict()
    assert plain["passed"] is True
    assert [each["name"] for each in plain["ways"]] == [
        "explicit factors", "NumPy engine", "compiled engine", "PyTorch's autograd", "differences",
    ]  # fmt: skip
    assert set(plain["ways"][0]["largest_relative_difference"]) == {"1", "2"}
    assert found.verdict in found._repr_html_()


def test_bad_input() -> None:
    net = network("tanh", "identity", 2)
    X, y = data("squared_error")
    with pytest.raises(InvalidValue, match="a tolerance is above 0, got -1"):
        verify_gradients(net, X, y, tolerance=-1)
    with pytest.raises(InvalidValue, match="a row at least"):
        verify_gradients(net, np.empty((0, 4)), np.empty((0, 3)))
    with pytest.raises(ShapeError, match="6 rows of 3 outputs, targets of shape .5, 3."):
        verify_gradients(net, X, y[:5])
    with pytest.raises(ShapeError, match="layer 2 takes rows of 4 numbers, got 3"):
        verify_gradients(net, X[:, :3], y)
    with pytest.raises(InvalidValue, match="not finite on these rows"):
        verify_gradients(net, 1e300 * X, 1e300 * np.array(y))
    with pytest.raises(UnknownName, match="no loss"):
        verify_gradients(net, X, y, "squares")


def test_softmax_in_the_middle() -> None:
    assert isinstance(ACTIVATIONS["softmax"], Softmax)
    found = verify_gradients(network("softmax", "identity", 3), *data("squared_error"))
    assert found.passed, str(found)
