"""Functions of two variables on which the ways of optimizers can be seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chainrule.errors import DivergenceError, InvalidValue
from chainrule.optimizers import LBFGS, Backtracking, Optimizer, Rule
from chainrule.training.lbfgs import minimize
from chainrule.views.data import Numbers, Surface

_GRID = 200
_FAR = 1e12  # an optimizer that is further away from where it began than this many lengths is lost


@dataclass(frozen=True)
class Function:
    """A function f of a vector, with its gradient and its minimum.

    Attributes:
        name: what it is called.
        formula: of f, in words.
        f: θ ↦ (f(θ), ∇f(θ)).
        start: θ to begin with.
        minimum: θ with the lowest f, which is 0.
        box: what to show: (least, largest) of each variable.
    """

    name: str
    formula: str
    f: Callable[[Numbers], tuple[float, Numbers]]
    start: tuple[float, ...]
    minimum: tuple[float, ...]
    box: tuple[tuple[float, float], tuple[float, float]]

    def surface(self) -> Surface:
        """The function on a grid over its box."""
        x, y = (np.linspace(low, high, _GRID) for low, high in self.box)
        values = np.array([[self.f(np.array([a, b]))[0] for a in x] for b in y])
        return Surface(self.name, x, y, values, np.array(self.minimum))


_TURN = np.array([[math.cos(0.5), -math.sin(0.5)], [math.sin(0.5), math.cos(0.5)]])
_A = _TURN @ np.diag([0.2, 6.0]) @ _TURN.T  # 30 times as steep across as along


_LOW = np.array([1.0, 0.5])  # not at 0, where a weight decay would help


def _valley(theta: Numbers) -> tuple[float, Numbers]:
    """½(θ − c)A(θ − c)ᵀ: contours are ellipses, turned by half a radian."""
    g = _A @ (theta - _LOW)
    return float((theta - _LOW) @ g / 2), g


def _rosenbrock(theta: Numbers) -> tuple[float, Numbers]:
    """(1 − x)² + 100(y − x²)² (Rosenbrock 1960): a bent valley with a nearly flat floor."""
    x, y = theta
    value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    return float(value), np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function(
            "valley",
            "½(θ − c)A(θ − c)ᵀ, 30 times as steep across as along",
            _valley,
            start=(-8.0, -1.0),
            minimum=(1.0, 0.5),
            box=((-10.0, 5.0), (-6.0, 4.0)),
        ),
        Function(
            "rosenbrock",
            "(1 − x)² + 100(y − x²)²",
            _rosenbrock,
            start=(-1.2, 1.0),
            minimum=(1.0, 1.0),
            box=((-2.0, 2.0), (-1.0, 3.0)),
        ),
    )
}


def descend(optimizer: Optimizer, function: Function, steps: int) -> tuple[Numbers, Numbers]:
    """Where an optimizer goes, all of the function being its batch.

    Args:
        optimizer: with its learning rate.
        function: where it begins and what it walks on.
        steps: at most; L-BFGS ends earlier.

    Returns:
        The points (steps + 1, p) and the function there (steps + 1,). After a divergence, where the
        function is not finite or beyond any use, both are nan.

    Raises:
        InvalidValue: there is no such optimizer.
    """
    points = np.full((steps + 1, len(function.start)), math.nan)
    values = np.full(steps + 1, math.nan)
    at = 0

    def note(theta: Numbers, value: float) -> None:
        nonlocal at
        points[at], values[at] = theta, value
        at += 1

    theta = np.array(function.start)
    note(theta, function.f(theta)[0])
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            _walk(optimizer, function, theta, steps, note)
        except DivergenceError:
            return points, values
    points[at:], values[at:] = points[at - 1], values[at - 1]  # it has stopped where it is
    return points, values


def _walk(
    optimizer: Optimizer,
    function: Function,
    theta: Numbers,
    steps: int,
    note: Callable[[Numbers, float], None],
) -> None:
    match optimizer:
        case Rule():
            moments = optimizer.start(theta)
            for t in range(1, steps + 1):
                g = function.f(theta)[1]
                optimizer.update(theta, g, moments, t, optimizer.learning_rate)
                _note_finite(function, theta, t, note)
        case Backtracking():
            accepted = 0.0
            for t in range(1, steps + 1):
                eta, g = _searched(optimizer, function, theta, accepted)
                theta, accepted = theta - eta * g, eta or accepted
                _note_finite(function, theta, t, note)
        case LBFGS():
            minimize(function.f, theta, optimizer, steps, note)
        case _:
            raise InvalidValue(f"{optimizer.name} has no way to walk on a function")


def _searched(
    optimizer: Backtracking, function: Function, theta: Numbers, accepted: float
) -> tuple[float, Numbers]:
    """The η of a step, and the gradient that it goes along."""
    value, g = function.f(theta)
    trial = optimizer.first_trial(accepted, 1.0, optimizer.learning_rate)
    return optimizer.search(
        trial, value, float(g @ g), lambda eta: function.f(theta - eta * g)[0]
    ), g


def _note_finite(
    function: Function, theta: Numbers, t: int, note: Callable[[Numbers, float], None]
) -> None:
    value = function.f(theta)[0]
    if not math.isfinite(value) or np.abs(theta).max() > _FAR:
        raise DivergenceError(t, 1)
    note(theta, value)
