"""Steps along the gradient, plain and with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chainrule.arrays import Array
from chainrule.optimizers.rule import Moments, Rule, decayed, require


@dataclass(frozen=True)
class SGD(Rule):
    """Stochastic gradient descent, plain or with Polyak's heavy ball (1964), in PyTorch's form.

        g ← g + λθ
        v ← μv + (1 − τ)g,   at t = 1: v ← g
        θ ← θ − αv,          with `nesterov`: θ ← θ − α(g + μv)

    Without momentum: θ ← θ − αg. The gradient enters v at full weight, unlike in `Momentum`.

    v is a sum of gradients. With `of_steps` it is one of steps, as in Keras and scikit-learn:

        v ← μv + (1 − τ)αg,   θ ← θ − v,   with `nesterov`: θ ← θ − (αg + μv)

    The two part only where α changes on the way.

    Args:
        learning_rate: α.
        momentum: μ.
        dampening: τ.
        nesterov: step from where the ball is about to be (Nesterov 1983); takes momentum and no
            dampening.
        weight_decay: λ.
        of_steps: let v sum steps αg, not gradients.
    """

    name: ClassVar[str] = "sgd"

    learning_rate: float = 0.01
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    of_steps: bool = False

    def __post_init__(self) -> None:
        """Check every hyperparameter."""
        super().__post_init__()
        require(
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
        g = decayed(g, self.weight_decay, theta)
        if self.of_steps:
            g, learning_rate = learning_rate * g, 1.0
        if mu:
            v = moments["velocity"]
            v[...] = g if t == 1 else mu * v + (1 - tau) * g
            g = g + mu * v if self.nesterov else v
        theta -= learning_rate * g


@dataclass(frozen=True)
class Momentum(Rule):
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
