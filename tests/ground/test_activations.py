"""φ, φ′ and ∇φ against PyTorch's autograd and central differences, extreme inputs included."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from chainrule.activations import ACTIVATIONS, Activation, Softmax, get
from chainrule.errors import InvalidValue, ShapeError, UnknownName

TORCH: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": lambda u: u * 1,
    "relu": torch.relu,
    "leaky_relu": lambda u: F.leaky_relu(u, 0.01),
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda u: F.softplus(u, threshold=50),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softmax": lambda u: torch.softmax(u, dim=-1),
    "exponential": torch.exp,
}
ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
POINTS = [-1000, -200, -88, -40, -20, -5, -3, -1, -0.3, -1e-3, -1e-8, 0.0]
POINTS = sorted([*POINTS, *(-u for u in POINTS[:-1])])
TOLERANCE: dict[str, Any] = {
    "float64": {"rtol": 1e-12, "atol": 1e-15},
    "float32": {"rtol": 2e-6, "atol": 2e-7},
}


def torch_value_and_derivative(name: str, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In float64 whatever the type of u, since PyTorch's float32 loses the tail of GELU."""
    x = torch.tensor(u.astype("float64"), requires_grad=True)
    z = TORCH[name](x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return z.detach().numpy(), slope.numpy()


def differences(f: Callable[[np.ndarray], np.ndarray], u: np.ndarray, h: float) -> np.ndarray:
    return np.asarray((f(u + h) - f(u - h)) / (2 * h))


def test_every_activation_of_the_issue_is_there() -> None:
    assert set(ACTIVATIONS) == set(TORCH)
    assert all(name == phi.name for name, phi in ACTIVATIONS.items())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_and_derivative_are_pytorchs(name: str, dtype: str) -> None:
    u = np.array(POINTS, dtype)
    value, derivative = torch_value_and_derivative(name, u)
    phi = ACTIVATIONS[name]
    assert phi.value(u).dtype == phi.derivative(u).dtype == dtype
    with np.errstate(over="ignore"):
        value, derivative = value.astype(dtype), derivative.astype(dtype)
    np.testing.assert_allclose(phi.value(u), value, **TOLERANCE[dtype])
    np.testing.assert_allclose(phi.derivative(u), derivative, **TOLERANCE[dtype])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative_is_the_slope(name: str) -> None:
    u = np.concatenate([np.linspace(-6, -0.01, 150), np.linspace(0.01, 6, 150)])
    phi = ACTIVATIONS[name]
    slope = differences(phi.value, u, 1e-5)
    np.testing.assert_allclose(phi.derivative(u), slope, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_slope_wrong_by_a_twentieth_of_a_percent_fails_that_test(name: str) -> None:
    u = np.concatenate([np.linspace(-6, -0.01, 150), np.linspace(0.01, 6, 150)])
    phi = ACTIVATIONS[name]
    wrong = replace(phi, derivative=lambda u: 1.0005 * phi.derivative(u))
    slope = differences(phi.value, u, 1e-5)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(wrong.derivative(u), slope, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_any_shape_is_kept(name: str, shape: tuple[int, ...]) -> None:
    u = np.linspace(-2, 2, int(np.prod(shape))).reshape(shape)
    assert ACTIVATIONS[name].value(u).shape == shape
    assert ACTIVATIONS[name].derivative(u).shape == shape


def test_the_heaviside_function_is_0_at_0() -> None:
    h = ACTIVATIONS["relu"].derivative(np.array([-1.0, 0.0, 1e-300]))
    assert h.tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("name", "u", "z"),
    [
        ("logistic", 1000.0, 1.0),
        ("logistic", -1000.0, 0.0),
        ("tanh", -1000.0, -1.0),
        ("softplus", 1000.0, 1000.0),
        ("softplus", -1000.0, 0.0),
        ("elu", -1000.0, -1.0),
        ("gelu", 1000.0, 1000.0),
        ("silu", -1000.0, 0.0),
        ("mish", 1000.0, 1000.0),
        ("exponential", 1000.0, np.inf),
        ("logistic", 0.0, 0.5),
        ("softplus", 0.0, np.log(2)),
    ],
)
def test_known_values(name: str, u: float, z: float) -> None:
    assert ACTIVATIONS[name].value(np.array([u]))[0] == z


def test_the_lower_tail_of_gelu_does_not_cancel() -> None:
    """Φ(−10) is 7.619853e−24 (mpmath); ½(1 + erf) would give 0."""
    value = ACTIVATIONS["gelu"].value(np.array([-10.0]))[0]
    assert value == pytest.approx(-7.61985302416052606597e-23, rel=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_jacobian_is_autograds(name: str, dtype: str) -> None:
    u = np.random.default_rng(5).normal(0, 3, (4, 6)).astype(dtype)
    phi = ACTIVATIONS[name]
    many = phi.jacobian(u)
    assert many.shape == (4, 6, 6) and many.dtype == dtype
    for row, J in zip(u, many, strict=True):
        expected = torch.func.jacrev(TORCH[name])(torch.tensor(row))
        np.testing.assert_allclose(J, expected.numpy(), **TOLERANCE[dtype])
        np.testing.assert_array_equal(phi.jacobian(row), J)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_is_the_row_times_the_jacobian(name: str) -> None:
    rng = np.random.default_rng(6)
    u, g = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    phi = ACTIVATIONS[name]
    expected = [row @ J for row, J in zip(g, phi.jacobian(u), strict=True)]
    np.testing.assert_allclose(phi.backward(u, g), expected, rtol=1e-12, atol=1e-15)


def test_softmax_at_extreme_inputs() -> None:
    softmax = ACTIVATIONS["softmax"]
    z = softmax.value(np.array([[1000.0, 0.0, -1000.0], [1000.0, 1000.0, 1000.0]]))
    np.testing.assert_array_equal(z, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_array_equal(softmax.jacobian(np.array([1000.0, -1000.0])), np.zeros((2, 2)))


def test_softmax_has_no_derivative_number_by_number() -> None:
    softmax = ACTIVATIONS["softmax"]
    assert isinstance(softmax, Softmax) and not softmax.elementwise
    assert all(ACTIVATIONS[name].elementwise for name in ELEMENTWISE)
    with pytest.raises(InvalidValue, match="its Jacobian is full"):
        softmax.derivative(np.zeros(3))


def test_a_jacobian_of_more_than_rows_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"rows \(n, m\), got shape \(2, 2, 2\)"):
        ACTIVATIONS["tanh"].jacobian(np.zeros((2, 2, 2)))


@pytest.mark.parametrize(
    ("alias", "name"), [("sigmoid", "logistic"), ("swish", "silu"), ("linear", "identity")]
)
def test_aliases(alias: str, name: str) -> None:
    assert get(alias) is ACTIVATIONS[name]


def test_an_activation_stands_for_itself() -> None:
    cube = Activation("cube", lambda u: u**3, lambda u: 3 * u**2)
    assert get(cube) is cube
    assert repr(cube) == "<activation cube>"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        UnknownName, match=r"no activation is called 'rellu'; did you mean 'relu'\?"
    ):
        get("rellu")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_travel_between_processes(name: str) -> None:
    assert pickle.loads(pickle.dumps(ACTIVATIONS[name])) == ACTIVATIONS[name]
