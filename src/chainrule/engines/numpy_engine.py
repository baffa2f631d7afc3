"""The reference: training as the ground defines it, readable, and no faster than NumPy."""

from __future__ import annotations

import numpy as np

from chainrule import losses
from chainrule.arrays import Array
from chainrule.engines.engine import Losses, Rates
from chainrule.engines.stepwise import Rows, Stepwise
from chainrule.gradients import Gradients, backprop
from chainrule.network import Network
from chainrule.plan import Plan

# A training that diverges overflows first; the loop finds out by the loss.
_without_warnings = np.errstate(over="ignore", invalid="ignore", divide="ignore")


class NumpyEngine(Stepwise):
    """An engine in NumPy; see `Engine`. NumPy's own BLAS decides on threads."""

    name = "numpy"
    isa = "numpy"

    def __init__(
        self,
        plan: Plan,
        network: Network,
        X: Array,
        t: Array,
        weights: Array | None = None,
        threads: int | None = None,
    ) -> None:
        """Take a plan, the network that it describes, and the data; `threads` is only reported."""
        super().__init__(plan, network, X, t, weights)
        self.threads = threads or 1
        self.network = network.copy()
        self.loss = losses.get(plan.loss)
        self.start_moments()

    @classmethod
    def refusal(cls, plan: Plan) -> str | None:
        """None: it trains every plan."""
        return None

    @property
    def theta(self) -> list[Array]:
        """The parameters' own memory: W and b of each layer in turn."""
        return [theta for layer in self.network.layers for theta in (layer.W, layer.b)]

    @_without_warnings
    def epoch(self, number: int, learning_rates: Rates, step_losses: Losses | None = None) -> float:
        """One pass over the data; see `Engine.epoch`."""
        return super().epoch(number, learning_rates, step_losses)

    def differentiate(self, rows: Rows, masks: list[Array | None]) -> tuple[float, list[Array]]:
        """L over the rows, and ∂L/∂θ of each array in `theta`."""
        w = None if self.weights is None else self.weights[rows]
        loss, gradients = backprop(self.network, self.X[rows], self.t[rows], self.loss, w, masks)
        return loss, [g for pair in gradients for g in pair]

    @_without_warnings
    def evaluate(self, X: Array, t: Array, weights: Array | None = None) -> float:
        """L over other rows, without dropout."""
        a = self.network.logits(X) if self.loss.link else self.network(X)
        return self.loss.value(a, t, weights)

    @_without_warnings
    def predict(self, X: Array) -> Array:
        """z_1 of rows (n, d), without dropout: (n, k)."""
        return self.network(X)

    @_without_warnings
    def loss_and_gradient(
        self, X: Array, t: Array, weights: Array | None = None
    ) -> tuple[float, Gradients]:
        """L and (∂L/∂W, ∂L/∂b) of each layer over the given rows as one batch, without dropout."""
        return backprop(self.network, X, t, self.loss, weights)
