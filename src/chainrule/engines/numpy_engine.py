"""The reference: training as the ground defines it, readable, and no faster than NumPy."""

from __future__ import annotations

import numpy as np

from chainrule import losses
from chainrule.arrays import Array
from chainrule.engines.engine import Rates, State
from chainrule.engines.stepwise import Rows, Stepwise
from chainrule.gradients import Gradients, backprop
from chainrule.network import Network
from chainrule.optimizers import Moments
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
        self.step = 0
        self._moments: list[tuple[Moments, Moments]] = [
            (plan.optimizer.start(layer.W), plan.optimizer.start(layer.b))
            for layer in self.network.layers
        ]
        self._gradients: Gradients = []

    @classmethod
    def refusal(cls, plan: Plan) -> str | None:
        """None: it trains every plan."""
        return None

    @_without_warnings
    def epoch(self, number: int, learning_rates: Rates) -> float:
        """One pass over the data; see `Engine.epoch`."""
        return super().epoch(number, learning_rates)

    def _differentiate(self, rows: Rows, masks: list[Array | None]) -> float:
        w = None if self.weights is None else self.weights[rows]
        loss, self._gradients = backprop(
            self.network, self.X[rows], self.t[rows], self.loss, w, masks
        )
        return loss

    def _update(self, learning_rate: float) -> None:
        t, update = self.step + 1, self.plan.optimizer.update
        for layer, gradient, moments in zip(
            self.network.layers, self._gradients, self._moments, strict=True
        ):
            update(layer.W, gradient[0], moments[0], t, learning_rate)
            update(layer.b, gradient[1], moments[1], t, learning_rate)
        self.step = t

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

    def state(self) -> State:
        """A copy of the state."""
        return State(
            parameters=[(layer.W.copy(), layer.b.copy()) for layer in self.network.layers],
            moments={
                slot: [(of_W[slot].copy(), of_b[slot].copy()) for of_W, of_b in self._moments]
                for slot in self.plan.optimizer.slots
            },
            step=self.step,
        )

    def load(self, state: State) -> None:
        """Go on from a state."""
        for layer, (W, b) in zip(self.network.layers, state.parameters, strict=True):
            layer.W[...], layer.b[...] = W, b
        for slot in self.plan.optimizer.slots:
            for (of_W, of_b), (W, b) in zip(self._moments, state.moments[slot], strict=True):
                of_W[slot][...], of_b[slot][...] = W, b
        self.step = state.step
