"""The worked examples of the lecture, with its numbers, and its slips as they are read here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression

from chainrule import Layer, Network, Plan
from chainrule.activations import logistic
from chainrule.engines.numpy_engine import NumpyEngine
from chainrule.errors import InvalidValue
from chainrule.gradients import backprop, central_differences, explicit_gradients, factors
from chainrule.losses import LOSSES, check_output, targets
from chainrule.optimizers import SGD, Adagrad, Adam, Momentum, Optimizer, RMSprop


def sigma(u: float) -> float:
    return float(1 / (1 + np.exp(-u)))


@pytest.fixture
def not_xor() -> Network:
    """W_2 = [[1, −1], [−1, 1]], b_2 = 0, ReLU; W_1 = [[−1], [−1]], b_1 = ½, logistic."""
    return Network(
        [
            Layer([[1.0, -1.0], [-1.0, 1.0]], [0.0, 0.0], "relu"),
            Layer([[-1.0], [-1.0]], [0.5], "logistic"),
        ]
    )


@pytest.mark.parametrize(
    ("x", "u_3", "z_2", "u_2"),
    [
        ((0.0, 0.0), [0, 0], [0, 0], 0.5),
        ((1.0, 0.0), [1, -1], [1, 0], -0.5),
        ((0.0, 1.0), [-1, 1], [0, 1], -0.5),
        ((1.0, 1.0), [0, 0], [0, 0], 0.5),
    ],
)
def test_not_xor(
    not_xor: Network, x: tuple[float, float], u_3: list[float], z_2: list[float], u_2: float
) -> None:
    trace = not_xor.trace(x)
    assert trace.z[3].tolist() == list(x)
    assert trace.u[3].tolist() == u_3
    assert trace.z[2].tolist() == z_2
    assert trace.u[2].tolist() == [u_2]
    assert trace.z[1][0] == pytest.approx(sigma(u_2), rel=1e-15)


def test_not_xor_separates_its_data(not_xor: Network) -> None:
    X = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    assert (not_xor(X)[:, 0] > 0.5).tolist() == [True, False, False, True]
    assert not_xor.parameter_count == 2 * 2 + 2 + 2 + 1


def test_one_affine_layer_with_the_logistic_function_is_logistic_regression() -> None:
    """d + 1 parameters, and the same fit as scikit-learn without a penalty."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = (rng.uniform(size=300) < logistic(X @ [1.0, -2.0, 0.5] + 0.3)).astype(float)
    network = Network.of_sizes([3, 1], output="logistic", dtype="float64")
    assert network.parameter_count == 3 + 1
    plan = Plan.of(network, "binary_cross_entropy", SGD(2.0, momentum=0.8), batch_size=300)
    engine = NumpyEngine(plan, network, X, y[:, None])
    for epoch in range(600):
        engine.epoch(epoch, 2.0)
    (W, b) = engine.state().parameters[0]
    judge = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(W[:, 0], judge.coef_[0], rtol=1e-6)
    np.testing.assert_allclose(b, judge.intercept_, rtol=1e-6)
    np.testing.assert_allclose(engine.predict(X)[:, 0], judge.predict_proba(X)[:, 1], rtol=1e-6)


