"""The update rules: how a gradient g moves the parameters θ.

Each is a frozen dataclass with PyTorch's meaning, names spelled out, and PyTorch's defaults but for
the learning rate of `SGD` (0.01 here, 0.001 there); `Momentum` is the lecture's own. In the
equations α is the learning rate, λ the weight decay, t the number of the update, counted from 1,
and products of arrays are taken entry by entry. Every moment begins at 0 unless said otherwise.

Numbers that do not depend on the entry are worked out in float64; arrays stay in the type of θ.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from chainrule.arrays import Array
from chainrule.errors import InvalidValue, lookup, unknown

Moments = dict[str, Array]


@dataclass(frozen=True)
class Optimizer(ABC):
    """What all the rules share."""

    name: ClassVar[str]
    at_most_1: ClassVar[tuple[str, ...]] = ()  # shares that may be 1
    below_1: ClassVar[tuple[str, ...]] = ()  # shares that may not

    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        """Check every hyperparameter."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, bool):
                _require(isinstance(value, bool), f"{field.name} is true or false, got {value!r}")
            else:
                self._check_number(field.name, value)

    def _check_number(self, name: str, value: Any) -> None:
        number = isinstance(value, Real) and not isinstance(value, bool)
        _require(
            number and 0 <= value <= sys.float_info.max,
            f"{name} is a finite number, 0 or more, got {value!r}",
        )
        if name in self.at_most_1:
            _require(value <= 1, f"{name} is at most 1, got {value!r}")
        if name in self.below_1:
            _require(value < 1, f"{name} is below 1, got {value!r}")
        object.__setattr__(self, name, float(value))

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """The names of the arrays, shaped like θ, that the rule keeps between updates."""

    def start(self, theta: Array) -> Moments:
        """The moments before the first update."""
        return {slot: np.zeros_like(theta) for slot in self.slots}

    @abstractmethod
    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """Move θ and the moments in place.

        Args:
            theta: the parameters θ, any shape.
            g: the gradient ∂L/∂θ, the same shape; left as it is.
            moments: the arrays named by `slots`.
            t: the number of this update, counted from 1.
            learning_rate: α of this update; schedules change it from step to step.
        """


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, plain or with Polyak's heavy ball (1964), in PyTorch's form.

        g ← g + λθ
        v ← μv + (1 − τ)g,   at t = 1: v ← g
        θ ← θ − αv,          with `nesterov`: θ ← θ − α(g + μv)

    Without momentum: θ ← θ − αg. The gradient enters v at full weight, unlike in `Momentum`, and v
    is a sum of gradients, not of steps as in Keras and scikit-learn.

    Args:
        learning_rate: α.
        momentum: μ.
        dampening: τ.
        nesterov: step from where the ball is about to be (Nesterov 1983); takes momentum and no
            dampening.
        weight_decay: λ.
    """

    name: ClassVar[str] = "sgd"

    learning_rate: float = 0.01
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Check every hyperparameter."""
        super().__post_init__()
        _require(
            not self.nesterov or (self.momentum > 0 and self.dampening == 0),
            "nesterov takes a momentum above 0 and no dampening",
        )

    @property
    def slots(self) -> tuple[str, ...]:
        """The velocity v, if there is momentum."""
        return ("velocity",) if self.momentum else ()

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        mu, tau = self.momentum, self.dampening
        g = _decayed(g, self.weight_decay, theta)
        if mu:
            v = moments["velocity"]
            v[...] = g if t == 1 else mu * v + (1 - tau) * g
            g = g + mu * v if self.nesterov else v
        theta -= learning_rate * g


