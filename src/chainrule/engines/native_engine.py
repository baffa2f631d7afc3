"""The compiled engine: the same training as the reference, step for step, and nothing in Python between steps."""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from chainrule import losses, optimizers
from chainrule.arrays import Array, contiguous
from chainrule.engines import compiled
from chainrule.engines.engine import Losses, Rates, Scaling, State, check
from chainrule.engines.stepwise import not_by_batches
from chainrule.errors import DivergenceError, EngineError, InvalidValue, ShapeError
from chainrule.gradients import Gradients
from chainrule.network import Network
from chainrule.optimizers import LBFGS, TOGETHER, Rule
from chainrule.plan import Plan

# Slots of a compiled run that are not moments.
_PARAMETERS, _GRADIENT = -1, -2
_PIECE = 1024  # rows of a gradient over all rows that are worked on at a time
_FINISHED, _DIVERGED, _INTERRUPTED, _IMPOSSIBLE = range(4)  # how an epoch ended


class Predictor(Protocol):
    """The forward pass of one network, compiled."""

    def __call__(self, X: npt.ArrayLike) -> Array:
        """z_1 of rows (n, d), shape (n, k); of one row (d,), shape (k,)."""


def _layers(network: Network, dropout: tuple[float, ...]) -> list[tuple[int, int, str, float]]:
    """What the compiled code is told of each layer: inputs, outputs, activation, dropout of its outputs."""
    return [
        (*layer.W.shape, layer.activation.name, p)
        for layer, p in zip(network.layers, (*dropout, 0.0), strict=True)
    ]


def _loss(name: str | losses.Own) -> dict[str, Any]:
    """What the compiled code is told of the loss: its kind, and the levels of quantiles."""
    loss = losses.get(name)
    if isinstance(loss, losses.Quantile):
        return {"loss": "quantile", "levels": loss.levels}
    return {"loss": loss.name, "levels": ()}


def _groups(plan: Plan) -> dict[str, Any] | None:
    """What the compiled code is told of parameters that learn at rates of their own."""
    groups, rule = plan.groups, plan.optimizer
    if groups == TOGETHER:
        return None
    assert isinstance(rule, Rule)  # the plan has seen to it

    def described(factor: float, bias: bool = False) -> tuple[dict[str, Any], float]:
        return optimizers.as_dict(groups.rule_for(rule, factor, bias)), factor

    weights = groups.of_weights(len(plan.activations))
    return {
        "weights": [described(factor) for factor in weights],
        "biases": [described(groups.biases, bias=True) for _ in weights],
        "scales": described(groups.scales) if groups.scales else None,
    }


def _threads(threads: int | None) -> int:
    """How many threads were asked for; 0 leaves it to the engine.

    Raises:
        InvalidValue: a number below 1.
    """
    if threads is not None and threads < 1:
        raise InvalidValue(f"threads is 1 or more, got {threads}")
    return threads or 0


def predictor(network: Network, threads: int | None = None) -> Predictor:
    """The network's forward pass as a compiled function that holds a copy of the parameters.

    Calling it with rows (n, d) in the network's type costs about a microsecond more than the
    arithmetic; other types are converted. Many rows go over `threads` cores (default: all).

    Raises:
        InvalidValue: softmax below the output layer, or a number of threads below 1.
    """
    _refuse_hidden_softmax(network.activations)
    kind = getattr(compiled.module(), f"Predictor{network.dtype.removeprefix('float')}")
    made = kind(
        _layers(network, (0.0,) * (len(network.layers) - 1)), _threads(threads) or compiled.cores()
    )
    for index, layer in enumerate(network.layers):
        made.write(index, np.ascontiguousarray(layer.W), np.ascontiguousarray(layer.b))
    return cast(Predictor, made)


def _refuse_hidden_softmax(activations: tuple[str, ...]) -> None:
    if "softmax" in activations[:-1]:
        raise InvalidValue(_HIDDEN_SOFTMAX)


_HIDDEN_SOFTMAX = "softmax is there for the output layer only"