@pytest.mark.parametrize("y", [1, -1])
def test_the_two_layer_binary_case(y: int) -> None:
    """∂L/∂W_1 and ∂L/∂W_2 from the lecture's lines, typed out, by its factors, and by judges."""
    rng = np.random.default_rng(1)
    x, W_2, b_2 = rng.normal(size=4), rng.normal(size=(4, 3)), rng.normal(size=3)
    W_1, b_1 = rng.normal(size=(3, 1)), rng.normal(size=1)
    network = Network([Layer(W_2, b_2, "relu"), Layer(W_1, b_1, "logistic")])

    u_3 = x @ W_2 + b_2
    z_2 = np.maximum(u_3, 0)
    u_2 = float((z_2 @ W_1 + b_1)[0])
    z_1 = sigma(u_2)
    slope = z_1 * (1 - z_1)
    by_z_1 = -1 / z_1 if y == 1 else 1 / (1 - z_1)
    h = (u_3 > 0).astype(float)
    by_W_1 = by_z_1 * z_2[:, None] * slope
    by_W_2 = by_z_1 * slope * sum(W_1[k, 0] * np.outer(x, np.eye(3)[k] * h[k]) for k in range(3))

    value, ((W2, b2), (W1, b1)) = explicit_gradients(network, x, y, "binary_cross_entropy")
    assert value == pytest.approx(-np.log(z_1) if y == 1 else -np.log(1 - z_1), rel=1e-13)
    assert factors(network, x, y, "binary_cross_entropy").output_gradient == pytest.approx([by_z_1])
    np.testing.assert_allclose(W1, by_W_1, rtol=1e-12)
    np.testing.assert_allclose(W2, by_W_2, rtol=1e-12)
    np.testing.assert_allclose(b1, [by_z_1 * slope], rtol=1e-12)
    np.testing.assert_allclose(b2, by_z_1 * slope * W_1[:, 0] * h, rtol=1e-12)

    t = targets([y, 1], "binary_cross_entropy", 1, "float64")[:1] if y == -1 else np.ones((1, 1))
    for judged in (
        backprop(network, x[None], t, "binary_cross_entropy")[1],
        central_differences(network, x[None], t, "binary_cross_entropy"),
    ):
        for (W, b), (V, c) in zip(judged, [(W2, b2), (W1, b1)], strict=True):
            np.testing.assert_allclose(W, V, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(b, c, rtol=1e-6, atol=1e-9)

    theta = [torch.tensor(a, requires_grad=True) for a in (W_2, b_2, W_1, b_1)]
    z = torch.sigmoid(torch.relu(torch.tensor(x) @ theta[0] + theta[1]) @ theta[2] + theta[3])
    loss = -torch.log(z if y == 1 else 1 - z).sum()
    for ours, theirs in zip((W2, b2, W1, b1), torch.autograd.grad(loss, theta), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-11, atol=1e-14)


NOTEBOOK: dict[str, tuple[Optimizer, float]] = {
    "SGD": (SGD(0.1), 0.02),
    "momentum": (Momentum(0.1, eta=0.1), 0.02),
    "Adagrad": (Adagrad(0.05), 0.01),
    "RMSprop": (RMSprop(0.001), 0.01),
    "Adam": (Adam(0.003), 0.01),
}


@pytest.mark.parametrize("name", NOTEBOOK)
def test_the_notebook(name: str) -> None:
    """Two moons, 2-20-40-20-1, batches of 10, 100 epochs: the loss falls, ½ divides the classes."""
    optimizer, reached = NOTEBOOK[name]
    X, y = make_moons(500, noise=0.1, random_state=0)
    X = X.astype("float32")
    network = Network.of_sizes([2, 20, 40, 20, 1], "relu", "logistic", seed=1)
    plan = Plan.of(network, "binary_cross_entropy", optimizer, batch_size=10, seed=1)
    t = targets(y, plan.loss, 1, plan.dtype)
    engine = NumpyEngine(plan, network, X, t)
    losses = [engine.epoch(epoch, optimizer.learning_rate) for epoch in range(100)]
    assert 0.2 < losses[0] < 1 and losses[-1] < reached
    assert engine.step == 5000
    predicted = np.where(engine.predict(X)[:, 0] < 1 / 2, 0, 1)
    assert (predicted == y).mean() >= 0.998


def test_labels_never_broadcast_against_outputs() -> None:
    """Labels (n,) against outputs (n, 1): NumPy would make (n, n) of them, and a wrong loss."""
    network = Network.of_sizes([2, 4, 1], output="logistic", dtype="float64")
    X, y = make_moons(50, noise=0.1, random_state=0)
    u, loss = network.logits(X), LOSSES["binary_cross_entropy"]
    assert u.shape == (50, 1) and y.shape == (50,) and (u * y).shape == (50, 50)
    flat = targets(y, loss, 1, "float64")
    column = targets(y.reshape(-1, 1), loss, 1, "float64")
    assert flat.shape == column.shape == (50, 1)
    assert loss.rows(u, y.astype(float)).shape == (50,)
    judge = torch.nn.BCEWithLogitsLoss()(torch.tensor(u), torch.tensor(flat)).item()
    assert loss.value(u, flat) == loss.value(u, y.astype(float)) == pytest.approx(judge, rel=1e-13)


def test_the_network_has_one_output_and_1741_parameters() -> None:
    """The lecture's fc4 = Linear(20, 2) cannot give its (10, 1), and its count ends elsewhere."""
    network = Network.of_sizes([2, 20, 40, 20, 1], output="logistic")
    assert network(np.zeros((10, 2))).shape == (10, 1)
    modules = [torch.nn.Linear(d, e) for d, e in [(2, 20), (20, 40), (40, 20), (20, 1)]]
    assert network.parameter_count == sum(p.numel() for m in modules for p in m.parameters())


def test_the_loss_stands_on_the_logit_and_a_second_sigmoid_is_reported() -> None:
    network = Network.of_sizes([2, 4, 1], output="logistic", dtype="float64")
    X, t = np.random.default_rng(0).normal(size=(8, 2)), np.eye(2)[[0, 1] * 4][:, :1]
    u, z = torch.tensor(network.logits(X)), torch.tensor(network(X))
    once = torch.nn.BCELoss()(z, torch.tensor(t)).item()
    twice = torch.nn.BCEWithLogitsLoss()(z, torch.tensor(t)).item()
    assert torch.nn.BCEWithLogitsLoss()(u, torch.tensor(t)).item() == pytest.approx(once)
    assert backprop(network, X, t, "binary_cross_entropy")[0] == pytest.approx(once, rel=1e-13)
    assert abs(once - twice) > 0.01
    with pytest.raises(InvalidValue, match="a doubled logistic"):
        check_output("cross_entropy", "logistic")
