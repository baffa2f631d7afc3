"""Explicit factors, backprop, central differences and autograd: four ways to the same gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import Layer, Network
from chainrule.activations import ACTIVATIONS, get
from chainrule.engines.torch_twins import ACTIVATIONS as PHI
from chainrule.engines.torch_twins import LOSSES as ELL
from chainrule.errors import ShapeError
from chainrule.gradients import (
    Gradients,
    backprop,
    central_differences,
    contract,
    explicit_gradients,
    factors,
    g_by_b,
    g_by_W,
    g_by_z,
    numerical_gradient,
)
from chainrule.losses import LOSSES, targets

INNER = sorted(set(ACTIVATIONS) - {"exponential"})  # which soon overflows inside a network


def disagreement(one: Gradients, other: Gradients) -> float:
    """The largest difference of two gradients, each array's relative to its own largest entry."""
    flat = [np.concatenate([a.ravel() for pair in g for a in pair]) for g in (one, other)]
    pairs = [(a, b) for p, q in zip(one, other, strict=True) for a, b in zip(p, q, strict=True)]
    floor = 1e-9 * abs(flat[1]).max()
    return max(float(abs(a - b).max() / max(abs(b).max(), floor)) for a, b in pairs)


def problem(
    loss: str, sizes: list[int], hidden: str = "tanh", output: str | None = None, rows: int = 6
) -> tuple[Network, np.ndarray, np.ndarray, np.ndarray]:
    """A network in float64 with biases, rows, targets and weights."""
    rng = np.random.default_rng(11)
    output = output or LOSSES[loss].link or "identity"
    network = Network.of_sizes(sizes, hidden, output, dtype="float64", initializer="torch", seed=5)
    X = rng.normal(size=(rows, sizes[0]))
    k = sizes[-1]
    y = {
        "binary_cross_entropy": rng.integers(0, 2, (rows, k)),
        "cross_entropy": rng.integers(0, k, rows),
        "poisson": rng.poisson(2, (rows, k)),
    }.get(loss, rng.normal(size=(rows, k)))
    return network, X, targets(y, loss, k, "float64"), rng.uniform(0.2, 2, rows)


