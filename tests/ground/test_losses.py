"""L and its gradients against PyTorch, with and without row weights; labels in every coding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from chainrule.activations import ACTIVATIONS
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.losses import LOSSES, check_output, default, get, targets

ENTRIES: dict[str, Callable[..., torch.Tensor]] = {
    "squared_error": F.mse_loss,
    "binary_cross_entropy": F.binary_cross_entropy_with_logits,
    "absolute_error": F.l1_loss,
    "huber": F.huber_loss,
    "poisson": lambda u, t, reduction: F.poisson_nll_loss(
        u, t, log_input=True, full=False, reduction=reduction
    ),
}
TOLERANCE: dict[str, Any] = {
    "float64": {"rtol": 1e-12, "atol": 1e-15},
    "float32": {"rtol": 1e-5, "atol": 1e-7},
}


def draw(name: str, dtype: str, rows: int = 9, outputs: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """What a loss stands on, and targets that it takes."""
    rng = np.random.default_rng(2)
    a = rng.normal(0, 2, (rows, outputs)).astype(dtype)
    if name == "binary_cross_entropy":
        return a, rng.integers(0, 2, (rows, outputs)).astype(dtype)
    if name == "cross_entropy":
        return a, rng.integers(0, outputs, (rows, 1)).astype(dtype)
    if name == "poisson":
        return a, rng.poisson(2, (rows, outputs)).astype(dtype)
    return a, rng.normal(0, 2, (rows, outputs)).astype(dtype)


def torch_rows(name: str, a: torch.Tensor, t: np.ndarray) -> torch.Tensor:
    """ℓ of each row."""
    if name == "cross_entropy":
        target = torch.tensor(t[:, 0]).long() if t.shape[1] == 1 else torch.tensor(t)
        return F.cross_entropy(a, target, reduction="none")
    return ENTRIES[name](a, torch.tensor(t), reduction="none").mean(dim=1)


def torch_loss(
    name: str, a: np.ndarray, t: np.ndarray, w: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """L and ∂L/∂a."""
    x = torch.tensor(a, requires_grad=True)
    ell = torch_rows(name, x, t)
    weights = torch.ones(len(a), dtype=x.dtype) if w is None else torch.tensor(w)
    loss = (weights * ell).sum() / weights.sum()
    (gradient,) = torch.autograd.grad(loss, x)
    return float(loss.item()), gradient.numpy()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_pytorchs(name: str, dtype: str, weighted: bool) -> None:
    a, t = draw(name, dtype)
    w = np.random.default_rng(3).uniform(0, 2, len(a)).astype(dtype) if weighted else None
    value, gradient = torch_loss(name, a, t, w)
    loss = LOSSES[name]
    assert loss.gradient(a, t, w).dtype == loss.rows(a, t).dtype == dtype
    assert loss.value(a, t, w) == pytest.approx(value, rel=TOLERANCE[dtype]["rtol"])
    np.testing.assert_allclose(loss.gradient(a, t, w), gradient, **TOLERANCE[dtype])
    expected = torch_rows(name, torch.tensor(a), t).numpy()
    np.testing.assert_allclose(loss.rows(a, t), expected, **TOLERANCE[dtype])


def test_the_mean_is_pytorchs_own_reduction() -> None:
    a, t = draw("squared_error", "float64")
    expected = F.mse_loss(torch.tensor(a), torch.tensor(t)).item()
    assert LOSSES["squared_error"].value(a, t) == pytest.approx(expected, rel=1e-14)
    a, t = draw("cross_entropy", "float64")
    expected = F.cross_entropy(torch.tensor(a), torch.tensor(t[:, 0]).long()).item()
    assert LOSSES["cross_entropy"].value(a, t) == pytest.approx(expected, rel=1e-14)


def test_cross_entropy_takes_rows_of_probabilities() -> None:
    a, _ = draw("cross_entropy", "float64")
    t = np.random.default_rng(4).dirichlet([1, 1, 1], len(a))
    value, gradient = torch_loss("cross_entropy", a, t, None)
    assert LOSSES["cross_entropy"].value(a, t) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(LOSSES["cross_entropy"].gradient(a, t), gradient, atol=1e-15)
    one_hot, classes = np.eye(3)[[0, 2, 1]], np.array([[0.0], [2.0], [1.0]])
    assert LOSSES["cross_entropy"].value(a[:3], one_hot) == LOSSES["cross_entropy"].value(
        a[:3], classes
    )


@pytest.mark.parametrize("name", LOSSES)
def test_output_gradient_times_the_link_is_the_gradient(name: str) -> None:
    """∂L/∂u_2 = ∂L/∂z_1 · ∇φ_1; without a link the two are the same thing."""
    a, t = draw(name, "float64")
    w = np.random.default_rng(3).uniform(0, 2, len(a))
    loss = LOSSES[name]
    link = ACTIVATIONS[loss.link or "identity"]
    through = link.backward(a, loss.output_gradient(link.value(a), t, w))
    np.testing.assert_allclose(through, loss.gradient(a, t, w), rtol=1e-10, atol=1e-14)


def test_output_gradient_is_the_lectures() -> None:
    z, t = np.array([[0.8], [0.3]]), np.array([[1.0], [0.0]])
    gradient = LOSSES["binary_cross_entropy"].output_gradient(z, t)
    np.testing.assert_allclose(gradient, [[-1 / 0.8 / 2], [1 / (1 - 0.3) / 2]], rtol=1e-15)


def test_output_gradient_is_infinite_where_the_output_is_sure_and_wrong() -> None:
    z, t = np.array([[0.0], [1.0], [1.0]]), np.array([[1.0], [0.0], [1.0]])
    gradient = LOSSES["binary_cross_entropy"].output_gradient(z, t)
    assert gradient.ravel().tolist() == [-np.inf, np.inf, -1 / 3]


@pytest.mark.parametrize(
    ("name", "a", "t", "value", "slope"),
    [
        ("binary_cross_entropy", 1000.0, 0.0, 1000.0, 1.0),
        ("binary_cross_entropy", 1000.0, 1.0, 0.0, 0.0),
        ("binary_cross_entropy", -1000.0, 1.0, 1000.0, -1.0),
        ("binary_cross_entropy", 0.0, 1.0, np.log(2), -0.5),
        ("binary_cross_entropy", 40.0, 1.0, np.exp(-40), -np.exp(-40)),
        ("absolute_error", 2.0, 2.0, 0.0, 0.0),
        ("absolute_error", 2.0, 5.0, 3.0, -1.0),
        ("huber", 2.0, 2.5, 0.125, -0.5),
        ("huber", 5.0, 2.0, 2.5, 1.0),
        ("squared_error", 5.0, 2.0, 9.0, 6.0),
        ("poisson", 0.0, 3.0, 1.0, -2.0),
        ("poisson", 1000.0, 3.0, np.inf, np.inf),
    ],
)
def test_known_values(name: str, a: float, t: float, value: float, slope: float) -> None:
    one, other = np.array([[a]]), np.array([[t]])
    assert LOSSES[name].value(one, other) == pytest.approx(value, rel=1e-15, abs=0)
    assert LOSSES[name].gradient(one, other)[0, 0] == pytest.approx(slope, rel=1e-8, abs=1e-16)


def test_cross_entropy_at_extreme_logits() -> None:
    u = np.array([[1000.0, 0.0, -1000.0]])
    for label, value in [(0, 0.0), (1, 1000.0), (2, 2000.0)]:
        assert LOSSES["cross_entropy"].value(u, np.array([[label]])) == value


@pytest.mark.parametrize("name", LOSSES)
def test_rows_without_weight_count_for_nothing(name: str) -> None:
    a, t = draw(name, "float64")
    w = np.array([1.0, 2, 0, 1, 0, 3, 0, 1, 0])
    some = w > 0
    loss = LOSSES[name]
    assert loss.value(a, t, w) == pytest.approx(loss.value(a[some], t[some], w[some]), rel=1e-14)
    assert not loss.gradient(a, t, w)[~some].any()
    assert loss.value(a, t, np.zeros(9)) == 0
    assert not loss.gradient(a, t, np.zeros(9)).any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_is_a_number_of_copies(name: str) -> None:
    a, t = draw(name, "float64")
    copies = np.array([1, 2, 3, 1, 1, 2, 1, 1, 2])
    loss = LOSSES[name]
    repeated = loss.value(np.repeat(a, copies, axis=0), np.repeat(t, copies, axis=0))
    assert loss.value(a, t, copies.astype(float)) == pytest.approx(repeated, rel=1e-14)


def test_labels_of_one_number_never_broadcast() -> None:
    """The lecture's shape lesson: (n,) against (n, 1) is n numbers, not n·n."""
    u = np.random.default_rng(1).normal(size=(10, 1))
    y = (u[:, 0] > 0).astype(float)
    loss = LOSSES["binary_cross_entropy"]
    assert loss.rows(u, y).shape == (10,)
    assert loss.value(u, y) == loss.value(u, y[:, None]) == loss.value(u[:, 0], y)
    assert loss.gradient(u, y).shape == (10, 1)
    with pytest.raises(ShapeError, match=r"10 rows of 1 outputs, targets of shape \(1, 10\)"):
        loss.value(u, y[None])


