"""The epoch, step by step in Python: what the NumPy and the PyTorch engine have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from chainrule import chance
from chainrule.arrays import Array
from chainrule.engines.engine import Rates, State, check
from chainrule.errors import DivergenceError, ShapeError
from chainrule.network import Network
from chainrule.plan import Plan

Rows = npt.NDArray[np.int64]


def order(plan: Plan, n: int, epoch: int) -> Rows:
    """The order in which an epoch, counted from 0, takes n rows."""
    if not plan.shuffle:
        return np.arange(n)
    return chance.permutation(n, chance.key(plan.seed, chance.Stream.ORDER, epoch))


def batches(rows: Rows, size: int) -> Iterator[Rows]:
    """The rows in groups of a size; the last may be smaller."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def masks(plan: Plan, epoch: int, step: int, rows: int) -> list[Array | None]:
    """Dropout's factors for each hidden layer, 0 or 1/(1 − p), of mean 1; None where p = 0."""
    factors: list[Array | None] = []
    for layer, p in enumerate(plan.dropout):
        key = chance.key(plan.seed, chance.Stream.DROPOUT, epoch, step, layer)
        kept = chance.keep_mask(rows, plan.layer_sizes[layer + 1], p, key) if p else None
        factors.append(None if kept is None else np.where(kept, 1 / (1 - p), 0).astype(plan.dtype))
    return factors


def rates(learning_rates: Rates, steps: int) -> list[float]:
    """A learning rate for each step.

    Raises:
        ShapeError: an array of another length.
    """
    alpha = np.asarray(learning_rates, np.float64)
    if alpha.shape not in ((), (steps,)):
        raise ShapeError(f"an epoch of {steps} steps, learning rates of shape {alpha.shape}")
    return [float(rate) for rate in np.broadcast_to(alpha, steps)]


class Stepwise(ABC):
    """An engine whose steps are made one by one.

    Attributes:
        plan: what to do.
        X, t, weights: the data.
    """

    def __init__(
        self,
        plan: Plan,
        network: Network,
        X: Array,
        t: Array,
        weights: Array | None = None,
    ) -> None:
        """Take a plan, the network that it describes, and the data to train on."""
        check(plan, network, X, t, weights)
        self.plan = plan
        self.X, self.t, self.weights = X, t, weights

    def epoch(self, number: int, learning_rates: Rates) -> float:
        """One pass over the data; see `Engine.epoch`."""
        start = self.state()
        steps = list(batches(order(self.plan, len(self.X), number), self.plan.batch_size))
        total = weight = 0.0
        for step, (rows, alpha) in enumerate(
            zip(steps, rates(learning_rates, len(steps)), strict=True)
        ):
            w = float(len(rows) if self.weights is None else self.weights[rows].sum(dtype=float))
            loss = self._differentiate(rows, masks(self.plan, number, step, len(rows)))
            if not math.isfinite(loss):
                self._keep_finite(start)
                raise DivergenceError(number + 1, step + 1)
            self._update(alpha)
            total += w * loss
            weight += w
        return total / weight if weight else 0.0

    def _keep_finite(self, start: State) -> None:
        parameters = self.state().parameters
        if not all(np.isfinite(W).all() and np.isfinite(b).all() for W, b in parameters):
            self.load(start)

    @abstractmethod
    def _differentiate(self, rows: Rows, masks: list[Array | None]) -> float:
        """L over the rows; its gradient is kept for the update."""

    @abstractmethod
    def _update(self, learning_rate: float) -> None:
        """Make the update with the gradient that was kept."""

    @abstractmethod
    def state(self) -> State:
        """A copy of the state."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Go on from a state."""
