"""The epoch, step by step in Python: what the NumPy and the PyTorch engine have in common."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from chainrule import chance
from chainrule.arrays import Array
from chainrule.engines.engine import Losses, Rates, Scaling, State, check
from chainrule.errors import DivergenceError, EngineError, ShapeError
from chainrule.gradients import Gradients
from chainrule.network import Network
from chainrule.optimizers import TOGETHER, Backtracking, Moments, Optimizer, Rule
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
        step: how many updates were made.
        accepted: the last step size that a line search accepted.
        moments: of each array in `theta`.
    """

    moments: list[Moments]
    scaling: Scaling | None = None
    rank, world = 0, 1

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
        self.step = 0
        self.accepted = 0.0

    @property
    @abstractmethod
    def theta(self) -> list[Array]:
        """The parameters' own memory: W and b of each layer in turn."""

    @abstractmethod
    def differentiate(self, rows: Rows, masks: list[Array | None]) -> tuple[float, list[Array]]:
        """L over the rows, and ∂L/∂θ of each array in `theta`."""

    def epoch(self, number: int, learning_rates: Rates, step_losses: Losses | None = None) -> float:
        """One pass over the data; see `Engine.epoch`."""
        start = self.state()
        steps = list(batches(order(self.plan, len(self.X), number), self.plan.batch_size))
        total = weight = 0.0
        for step, (rows, alpha) in enumerate(
            zip(steps, rates(learning_rates, len(steps)), strict=True)
        ):
            w = float(len(rows) if self.weights is None else self.weights[rows].sum(dtype=float))
            dropped = masks(self.plan, number, step, len(rows))
            loss, gradient = self.differentiate(rows, dropped)
            if self.plan.penalty and w:
                loss += self._penalise(gradient, self.plan.penalty / w)
            if not math.isfinite(loss):
                self._keep_finite(start)
                raise DivergenceError(number + 1, step + 1)
            self._make_step(rows, dropped, loss, gradient, alpha)
            if step_losses is not None:
                step_losses[step] = loss
            total += w * loss
            weight += w
        return total / weight if weight else 0.0

    def _penalise(self, gradient: list[Array], share: float) -> float:
        """½·share·ΣW² over all layers; its gradient share·W is added to the W's own."""
        squares = 0.0
        for W, g in zip(self.theta[::2], gradient[::2], strict=True):
            g += share * W
            squares += float(np.sum(np.square(W, dtype=np.float64)))
        return 0.5 * share * squares

    def epochs(self, number: int, learning_rate: float, losses: Losses) -> None:
        """Several passes; see `Engine.epochs`."""
        for i in range(len(losses)):
            losses[i] = self.epoch(number + i, learning_rate)

    def _keep_finite(self, start: State) -> None:
        if not all(np.isfinite(theta).all() for theta in self.theta):
            self.load(start)

    def _make_step(
        self,
        rows: Rows,
        masks: list[Array | None],
        loss: float,
        gradient: list[Array],
        learning_rate: float,
    ) -> None:
        match self.plan.optimizer:
            case Rule() as rule:
                self.update(rule, gradient, self.step + 1, learning_rate)
            case Backtracking() as search:
                share = len(rows) / len(self.X)
                trial = search.first_trial(self.accepted, share, learning_rate)
                descent = _Descent(self, rows, masks, gradient)
                eta = search.search(trial, loss, descent.squared_norm, descent.loss_at)
                self.accepted = eta or self.accepted
                descent.move(eta)
            case other:
                raise EngineError(not_by_batches(other))
        self.step += 1

    def update(self, rule: Rule, gradient: list[Array], t: int, learning_rate: float) -> None:
        """Move the parameters by the rule; t counts the updates from 1."""
        if self.plan.groups == TOGETHER:
            for theta, g, moments in zip(self.theta, gradient, self.moments, strict=True):
                rule.update(theta, g, moments, t, learning_rate)
            return
        groups, scaling = self.plan.groups, self.scaling
        of_weights = groups.of_weights(len(self.theta) // 2)
        for i, (theta, g, moments) in enumerate(
            zip(self.theta, gradient, self.moments, strict=True)
        ):
            factor = groups.biases if i % 2 else of_weights[i // 2]
            own, alpha = groups.rule_for(rule, factor, bias=bool(i % 2)), factor * learning_rate
            if i == 0 and scaling is not None:
                slope = (g * scaling.V).sum(axis=1)
                own.update(scaling.V, scaling.s[:, None] * g, moments, t, alpha)
                of_s = groups.rule_for(rule, groups.scales)
                of_s.update(scaling.s, slope, scaling.moments, t, groups.scales * learning_rate)
                theta[...] = scaling.s[:, None] * scaling.V
            else:
                own.update(theta, g, moments, t, alpha)

    def write(self, values: list[Array]) -> None:
        """Put values into the parameters."""
        for theta, value in zip(self.theta, values, strict=True):
            theta[...] = value

    def start_moments(self) -> None:
        """The moments before the first update, and the scales of the inputs where they are learned."""
        self.moments = [self.plan.optimizer.start(theta) for theta in self.theta]
        if self.plan.groups.scales:
            W = self.theta[0]
            s = np.ones(len(W), W.dtype)
            self.scaling = Scaling(s, W.copy(), self.plan.optimizer.start(s))

    def state(self) -> State:
        """A copy of the state."""
        return State(
            parameters=pairs([theta.copy() for theta in self.theta]),
            moments={
                slot: pairs([moments[slot].copy() for moments in self.moments])
                for slot in self.plan.optimizer.slots
            },
            step=self.step,
            accepted=self.accepted,
            scaling=copy.deepcopy(self.scaling),
        )

    def load(self, state: State) -> None:
        """Go on from a state."""
        self.write(_unpaired(state.parameters))
        for slot in self.plan.optimizer.slots:
            for own, value in zip(self.moments, _unpaired(state.moments[slot]), strict=True):
                own[slot][...] = value
        self.step, self.accepted = state.step, state.accepted
        if self.scaling is not None:
            self.scaling = copy.deepcopy(state.scaling) or Scaling(
                np.ones_like(self.scaling.s),
                self.theta[0].copy(),
                self.plan.optimizer.start(self.scaling.s),
            )


class _Descent:
    """The line θ − ηg that a search walks along, and the loss of its batch there."""

    def __init__(
        self, engine: Stepwise, rows: Rows, masks: list[Array | None], gradient: list[Array]
    ) -> None:
        self.engine, self.rows, self.masks, self.gradient = engine, rows, masks, gradient
        self.start = [theta.copy() for theta in engine.theta]
        self.squared_norm = sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradient)

    def move(self, eta: float) -> None:
        """Put the parameters at θ − ηg; for η = 0 back at θ, even if g is not finite."""
        for theta, start, g in zip(self.engine.theta, self.start, self.gradient, strict=True):
            theta[...] = start - eta * g if eta else start

    def loss_at(self, eta: float) -> float:
        """L over the batch at θ − ηg."""
        self.move(eta)
        return self.engine.differentiate(self.rows, self.masks)[0]


def not_by_batches(optimizer: Optimizer) -> str:
    """Why an engine has no epoch for an optimizer."""
    return f"{optimizer.name} does not work batch by batch; train() runs it"


def pairs(flat: list[Array]) -> Gradients:
    """(W, b) of each layer from W, b, W, b, …"""
    return list(zip(flat[::2], flat[1::2], strict=True))


def _unpaired(pairs: Gradients) -> list[Array]:
    return [array for pair in pairs for array in pair]
