"""JAX: all steps of all epochs in one compiled call, a lax.scan with donated buffers.

XLA makes a thread for each processor that the process may run on, which the worker has seen to.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.session import PredictionSession, TrainingSession, quickest
from benchmarks.works import HYPERPARAMETERS, Prediction, Training, Weights

Params = Any
"""A list of (W, b); a gradient or a moment has the same shape."""
Update = Callable[[Params, Params, tuple[Params, ...], Any], tuple[Params, tuple[Params, ...]]]
"""θ, its gradient, the moments and the number of this step (from 1) to the next θ and moments."""


def logit(params: Params, z: Any) -> Any:
    for W, b in params[:-1]:
        z = jax.nn.relu(z @ W + b)
    W, b = params[-1]
    return z @ W + b


def binary_cross_entropy(u: Any, y: Any) -> Any:
    return jnp.mean(jax.nn.softplus(u[:, 0]) - y * u[:, 0])


def cross_entropy(u: Any, y: Any) -> Any:
    picked = jnp.take_along_axis(jax.nn.log_softmax(u), y[:, None].astype(int), axis=1)
    return -jnp.mean(picked)


def squared_error(u: Any, y: Any) -> Any:
    return jnp.mean((u[:, 0] - y) ** 2)


LOSSES = {
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
    "squared_error": squared_error,
}


def each(formula: Callable[..., Any], *trees: Params) -> Params:
    return jax.tree.map(formula, *trees)


def update_of(optimizer: str) -> tuple[Update, int]:
    """PyTorch's update rule of that name, and how many moments it keeps."""
    settings = HYPERPARAMETERS[optimizer]
    a, mu = settings["learning_rate"], settings.get("momentum", 0.0)
    shrink = 1 - a * settings.get("weight_decay", 0.0)

    def sgd(p: Params, g: Params, moments: tuple[Params, ...], t: Any) -> Any:
        return each(lambda p, g: p - a * g, p, g), ()

    def momentum(p: Params, g: Params, moments: tuple[Params, ...], t: Any) -> Any:
        v = each(lambda v, g: mu * v + g, moments[0], g)
        return each(lambda p, v: p - a * v, p, v), (v,)

    def nesterov(p: Params, g: Params, moments: tuple[Params, ...], t: Any) -> Any:
        v = each(lambda v, g: mu * v + g, moments[0], g)
        return each(lambda p, g, v: p - a * (g + mu * v), p, g, v), (v,)

    def adagrad(p: Params, g: Params, moments: tuple[Params, ...], t: Any) -> Any:
        s = each(lambda s, g: s + g * g, moments[0], g)
        return each(lambda p, g, s: p - a * g / (jnp.sqrt(s) + 1e-10), p, g, s), (s,)

    def rmsprop(p: Params, g: Params, moments: tuple[Params, ...], t: Any) -> Any:
        s = each(lambda s, g: 0.99 * s + 0.01 * g * g, moments[0], g)
        return each(lambda p, g, s: p - a * g / (jnp.sqrt(s) + 1e-8), p, g, s), (s,)

    def adam(p: Params, g: Params, moments: tuple[Params, ...], t: Any) -> Any:
        m = each(lambda m, g: 0.9 * m + 0.1 * g, moments[0], g)
        s = each(lambda s, g: 0.999 * s + 0.001 * g * g, moments[1], g)
        rate, root = a / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        step = each(lambda m, s: rate * m / (jnp.sqrt(s) / root + 1e-8), m, s)
        return each(lambda p, step: shrink * p - step, p, step), (m, s)

    rules: dict[str, tuple[Update, int]] = {
        "sgd": (sgd, 0),
        "momentum": (momentum, 1),
        "nesterov": (nesterov, 1),
        "adagrad": (adagrad, 1),
        "rmsprop": (rmsprop, 1),
        "adam": (adam, 2),
        "adamw": (adam, 2),
    }
    return rules[optimizer]


def whole_training(work: Training) -> Callable[..., Any]:
    """The function (θ, moments, X, y, order) to (θ, moments) that XLA compiles."""
    update, _ = update_of(work.optimizer)
    loss = LOSSES[work.loss]

    def train(params: Params, moments: tuple[Params, ...], X: Any, y: Any, order: Any) -> Any:
        def step(carry: Any, rows: Any) -> tuple[Any, None]:
            params, moments, t = carry
            g = jax.grad(lambda params: loss(logit(params, X[rows]), y[rows]))(params)
            return (*update(params, g, moments, t), t + 1), None

        params, moments, _ = lax.scan(step, (params, moments, jnp.float32(1)), order)[0]
        return params, moments

    return train


class JaxTraining(TrainingSession):
    """The order of rows is drawn by NumPy, within the timing: quicker than XLA's sort."""

    def __init__(self, work: Training) -> None:
        super().__init__(work)
        self.X, self.y = (jnp.asarray(array) for array in work.data)
        self._rng = np.random.default_rng(0)
        self.reset()
        start = perf_counter()
        compiled = jax.jit(whole_training(work), donate_argnums=(0, 1))
        arguments = (self._params, self._moments, self.X, self.y, self._order())
        self._train = compiled.lower(*arguments).compile()
        self.note = f"compiled in {perf_counter() - start:.2f} s, not counted"

    def _order(self) -> Any:
        work = self.work
        orders = np.tile(np.arange(work.rows, dtype=np.int32), (work.epochs, 1))
        orders = self._rng.permuted(orders, axis=1)
        return jnp.asarray(orders[:, : work.units // work.epochs * work.batch]).reshape(
            work.units, work.batch
        )

    def reset(self) -> None:
        self._params = [(jnp.array(W), jnp.array(b)) for W, b in self.work.weights()]
        count = update_of(self.work.optimizer)[1]
        self._moments = tuple(each(jnp.zeros_like, self._params) for _ in range(count))

    def run(self) -> None:
        done = self._train(self._params, self._moments, self.X, self.y, self._order())
        self._params, self._moments = each(lambda array: array.block_until_ready(), done)

    def weights(self) -> Weights:
        return [(np.asarray(W), np.asarray(b)) for W, b in self._params]


def train(work: Training, threads: int) -> JaxTraining:
    return JaxTraining(work)


def predict(work: Prediction, threads: int) -> PredictionSession:
    """The forward pass under jit, called with an array that JAX already holds."""
    params = [(jnp.array(W), jnp.array(b)) for W, b in work.weights()]
    forward = jax.jit(lambda rows: jax.nn.sigmoid(logit(params, rows)))
    rows = jnp.asarray(work.data[0])
    call, note = quickest(lambda rows: forward(rows).block_until_ready(), rows, work.rows)
    call(rows)
    session = PredictionSession(work, call, rows)
    session.note = note
    return session