class NativeEngine:
    """The compiled engine; see `Engine`.

    The bits of the result depend neither on the number of threads nor on AVX2 or AVX-512. Beyond the
    data it keeps the parameters, their transposes, a copy from the start of the epoch, the moments,
    and for each layer a batch of outputs and their gradients.
    """

    name = "native"
    rank, world = 0, 1

    def __init__(
        self,
        plan: Plan,
        network: Network,
        X: Array,
        t: Array,
        weights: Array | None = None,
        threads: int | None = None,
    ) -> None:
        """Take a plan, the network that it describes, and the data; with `threads` None, the first steps find what pays."""
        check(plan, network, X, t, weights)
        module = compiled.module()
        self.plan = plan
        self.isa: str = module.isa
        self._count = len(network.layers)
        self._outputs = plan.layer_sizes[-1]
        lbfgs = isinstance(plan.optimizer, LBFGS)  # it asks for gradients only
        kind = getattr(module, f"Run{plan.dtype.removeprefix('float')}")
        self._run: Any = kind(
            layers=_layers(network, plan.dropout),
            **_loss(plan.loss),
            optimizer=optimizers.as_dict(plan.optimizer),
            penalty=plan.penalty,
            groups=_groups(plan),
            batch_size=min(plan.batch_size, _PIECE) if lbfgs else plan.batch_size,
            seed=plan.seed,
            shuffle=plan.shuffle,
            x=X,
            target=t,
            weight=weights,
            threads=_threads(threads),
            cores=compiled.cores(),
        )
        self._write(_PARAMETERS, [(layer.W, layer.b) for layer in network.layers])

    @classmethod
    def refusal(cls, plan: Plan) -> str | None:
        """Softmax in a hidden layer is what it does not do."""
        compiled.module()
        return _HIDDEN_SOFTMAX if "softmax" in plan.activations[:-1] else None

    @property
    def threads(self) -> int:
        """How many threads the next steps use."""
        return int(self._run.threads)

    def epoch(self, number: int, learning_rates: Rates, step_losses: Losses | None = None) -> float:
        """One pass over the data; see `Engine.epoch`. Ctrl-C ends it between two steps."""
        if step_losses is None and not (
            isinstance(learning_rates, np.ndarray) and learning_rates.ndim
        ):
            ended = self._run.epoch(number, learning_rates)
        else:
            rates = np.atleast_1d(learning_rates).tolist()
            ended = self._run.epoch_with_rates(number, rates, step_losses)
        ending, loss, steps = ended
        if ending:
            self._refuse(ending, number + 1, steps)
        return cast(float, loss)

    def epoch_over(
        self,
        rows: npt.NDArray[np.int64],
        number: int,
        learning_rates: Rates,
        step_losses: Losses | None = None,
        step_penalties: Losses | None = None,
        first: int = 0,
    ) -> float:
        """One pass over rows that are given by their numbers, in that order; see `Engine.epoch`.

        Args:
            rows: some of the data's, or some of them more than once, (n,).
            number: keys the dropout.
            learning_rates: one for all steps, or an array with one for each.
            step_losses: as in `epoch`.
            step_penalties: filled with the part of each step's loss that is the plan's penalty.
            first: the number of the first step, from 0, where the rows are a later part of an epoch;
                keys the dropout.

        Raises:
            DivergenceError: as in `epoch`.
            ValueError: a batch has more rows than the data.
        """
        scalar = not isinstance(learning_rates, np.ndarray)
        rates = [learning_rates] if scalar else np.atleast_1d(learning_rates).tolist()
        ending, loss, steps = self._run.epoch_over(
            number, rates, rows, step_losses, step_penalties, first
        )
        if ending:
            self._refuse(ending, number + 1, first + steps)
        return cast(float, loss)

    def epochs(self, number: int, learning_rate: float, losses: Losses) -> None:
        """Several passes; see `Engine.epochs`. Nothing in Python between them."""
        losses.fill(np.nan)
        ending, _, steps = self._run.epochs(number, learning_rate, losses)
        if ending:
            self._refuse(ending, number + 1 + int(np.isfinite(losses).sum()), steps)

    def _refuse(self, ending: int, epoch: int, steps: int) -> None:
        if ending == _IMPOSSIBLE:
            raise EngineError(not_by_batches(self.plan.optimizer))
        if ending == _DIVERGED:
            raise DivergenceError(epoch, steps + 1)

    def evaluate(self, X: Array, t: Array, weights: Array | None = None) -> float:
        """L over other rows, without dropout."""
        return cast(float, self._run.evaluate(X, t, weights))

    def predict(self, X: Array) -> Array:
        """z_1 of rows (n, d), without dropout: (n, k)."""
        if X.ndim != 2 or X.shape[1] != self.plan.layer_sizes[0]:
            raise ShapeError(f"data are rows (n, {self.plan.layer_sizes[0]}), got shape {X.shape}")
        return cast(Array, self._run.predict(contiguous(X, "rows", self.plan.dtype)))

    def loss_and_gradient(
        self, X: Array, t: Array, weights: Array | None = None
    ) -> tuple[float, Gradients]:
        """L and (∂L/∂W, ∂L/∂b) of each layer over the given rows as one batch, without dropout."""
        loss = self._run.loss_and_gradient(X, t, weights)
        return loss, self._read(_GRADIENT)

    def parameters(self) -> Gradients:
        """A copy of (W, b) of each layer."""
        return self._read(_PARAMETERS)

    def state(self) -> State:
        """A copy of the state."""
        return State(
            parameters=self.parameters(),
            moments={slot: self._read(i) for i, slot in enumerate(self.plan.optimizer.slots)},
            step=self._run.updates,
            accepted=self._run.accepted,
            scaling=self._scaling() if self.plan.groups.scales else None,
        )

    def load(self, state: State) -> None:
        """Go on from a state."""
        self._write(_PARAMETERS, state.parameters)
        for i, slot in enumerate(self.plan.optimizer.slots):
            self._write(i, state.moments[slot])
        self._run.updates, self._run.accepted = state.step, state.accepted
        if state.scaling is not None:
            self._run.write_scaled(state.scaling.s, np.ascontiguousarray(state.scaling.V))
            for i, slot in enumerate(self.plan.optimizer.slots):
                self._run.write_scale_moments(i, state.scaling.moments[slot])

    def _scaling(self) -> Scaling:
        slots = enumerate(self.plan.optimizer.slots)
        moments = {slot: self._run.read_scales(i) for i, slot in slots}
        return Scaling(self._run.read_scales(_PARAMETERS), self._run.read_unscaled(), moments)

    def _read(self, slot: int) -> list[tuple[Array, Array]]:
        return [self._run.read(slot, layer) for layer in range(self._count)]

    def _write(self, slot: int, arrays: list[tuple[Array, Array]]) -> None:
        for layer, (W, b) in enumerate(arrays):
            self._run.write(slot, layer, np.ascontiguousarray(W), np.ascontiguousarray(b))