@dataclass(frozen=True)
class Momentum(Optimizer):
    """The lecture's momentum: the push is a convex combination of the last push and the gradient.

        ΔW_t = (1 − η)ΔW_{t−1} + ηg,   ΔW_0 = 0
        W ← W − αΔW_t

    PyTorch's `SGD` adds g at full weight; this one takes steps about 1/η times shorter.

    Args:
        learning_rate: α.
        eta: η in [0, 1], the share of the new gradient.
    """

    name: ClassVar[str] = "momentum"
    at_most_1: ClassVar[tuple[str, ...]] = ("eta",)

    learning_rate: float = 0.01
    eta: float = 0.1

    @property
    def slots(self) -> tuple[str, ...]:
        """The push ΔW."""
        return ("velocity",)

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        push, eta = moments["velocity"], self.eta
        push[...] = (1 - eta) * push + eta * g
        theta -= learning_rate * push


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011).

    The lecture's, with its sign mended: the step is taken off.

        g ← g + λθ
        s ← s + g²
        θ ← θ − α/(1 + (t − 1)κ) · g/(√s + ε)

    Args:
        learning_rate: α.
        learning_rate_decay: κ.
        initial_accumulator: where every entry of s begins.
        epsilon: ε, beside the root.
        weight_decay: λ.
    """

    name: ClassVar[str] = "adagrad"

    learning_rate: float = 0.01
    learning_rate_decay: float = 0.0
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10
    weight_decay: float = 0.0

    @property
    def slots(self) -> tuple[str, ...]:
        """The sum s."""
        return ("squares",)

    def start(self, theta: Array) -> Moments:
        """The sum s at the initial accumulator."""
        return {"squares": np.full_like(theta, self.initial_accumulator)}

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        s = moments["squares"]
        alpha = learning_rate / (1 + (t - 1) * self.learning_rate_decay)
        g = _decayed(g, self.weight_decay, theta)
        s += g * g
        theta -= alpha * (g / (np.sqrt(s) + self.epsilon))


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Hinton 2012, "Neural networks for machine learning", lecture 6e), as in PyTorch.

        g ← g + λθ
        s ← ρs + (1 − ρ)g²
        m ← m + (1 − ρ)(g − m),   if `centered`
        v ← μv + g/(√s + ε),      if `centered`: g/(√(s − m²) + ε)  (Graves 2013, equation 40)
        θ ← θ − αv

    Args:
        learning_rate: α.
        alpha: ρ, the share of s that stays; PyTorch's name for it.
        epsilon: ε, beside the root.
        momentum: μ; without it v is not kept.
        centered: divide by the standard deviation of g instead of its root mean square.
        weight_decay: λ.
    """

    name: ClassVar[str] = "rmsprop"
    at_most_1: ClassVar[tuple[str, ...]] = ("alpha",)

    learning_rate: float = 0.01
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0

    @property
    def slots(self) -> tuple[str, ...]:
        """The mean square s, then m and v where they are used."""
        mean = ("mean",) if self.centered else ()
        return ("squares", *mean, "velocity") if self.momentum else ("squares", *mean)

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        s, rho, mu = moments["squares"], self.alpha, self.momentum
        g = _decayed(g, self.weight_decay, theta)
        s[...] = rho * s + (1 - rho) * g * g
        if self.centered:
            m = moments["mean"]
            m += (1 - rho) * (g - m)
            s = s - m * m
        v = g / (np.sqrt(s) + self.epsilon)
        if mu:
            v += mu * moments["velocity"]
            moments["velocity"][...] = v
        theta -= learning_rate * v


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1), with PyTorch's place for ε.

        g ← g + λθ
        m ← m + (1 − β₁)(g − m)
        v ← β₂v + (1 − β₂)g²
        θ ← θ − α/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)

    Args:
        learning_rate: α.
        beta1: β₁, below 1.
        beta2: β₂, below 1.
        epsilon: ε.
        weight_decay: λ, as a part of the gradient; `AdamW` keeps it apart.
    """

    name: ClassVar[str] = "adam"
    below_1: ClassVar[tuple[str, ...]] = ("beta1", "beta2")

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    @property
    def slots(self) -> tuple[str, ...]:
        """The averages m and v."""
        return ("first", "second")

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        self._move(theta, _decayed(g, self.weight_decay, theta), moments, t, learning_rate)

    def _move(self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float) -> None:
        m, v = moments["first"], moments["second"]
        beta1, beta2 = self.beta1, self.beta2
        m += (1 - beta1) * (g - m)
        v[...] = beta2 * v + (1 - beta2) * g * g
        alpha, root = learning_rate / (1 - beta1**t), math.sqrt(1 - beta2**t)
        theta -= alpha * (m / (np.sqrt(v) / root + self.epsilon))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with the weight decay apart from the gradient, as in PyTorch.

        θ ← (1 − αλ)θ,   then Adam's step on g alone

    Source: Loshchilov & Hutter 2019, algorithm 2.
    """

    name: ClassVar[str] = "adamw"

    weight_decay: float = 0.01

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        theta *= 1 - learning_rate * self.weight_decay
        self._move(theta, g, moments, t, learning_rate)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    rule.name: rule for rule in (SGD, Momentum, Adagrad, RMSprop, Adam, AdamW)
}


def make(
    optimizer: str | Optimizer, learning_rate: float | None = None, **options: Any
) -> Optimizer:
    """An update rule from its name, or a given one with other settings.

    Args:
        optimizer: a name from `OPTIMIZERS`, or a rule.
        learning_rate: α; None leaves the rule's own.
        options: the rule's other hyperparameters.

    Raises:
        UnknownName: no rule, or no option of the rule, is called so.
        InvalidValue: a hyperparameter is out of its range.
    """
    if not isinstance(optimizer, Optimizer):
        optimizer = lookup("optimizer", optimizer, OPTIMIZERS)()
    if learning_rate is not None:
        options["learning_rate"] = learning_rate
    return _with(optimizer, options)


def as_dict(optimizer: Optimizer) -> dict[str, Any]:
    """The rule as plain data: its name and every hyperparameter."""
    return {"name": optimizer.name, **asdict(optimizer)}


def from_dict(data: Mapping[str, Any]) -> Optimizer:
    """The rule that `as_dict` described; hyperparameters that are not there take their defaults.

    Raises:
        UnknownName, InvalidValue: as `make`.
    """
    options = dict(data)
    return _with(lookup("optimizer", options.pop("name", None), OPTIMIZERS)(), options)


def _with(optimizer: Optimizer, options: Mapping[str, Any]) -> Optimizer:
    """The rule with other settings."""
    known = [field.name for field in fields(optimizer)]
    for option in options:
        if option not in known:
            raise unknown(f"option of {optimizer.name}", option, known)
    return replace(optimizer, **options)


def _decayed(g: Array, weight_decay: float, theta: Array) -> Array:
    """The gradient with its decay, g + λθ."""
    return g + weight_decay * theta if weight_decay else g


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InvalidValue(otherwise)