def autograd(network: Network, X: np.ndarray, t: np.ndarray, loss: str, w: np.ndarray) -> Gradients:
    """By PyTorch, from the loss written out once more in its functions."""
    theta = [torch.tensor(a, requires_grad=True) for p in network.layers for a in (p.W, p.b)]
    z = torch.tensor(X)
    for i, layer in enumerate(network.layers):
        u = z @ theta[2 * i] + theta[2 * i + 1]
        z = PHI[layer.activation.name](u)
    ell = ELL[loss](u if LOSSES[loss].link else z, torch.tensor(t))
    value = (torch.tensor(w) * ell).sum() / w.sum()
    flat = [g.numpy() for g in torch.autograd.grad(value, theta)]
    return list(zip(flat[::2], flat[1::2], strict=True))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_factors_of_one_layer_are_autograds(name: str) -> None:
    """∂g/∂z, ∂g/∂W and ∂g/∂b of g(z, W, b) = φ(zW + b) with n = 3, m = 4."""
    rng = np.random.default_rng(3)
    z, W, b = rng.normal(size=3), rng.normal(size=(3, 4)), rng.normal(size=4)

    def g(z: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return PHI[name](z @ W + b)

    by_z, by_W, by_b = torch.func.jacrev(g, (0, 1, 2))(*map(torch.tensor, (z, W, b)))
    phi, u = get(name), z @ W + b
    assert g_by_W(phi, u, z).shape == (4, 3, 4)
    np.testing.assert_allclose(g_by_z(phi, u, W), by_z, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(g_by_W(phi, u, z), by_W, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(g_by_b(phi, u), by_b, rtol=1e-11, atol=1e-14)


def test_the_contraction_is_the_lectures_linear_combination() -> None:
    """w_1·xᵀ(h(u_1), 0, 0) + w_2·xᵀ(0, h(u_2), 0) + w_3·xᵀ(0, 0, h(u_3))."""
    x, u, w = np.array([2.0, 5.0]), np.array([1.0, -1.0, 3.0]), np.array([7.0, 11.0, 13.0])
    tensor = g_by_W(get("relu"), u, x)
    assert tensor[0].tolist() == [[2, 0, 0], [5, 0, 0]]
    assert tensor[1].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert tensor[2].tolist() == [[0, 0, 2], [0, 0, 5]]
    assert contract(w, tensor).tolist() == [[14, 0, 26], [35, 0, 65]]


def test_the_factors_stand_under_the_lectures_numbers() -> None:
    network, X, t, _ = problem("squared_error", [3, 5, 4, 2])
    f = factors(network, X[0], t[0], "squared_error")
    assert f.output_gradient.shape == (2,)
    assert {r: f.g_by_W[r].shape for r in f.g_by_W} == {1: (2, 4, 2), 2: (4, 5, 4), 3: (5, 3, 5)}
    assert {r: f.g_by_z[r].shape for r in f.g_by_z} == {1: (2, 4), 2: (4, 5), 3: (5, 3)}
    assert f.g_by_b[2].shape == (4, 4)
    product = f.output_gradient @ f.g_by_z[1] @ f.g_by_z[2]
    explicit = explicit_gradients(network, X[0], t[0], "squared_error")[1]
    np.testing.assert_allclose(contract(product, f.g_by_W[3]), explicit[0][0], rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sizes", [[3, 2], [3, 4, 2], [2, 5, 4, 3, 3]])
def test_four_ways_agree(loss: str, sizes: list[int]) -> None:
    network, X, t, w = problem(loss, sizes)
    value, by_backprop = backprop(network, X, t, loss, w)
    assert disagreement(by_backprop, autograd(network, X, t, loss, w)) < 1e-12
    assert disagreement(by_backprop, central_differences(network, X, t, loss, w)) < 1e-7
    rows = [explicit_gradients(network, x, y, loss) for x, y in zip(X, t, strict=True)]
    share = w / w.sum()
    assert value == pytest.approx(share @ [ell for ell, _ in rows], rel=1e-13)
    explicit = [
        tuple(np.tensordot(share, [g[i][j] for _, g in rows], axes=1) for j in (0, 1))
        for i in range(len(network.layers))
    ]
    assert disagreement(explicit, by_backprop) < 1e-11  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_inside_and_at_the_output(name: str) -> None:
    network, X, t, w = problem("squared_error", [3, 6, 5, 3], hidden=name, output=name, rows=20)
    _, g = backprop(network, X, t, "squared_error", w)
    assert all(a.any() for pair in g for a in pair)
    assert disagreement(g, autograd(network, X, t, "squared_error", w)) < 1e-12
    assert disagreement(g, central_differences(network, X, t, "squared_error", w)) < 1e-6


@pytest.mark.parametrize("name", INNER)
def test_a_derivative_wrong_by_a_twentieth_of_a_percent_is_found(name: str) -> None:
    """In one activation of one layer, by the measure that the tests above use."""
    network, X, t, w = problem("squared_error", [3, 5, 4, 2], hidden=name)
    right = get(name)

    class Wrong(type(right)):  # type: ignore[misc]
        def backward(self, u: np.ndarray, g: np.ndarray) -> np.ndarray:
            return 1.0005 * right.backward(u, g)

    wrong = network.copy()
    wrong.layers[1].activation = Wrong(name, right.value, right.derivative)
    expected = central_differences(network, X, t, "squared_error", w)
    assert disagreement(backprop(network, X, t, "squared_error", w)[1], expected) < 1e-6
    assert disagreement(backprop(wrong, X, t, "squared_error", w)[1], expected) > 4e-4


@pytest.mark.parametrize("loss", LOSSES)
def test_a_slope_of_the_loss_wrong_by_a_twentieth_of_a_percent_is_found(loss: str) -> None:
    network, X, t, w = problem(loss, [3, 4, 2])
    right = LOSSES[loss]
    wrong = replace(right, slope=lambda a, t: 1.0005 * right.slope(a, t))
    expected = central_differences(network, X, t, loss, w)
    assert disagreement(backprop(network, X, t, wrong, w)[1], expected) > 4e-4


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    loss=st.sampled_from(sorted(LOSSES)),
    hidden=st.sampled_from(INNER),
    rows=st.integers(1, 8),
)
def test_random_architectures(sizes: list[int], loss: str, hidden: str, rows: int) -> None:
    network, X, t, w = problem(loss, sizes, hidden, rows=rows)
    g = backprop(network, X, t, loss, w)[1]
    expected = autograd(network, X, t, loss, w)
    largest = max(abs(a).max() for pair in expected for a in pair)
    for pair, other in zip(g, expected, strict=True):
        for a, b in zip(pair, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12 * max(largest, 1))


def test_masks_drop_what_passes_forward_and_back() -> None:
    """A unit with mask 0 is a unit that is not there; a factor scales it."""
    network, X, t, _ = problem("squared_error", [3, 4, 2])
    mask = np.tile([2.0, 0.0, 0.0, 0.5], (6, 1))
    (value, g) = backprop(network, X, t, "squared_error", masks=[mask])
    (first, last), keep = network.layers, [0, 3]
    small = Network(
        [
            Layer(first.W[:, keep], first.b[keep], first.activation),
            Layer(last.W[keep] * [[2.0], [0.5]], last.b, last.activation),
        ]
    )
    expected, h = backprop(small, X, t, "squared_error")
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(g[0][0][:, keep], h[0][0], rtol=1e-12)
    np.testing.assert_allclose(g[1][0][keep], h[1][0] * [[2.0], [0.5]], rtol=1e-12)
    assert not g[0][0][:, [1, 2]].any() and not g[1][0][[1, 2]].any()


def test_gradients_come_in_the_type_of_the_network() -> None:
    network = Network.of_sizes([2, 3, 1])
    X, t = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    _, g = backprop(network, X, t, "squared_error")
    assert all(a.dtype == "float32" for pair in g for a in pair)
    assert [(W.shape, b.shape) for W, b in g] == [((2, 3), (3,)), ((3, 1), (1,))]


def test_differences_put_the_parameters_back() -> None:
    theta = np.array([1.0, -20.0])
    slope = numerical_gradient(lambda: float((theta**2).sum()), theta)
    np.testing.assert_allclose(slope, [2, -40], rtol=1e-6)
    assert theta.tolist() == [1.0, -20.0]


def test_factors_are_those_of_one_row() -> None:
    network, X, t, _ = problem("squared_error", [3, 4, 2])
    with pytest.raises(ShapeError, match=r"one row \(d,\), got shape \(6, 3\)"):
        factors(network, X, t, "squared_error")
    with pytest.raises(ShapeError, match="layer 2 takes rows of 3 numbers, got 2"):
        factors(network, X[0, :2], t[0], "squared_error")
