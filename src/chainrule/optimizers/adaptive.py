"""Steps divided, entry by entry, by the size that the gradient has had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule.arrays import Array
from chainrule.optimizers.rule import Moments, Rule, decayed


@dataclass(frozen=True)
class Adagrad(Rule):
    """Adagrad (Duchi, Hazan & Singer 2011).

    The lecture's, with its sign mended: the step is taken off. ε is PyTorch's.

        g ← g + λθ
        s ← s + g²
        θ ← θ − α/(1 + (t − 1)κ) · g/(√s + ε)

    Args:
        learning_rate: α.
        learning_rate_decay: κ.
        initial_accumulator: where every entry of s begins.
        epsilon: ε, beside the root. With 0 it is the lecture's update as printed, W ← W − αG⁻¹g with
            the roots on the diagonal of G; entries that have had no gradient stay where they are.
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
        g = decayed(g, self.weight_decay, theta)
        s += g * g
        root = np.sqrt(s) + self.epsilon
        theta -= alpha * np.divide(g, root, out=np.zeros_like(g), where=root > 0)


@dataclass(frozen=True)
class RMSprop(Rule):
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
        g = decayed(g, self.weight_decay, theta)
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
class Adadelta(Rule):
    """Adadelta (Zeiler 2012, algorithm 1), in PyTorch's form: steps in the parameters' own unit.

        g ← g + λθ
        s ← ρs + (1 − ρ)g²
        δ ← √(d + ε)/√(s + ε) · g
        d ← ρd + (1 − ρ)δ²
        θ ← θ − αδ

    Args:
        learning_rate: α; 1 in the paper.
        rho: ρ, the share of s and d that stays.
        epsilon: ε, below both roots; it sets the size of the first steps.
        weight_decay: λ.
    """

    name: ClassVar[str] = "adadelta"
    at_most_1: ClassVar[tuple[str, ...]] = ("rho",)

    learning_rate: float = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6
    weight_decay: float = 0.0

    @property
    def slots(self) -> tuple[str, ...]:
        """The mean squares s of the gradient and d of the step."""
        return ("squares", "steps")

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        s, d, rho = moments["squares"], moments["steps"], self.rho
        g = decayed(g, self.weight_decay, theta)
        s[...] = rho * s + (1 - rho) * g * g
        delta = np.sqrt(d + self.epsilon) / np.sqrt(s + self.epsilon) * g
        d[...] = rho * d + (1 - rho) * delta * delta
        theta -= learning_rate * delta
