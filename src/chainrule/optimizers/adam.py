"""Adam and its kin: an average of gradients over the root of an average of squares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule.arrays import Array
from chainrule.optimizers.rule import Moments, Rule, decayed


@dataclass(frozen=True)
class Adam(Rule):
    """Adam (Kingma & Ba 2015, algorithm 1), with PyTorch's place for ε.

        g ← g + λθ
        m ← m + (1 − β₁)(g − m)
        v ← β₂v + (1 − β₂)g²
        θ ← θ − α/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)

    With `epsilon_hat`, ε stands for the paper's ε̂ (end of its section 2), as in Keras and scikit-learn:

        θ ← θ − α√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε̂)

    With `amsgrad`, w ← max(w, v) takes the place of v in the last line (Reddi, Kale & Kumar 2018,
    algorithm 2), as in PyTorch before the correction by 1 − β₂ᵗ.

    Args:
        learning_rate: α.
        beta1: β₁, below 1.
        beta2: β₂, below 1.
        epsilon: ε.
        weight_decay: λ, as a part of the gradient; `AdamW` keeps it apart.
        amsgrad: divide by the largest v so far.
        epsilon_hat: add ε before the correction by 1 − β₂ᵗ, not after it.
    """

    name: ClassVar[str] = "adam"
    below_1: ClassVar[tuple[str, ...]] = ("beta1", "beta2")

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False
    epsilon_hat: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """The averages m and v, then w where it is used."""
        return ("first", "second", "largest") if self.amsgrad else ("first", "second")

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        self._move(theta, decayed(g, self.weight_decay, theta), moments, t, learning_rate)

    def _move(self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float) -> None:
        m, v = moments["first"], moments["second"]
        beta1, beta2 = self.beta1, self.beta2
        m += (1 - beta1) * (g - m)
        v[...] = beta2 * v + (1 - beta2) * g * g
        if self.amsgrad:
            v = np.maximum(moments["largest"], v, out=moments["largest"])
        alpha, root = learning_rate / (1 - beta1**t), math.sqrt(1 - beta2**t)
        epsilon = self.epsilon / root if self.epsilon_hat else self.epsilon
        theta -= alpha * (m / (np.sqrt(v) / root + epsilon))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with the weight decay apart from the gradient, as in PyTorch.

        θ ← (1 − αλ)θ,   then Adam's step on g alone

    Source: Loshchilov & Hutter 2019, algorithm 2.
    """

    name: ClassVar[str] = "adamw"

    weight_decay: float = 0.01

    @property
    def decays_apart(self) -> bool:
        """It does."""
        return True

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        theta *= 1 - learning_rate * self.weight_decay
        self._move(theta, g, moments, t, learning_rate)


@dataclass(frozen=True)
class NAdam(Rule):
    """Adam with Nesterov's momentum (Dozat 2016, algorithm 2), in PyTorch's form.

        μ_t = β₁(1 − ½·0.96^(tψ)),   Π_t = μ_1 ⋯ μ_t
        g ← g + λθ
        m ← m + (1 − β₁)(g − m)
        v ← β₂v + (1 − β₂)g²
        θ ← θ − α[(1 − μ_t)/(1 − Π_t) · g + μ_{t+1}/(1 − Π_{t+1}) · m]/(√v/√(1 − β₂ᵗ) + ε)

    Args:
        learning_rate: α.
        beta1: β₁, below 1.
        beta2: β₂, below 1.
        epsilon: ε.
        weight_decay: λ.
        momentum_decay: ψ, how fast μ grows from about β₁/2 to β₁.
        decoupled: keep the decay apart from the gradient, θ ← (1 − αλ)θ, as `AdamW` does.
    """

    name: ClassVar[str] = "nadam"
    below_1: ClassVar[tuple[str, ...]] = ("beta1", "beta2")

    learning_rate: float = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    momentum_decay: float = 0.004
    decoupled: bool = False

    @property
    def decays_apart(self) -> bool:
        """If it is decoupled."""
        return self.decoupled

    @property
    def slots(self) -> tuple[str, ...]:
        """The averages m and v."""
        return ("first", "second")

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        m, v = moments["first"], moments["second"]
        if self.decoupled:
            theta *= 1 - learning_rate * self.weight_decay
        else:
            g = decayed(g, self.weight_decay, theta)
        m += (1 - self.beta1) * (g - m)
        v[...] = self.beta2 * v + (1 - self.beta2) * g * g
        mu, mu_next, product = self.momenta(t)
        of_g, of_m = (1 - mu) / (1 - product), mu_next / (1 - product * mu_next)
        root = np.sqrt(v) / math.sqrt(1 - self.beta2**t) + self.epsilon
        theta -= learning_rate * (of_g * g + of_m * m) / root

    def momenta(self, t: int) -> tuple[float, float, float]:
        """μ_t, μ_{t+1} and Π_t; a product below 10⁻²⁰ is 0, since 1 − Π is 1 then."""
        product = 1.0
        for i in range(1, t + 1):
            product *= self._mu(i)
            if product < 1e-20:
                product = 0.0
                break
        return self._mu(t), self._mu(t + 1), product

    def _mu(self, t: int) -> float:
        return self.beta1 * (1 - 0.5 * math.pow(0.96, t * self.momentum_decay))


@dataclass(frozen=True)
class Lion(Rule):
    """Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2).

        c ← β₁m + (1 − β₁)g
        θ ← θ − α(sign c + λθ)
        m ← β₂m + (1 − β₂)g

    Every entry moves by α, whatever its gradient's size; sign 0 = 0.

    Args:
        learning_rate: α; a third to a tenth of Adam's.
        beta1: β₁, for the step.
        beta2: β₂, for the average that is kept.
        weight_decay: λ, apart from the gradient.
    """

    name: ClassVar[str] = "lion"
    below_1: ClassVar[tuple[str, ...]] = ("beta1", "beta2")

    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    @property
    def decays_apart(self) -> bool:
        """It does."""
        return True

    @property
    def slots(self) -> tuple[str, ...]:
        """The average m."""
        return ("first",)

    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """One step; see the class."""
        m, beta1, beta2 = moments["first"], self.beta1, self.beta2
        c = beta1 * m + (1 - beta1) * g
        theta -= learning_rate * (np.sign(c) + self.weight_decay * theta)
        m[...] = beta2 * m + (1 - beta2) * g
