"""One epoch after another of scikit-learn's perceptron, in the compiled engine.

Scikit-learn's gradients are multiples of ours: it sums over the outputs of a row where we take the
mean, and halves the square. So the engine descends L/f, which gives the same steps with a learning
rate f times as large (SGD) or moments f and f² times as small (Adam).
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from chainrule.arrays import Array, dtype_named
from chainrule.engines import State
from chainrule.engines.native_engine import NativeEngine
from chainrule.network import Layer, Network
from chainrule.optimizers import LBFGS, SGD, Adam, Optimizer
from chainrule.plan import Plan

Perceptron: TypeAlias = Any  # scikit-learn's classes carry no types
Rows: TypeAlias = npt.NDArray[np.int64]


class _Objective(NamedTuple):
    """What scikit-learn minimises, in our terms.

    Attributes:
        loss, output: our names of the loss and of φ_1.
        gradient: f, what our gradient is multiplied with to be theirs.
        reported: what our loss is multiplied with to be theirs, the penalty aside.
    """

    loss: str
    output: str
    gradient: float
    reported: float


def _objective(mlp: Perceptron) -> _Objective:
    k = mlp.n_outputs_
    return {
        "softmax": _Objective("cross_entropy", "softmax", 1, 1),
        "logistic": _Objective("binary_cross_entropy", "logistic", k, k),
        "identity": _Objective("squared_error", "identity", k / 2, 1 / 2),
        "exp": _Objective("poisson", "exponential", k, k),
    }[mlp.out_activation_]


class InnerLoop:
    """The epochs of one call of `fit` or `partial_fit`.

    Attributes:
        engine: holds the parameters and the moments meanwhile.
    """

    def __init__(
        self, mlp: Perceptron, X: Array, y: npt.NDArray[Any], weights: Array | None, batch: int
    ) -> None:
        """Take the perceptron with the optimizer it is to go on with, and the rows to train on.

        Args:
            mlp: initialised; for L-BFGS it has no optimizer.
            X: (n, d), float32 or float64.
            y: (n, k), as scikit-learn has encoded it.
            weights: of the rows, (n,), or None.
            batch: rows in a step.
        """
        self._mlp, self._objective = mlp, _objective(mlp)
        f = self._objective.gradient
        rule: Optimizer = LBFGS() if mlp.solver == "lbfgs" else _rule(mlp, f)
        network = Network(_layers(mlp, self._objective.output))
        self._plan = Plan(
            layer_sizes=network.sizes,
            activations=network.activations,
            loss=self._objective.loss,
            optimizer=rule,
            dropout=(0.0,) * (len(network.layers) - 1),
            batch_size=batch,
            dtype=dtype_named(network.dtype),
            seed=0,
            shuffle=False,
            penalty=0.0 if mlp.solver == "lbfgs" else mlp.alpha / f,
        )
        self.X = np.ascontiguousarray(X)
        numbered = self._objective.loss == "cross_entropy"
        t = y.argmax(axis=1)[:, None] if numbered else y
        self.t: Array = np.ascontiguousarray(t, network.dtype)
        self.weights = None if weights is None else np.ascontiguousarray(weights, network.dtype)
        self.engine = NativeEngine(self._plan, network, self.X, self.t, self.weights)
        self._epoch = 0
        self._starts = np.arange(0, len(X), batch)
        self._shares = np.diff(self._starts, append=len(X)) / len(X)  # of each batch in the rows
        self._losses, self._penalties = (np.empty(len(self._starts)) for _ in range(2))
        self._entropy = self._saturated() if self._objective.loss == "poisson" else None
        if isinstance(rule, (SGD, Adam)):
            self.engine.load(self._state())

    @property
    def name(self) -> str:
        """The engine with its instruction set."""
        return f"native ({self.engine.isa})"

    def epoch(self, rows: Rows, rate: float) -> float:
        """One pass over the rows in their order, at scikit-learn's learning rate.

        Returns:
            The mean over the rows of scikit-learn's loss of their batch, penalty included.

        Raises:
            DivergenceError: as `Engine.epoch`.
        """
        if self._mlp.solver == "sgd":
            rate *= self._objective.gradient
        elif self._mlp.solver == "adam":
            rate = self._mlp.learning_rate_init
        self.engine.epoch_over(rows, self._epoch, rate, self._losses, self._penalties)
        self._epoch += 1
        losses = self._objective.reported * (self._losses - self._penalties)
        losses += self._objective.gradient * self._penalties
        if self._entropy is not None:
            losses += self._batch_means(self._entropy, rows)
        return float(self._shares @ losses)

    def loss_and_gradient(self, theta: npt.NDArray[np.float64]) -> tuple[float, Array]:
        """Scikit-learn's loss over all rows and its gradient, as L-BFGS asks for them.

        Args:
            theta: all W, then all b, end to end.
        """
        f, alpha = self._objective.gradient, self._mlp.alpha
        coefs, intercepts = self._unpacked(theta)
        self.engine.load(State(list(zip(coefs, intercepts, strict=True)), {}, 0))
        loss, pairs = self.engine.loss_and_gradient(self.X, self.t, self.weights)
        total = len(self.X) if self.weights is None else self.weights.sum()
        loss *= self._objective.reported
        if self._entropy is not None:
            loss += float(np.average(self._entropy, weights=self.weights))
        loss += 0.5 * alpha * sum(float(np.vdot(W, W)) for W in coefs) / total
        of_W = [f * g + (alpha / total) * W for (g, _), W in zip(pairs, coefs, strict=True)]
        parts = [*of_W, *(f * g for _, g in pairs)]
        return loss, np.concatenate([part.ravel() for part in parts])

    def store_parameters(self) -> None:
        """Put W and b into scikit-learn's own arrays."""
        mlp = self._mlp
        for W, b, (own_W, own_b) in zip(
            mlp.coefs_, mlp.intercepts_, self.engine.parameters(), strict=True
        ):
            W[...], b[...] = own_W, own_b

    def store(self) -> None:
        """Put the parameters, the moments and the number of steps where scikit-learn has them."""
        self.store_parameters()
        state, theirs, f = self.engine.state(), self._mlp._optimizer, self._objective.gradient
        if self._mlp.solver == "sgd":
            if "velocity" in state.moments:
                theirs.velocities = [-v for v in _flat(state.moments["velocity"])]
            return
        theirs.ms = [f * m for m in _flat(state.moments["first"])]
        theirs.vs = [f * f * v for v in _flat(state.moments["second"])]
        theirs.t = t = state.step
        if t:
            correction = np.sqrt(1 - theirs.beta_2**t) / (1 - theirs.beta_1**t)
            theirs.learning_rate = theirs.learning_rate_init * correction

    def _state(self) -> State:
        """The engine's state for what scikit-learn's optimizer holds."""
        mlp, theirs, f = self._mlp, self._mlp._optimizer, self._objective.gradient
        parameters = list(zip(mlp.coefs_, mlp.intercepts_, strict=True))
        if mlp.solver == "adam":
            moments = {
                "first": _pairs([m / f for m in theirs.ms]),
                "second": _pairs([v / (f * f) for v in theirs.vs]),
            }
            return State(parameters, moments, theirs.t)
        moments = {"velocity": _pairs([-v for v in theirs.velocities])} if mlp.momentum else {}
        return State(parameters, moments, 1)  # not the first step, which would forget the velocity

    def _saturated(self) -> Array:
        """What scikit-learn's Poisson loss of a row has besides ours: t log t − t, summed over its outputs."""
        return np.asarray((xlogy(self.t, self.t) - self.t).sum(axis=1), float)

    def _batch_means(self, values: Array, rows: Rows) -> Array:
        w = np.ones(len(values)) if self.weights is None else self.weights
        sums, weights = (np.add.reduceat(v[rows], self._starts) for v in (values * w, w))
        return np.asarray(sums / weights)

    def _unpacked(self, theta: npt.NDArray[np.float64]) -> tuple[list[Array], list[Array]]:
        shapes = [a.shape for a in (*self._mlp.coefs_, *self._mlp.intercepts_)]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        parts = np.split(theta.astype(self._plan.dtype, copy=False), ends[:-1])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]


def _layers(mlp: Perceptron, output: str) -> list[Layer]:
    hidden = [mlp.activation] * (len(mlp.coefs_) - 1)
    return [
        Layer(W, b, phi)
        for W, b, phi in zip(mlp.coefs_, mlp.intercepts_, [*hidden, output], strict=True)
    ]


def _rule(mlp: Perceptron, f: float) -> Optimizer:
    if mlp.solver == "sgd":
        nesterov = mlp.nesterovs_momentum and mlp.momentum > 0
        return SGD(momentum=mlp.momentum, nesterov=nesterov, of_steps=True)
    return Adam(beta1=mlp.beta_1, beta2=mlp.beta_2, epsilon=mlp.epsilon / f, epsilon_hat=True)


def _flat(pairs: list[tuple[Array, Array]]) -> list[Array]:
    """All W, then all b, as scikit-learn has them."""
    return [W for W, _ in pairs] + [b for _, b in pairs]


def _pairs(flat: list[Array]) -> list[tuple[Array, Array]]:
    half = len(flat) // 2
    return list(zip(flat[:half], flat[half:], strict=True))