def test_weights_of_another_length_are_refused() -> None:
    a, t = draw("huber", "float64")
    with pytest.raises(ShapeError, match=r"9 rows, weights of shape \(9, 1\)"):
        LOSSES["huber"].value(a, t, np.ones((9, 1)))


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize(
    "labels", [[0, 1, 1, 0], [-1, 1, 1, -1], [False, True, True, False], [0.0, 1.0, 1.0, 0.0]]
)
def test_binary_labels_in_each_coding(labels: list[float], shape: tuple[int, ...]) -> None:
    t = targets(np.reshape(labels, shape), "binary_cross_entropy", 1, "float32")
    assert t.dtype == "float32" and t.tolist() == [[0], [1], [1], [0]]


def test_class_numbers() -> None:
    t = targets([2, 0, 1], "cross_entropy", 3, "float64")
    assert t.tolist() == [[2], [0], [1]] and t.dtype == "float64"
    assert targets(np.array([[1], [0]]), "cross_entropy", 3, "float32").shape == (2, 1)
    assert targets(np.eye(3), "cross_entropy", 3, "float64").tolist() == np.eye(3).tolist()


def test_numbers_keep_their_shape() -> None:
    assert targets([1.5, 2.5], "squared_error", 1, "float64").tolist() == [[1.5], [2.5]]
    y = np.arange(6.0).reshape(3, 2)[:, ::-1]
    t = targets(y, "huber", 2, "float32")
    assert t.tolist() == y.tolist() and t.flags.c_contiguous


