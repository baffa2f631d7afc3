"""What is measured: set-ups, their data, their initial weights, and the goals they are held to.

Everything here is NumPy alone and a function of the work, so that each process builds the same
data and the same weights for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Weights = list[tuple[Floats, Floats]]

BEST = "best"
"""The key of a goal against the quickest of the peers, whichever it is."""

HYPERPARAMETERS: Mapping[str, Mapping[str, float]] = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.01, "momentum": 0.9},
    "nesterov": {"learning_rate": 0.01, "momentum": 0.9},
    "adagrad": {"learning_rate": 0.05},
    "rmsprop": {"learning_rate": 0.001},
    "adam": {"learning_rate": 0.001},
    "adamw": {"learning_rate": 0.001, "weight_decay": 0.01},
}
"""Each optimizer's settings, the same for every peer; PyTorch's default where none is named."""


@dataclass(frozen=True)
class Work:
    """A network and the rows it sees. ``goals`` maps a peer's key to the ratio to reach."""

    name: str
    sizes: tuple[int, ...]
    rows: int
    loss: str = "binary_cross_entropy"
    goals: Mapping[str, float] = field(default_factory=dict)

    @property
    def shape(self) -> str:
        return "-".join(map(str, self.sizes))

    @cached_property
    def data(self) -> tuple[Floats, Floats]:
        """X (rows, d) and y: (rows,) for one output and for class numbers."""
        rng = np.random.default_rng(20)
        if self.sizes[0] == 2:
            return moons(self.rows, 0.1, rng)
        X = rng.standard_normal((self.rows, self.sizes[0]), dtype=np.float32)
        return X, self._labels(X, rng)

    def _labels(self, X: Floats, rng: np.random.Generator) -> Floats:
        A = rng.standard_normal((X.shape[1], max(2, self.sizes[-1]))) / np.sqrt(X.shape[1])
        scores = X @ A.astype(np.float32)
        if self.loss == "cross_entropy":
            return np.asarray(scores.argmax(axis=1), dtype=np.float32)
        if self.loss == "binary_cross_entropy":
            return np.asarray(scores[:, 0] + scores[:, 1] ** 2 > 1, dtype=np.float32)
        return np.asarray(np.tanh(scores[:, 0]) + scores[:, 1] ** 2, dtype=np.float32)

    def weights(self) -> Weights:
        """Fresh initial weights, W (d, e) and b (e,) from input to output: U(±1/√d)."""
        rng = np.random.default_rng(40)
        return [(_uniform(rng, (d, e), d), _uniform(rng, (e,), d)) for d, e in pairwise(self.sizes)]


@dataclass(frozen=True)
class Training(Work):
    """Train ``epochs`` epochs in batches of ``batch`` rows; measured per step."""

    batch: int = 32
    epochs: int = 1
    optimizer: str = "sgd"
    sgemm_goal: float | None = None

    unit = "step"
    check = "final loss"

    @property
    def units(self) -> int:
        return self.epochs * (self.rows // self.batch)

    @property
    def learning_rate(self) -> float:
        return HYPERPARAMETERS[self.optimizer]["learning_rate"]

    @property
    def title(self) -> str:
        rows = f"{self.rows:,}×{self.sizes[0]}"
        how = f"batch {self.batch:,}, {self.epochs} epochs, {self.optimizer}, {self.loss}"
        return f"{self.name}: {rows}, {self.shape}, {how}"

    @property
    def flops(self) -> int:
        """Additions and multiplications of a step: three products of 2mde each, per layer.

        They are u = zW, ∂L/∂W = zᵀδ and ∂L/∂z = δWᵀ, the last one not needed at the input.
        """
        products = 3 * sum(d * e for d, e in pairwise(self.sizes)) - self.sizes[0] * self.sizes[1]
        return 2 * self.batch * products


@dataclass(frozen=True)
class Prediction(Work):
    """Predict ``rows`` rows at a time, ``units`` times; measured per call."""

    units: int = 1

    unit = "call"
    check = "largest error"

    @property
    def title(self) -> str:
        return f"{self.name}: {self.rows:,}×{self.sizes[0]}, {self.shape}, ReLU, logistic output"

    @property
    def flops(self) -> int:
        return 2 * self.rows * sum(d * e for d, e in pairwise(self.sizes))


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Floats:
    limit = 1 / np.sqrt(fan_in)
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def moons(rows: int, noise: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two half circles that reach into each other, ``noise`` their standard deviation."""
    y = np.arange(rows) % 2
    angle = np.pi * rng.random(rows)
    x1 = np.where(y == 0, np.cos(angle), 1 - np.cos(angle))
    x2 = np.where(y == 0, np.sin(angle), 0.5 - np.sin(angle))
    X = np.column_stack([x1, x2]) + noise * rng.standard_normal((rows, 2))
    return X.astype(np.float32), y.astype(np.float32)


def logits(weights: Weights, X: Floats, most_rows: int = 65_536) -> NDArray[np.float64]:
    """u (n, k) of the ReLU network in float64: the judge's forward pass, at most ``most_rows``."""
    z = X[:most_rows].astype(np.float64)
    for W, b in weights[:-1]:
        z = np.maximum(z @ W + b, 0)
    W, b = weights[-1]
    return np.asarray(z @ W + b)


def logistic(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-u))


def training_loss(work: Training, weights: Weights) -> float:
    """The mean loss over all training rows: one judge for every peer."""
    X, y = work.data
    u = logits(weights, X, most_rows=work.rows)
    if work.loss == "cross_entropy":
        picked = u[np.arange(work.rows), y.astype(np.int64)]
        return float(np.mean(np.logaddexp.reduce(u, axis=1) - picked))
    if work.loss == "binary_cross_entropy":
        return float(np.mean(np.logaddexp(0, u[:, 0]) - y * u[:, 0]))
    return float(np.mean((u[:, 0] - y) ** 2))


LECTURE = tuple(
    Training(
        "lecture" if optimizer == "sgd" else f"lecture, {optimizer}",
        (2, 20, 40, 20, 1),
        rows=500,
        batch=10,
        epochs=100,
        optimizer=optimizer,
        sgemm_goal=0.6 if optimizer == "sgd" else None,
        goals={"torch-loader": 350, "jax": 9, "sklearn": 160}
        if optimizer == "sgd"
        else {"torch-loader": 300},
    )
    for optimizer in HYPERPARAMETERS
)

WIDE = (
    Training(
        "wide 128",
        (64, 128, 128, 1),
        rows=4096,
        batch=32,
        epochs=10,
        goals={"torch-loader": 8, "torch-indexed": 8, "jax": 2},
    ),
    Training("wide 256", (64, 256, 256, 1), rows=4096, batch=128, epochs=20, goals={BEST: 1.5}),
    Training(
        "wide 512",
        (784, 512, 512, 10),
        rows=4096,
        batch=128,
        epochs=4,
        loss="cross_entropy",
        goals={BEST: 1.05},
    ),
    Training(
        "wide 2048",
        (256, 2048, 2048, 1),
        rows=4096,
        batch=1024,
        epochs=4,
        loss="squared_error",
        goals={BEST: 1.0},
    ),
)

PREDICT = (
    Prediction(
        "predict a row",
        (2, 20, 40, 20, 1),
        rows=1,
        units=1000,
        goals={"onnx": 4, "torch": 15, "sklearn": 60},
    ),
    Prediction("predict a million rows", (64, 128, 128, 1), rows=1_000_000, goals={BEST: 1.0}),
)

WORKS: Mapping[str, Work] = {work.name: work for work in (*LECTURE, *WIDE, *PREDICT)}