@pytest.mark.parametrize(
    ("y", "loss", "outputs", "words"),
    [
        ([0, 1, 2], "binary_cross_entropy", 1, "labels 0 and 1, or −1 and .1; row 2 has 2"),
        ([0, 1, -1], "binary_cross_entropy", 1, "labels 0 and 1, or −1 and .1; row 0 has 0"),
        ([0.5, 1], "binary_cross_entropy", 1, "row 0 has 0.5"),
        ([0, 3], "cross_entropy", 3, "over 3 outputs takes class numbers 0 to 2; row 1 has 3"),
        ([0, -1], "cross_entropy", 3, "row 1 has -1"),
        ([0, 1.5], "cross_entropy", 3, "row 1 has 1.5"),
        ([[0.5, 0.6], [1, 0]], "cross_entropy", 2, "sum to 1; row 0 has 1.1"),
        ([[1e308, 1e308], [1, 0]], "cross_entropy", 2, "sum to 1; row 0 has inf"),
        ([[1.5, -0.5], [1, 0]], "cross_entropy", 2, "are not negative; row 0 has -0.5"),
        ([1, -2], "poisson", 1, "counts or rates, 0 or more; row 1 has -2"),
        ([1, np.nan], "squared_error", 1, "targets must be finite; row 1 has nan"),
        ([1, np.inf], "absolute_error", 1, "targets must be finite; row 1 has inf"),
        ([0, np.nan], "cross_entropy", 3, "targets must be finite; row 1 has nan"),
        ([0, 1e39], "squared_error", 1, r"finite in float32; row 1 has 1e\+39"),
        (["a", "b"], "binary_cross_entropy", 1, "targets must be numbers, got an array of <U1"),
    ],
)
def test_targets_that_a_loss_does_not_know_are_refused(
    y: list[float], loss: str, outputs: int, words: str
) -> None:
    with pytest.raises(InvalidValue, match=words):
        targets(y, loss, outputs, "float32")


@pytest.mark.parametrize(
    ("shape", "loss", "outputs", "words"),
    [
        ((4,), "squared_error", 2, r"targets have shape \(4,\); .* 2 outputs takes \(n, 2\)"),
        ((4, 2), "binary_cross_entropy", 1, r"shape \(4, 2\); .* takes \(n,\) or \(n, 1\)"),
        ((2, 2, 1), "squared_error", 1, r"shape \(2, 2, 1\)"),
        ((), "squared_error", 1, r"shape \(\)"),
        ((4, 2), "cross_entropy", 3, r"class numbers \(n,\) or \(n, 1\) or prob.* \(n, 3\)"),
    ],
)
def test_targets_of_another_shape_are_refused(
    shape: tuple[int, ...], loss: str, outputs: int, words: str
) -> None:
    with pytest.raises(ShapeError, match=words):
        targets(np.zeros(shape), loss, outputs, "float64")


@pytest.mark.parametrize(
    ("loss", "output", "words"),
    [
        ("binary_cross_entropy", "softmax", "a doubled softmax; make the output 'logistic' or"),
        ("cross_entropy", "logistic", "applies logistic before it: a doubled logistic"),
        ("binary_cross_entropy", "tanh", "the output layer applies tanh before it; make"),
        ("poisson", "relu", "applies the exponential itself"),
    ],
)
def test_a_second_output_activation_is_found_and_reported(
    loss: str, output: str, words: str
) -> None:
    with pytest.raises(InvalidValue, match=words):
        check_output(loss, output)


def test_links_and_free_outputs_are_accepted() -> None:
    for loss in LOSSES.values():
        check_output(loss, loss.link or "tanh")
        check_output(loss, "identity")


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("logistic", "binary_cross_entropy"),
        ("sigmoid", "binary_cross_entropy"),
        ("softmax", "cross_entropy"),
        ("exponential", "poisson"),
        ("identity", "squared_error"),
        ("tanh", "squared_error"),
    ],
)
def test_the_loss_that_goes_with_an_output(output: str, loss: str) -> None:
    assert default(output).name == loss


def test_an_unknown_loss_is_answered_with_the_nearest() -> None:
    assert get("huber") is LOSSES["huber"] is get(LOSSES["huber"])
    with pytest.raises(UnknownName, match="no loss is called 'crossentropy'; did you mean 'cross"):
        get("crossentropy")
