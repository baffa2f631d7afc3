"""Forty plans that between them take every rule, activation, loss and option, and the bits that training leaves.

Data are made by integers and exact arithmetic: no library's sine has a say in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import chainrule
from chainrule import Groups, Network, train
from chainrule.chance import mix64, uniform
from chainrule.losses import quantile
from chainrule.tables import Table
from chainrule.training.fitting import Settings, fit_table

PLANS, STEPS = 40, 1000
ROWS, FEW = 200, 40

# Whose bits each instruction set gives: the portable code has no fused multiply-add, and rounds twice.
BITS = {"avx512": "avx2 and avx512", "avx2": "avx2 and avx512", "portable": "portable"}

# Each with a rate at which 1,000 steps of whatever else there is stay finite.
RULES = {
    "sgd": 0.05, "heavy-ball": 0.01, "nesterov": 0.01, "momentum": 0.05, "adagrad": 0.02, "lecture-adagrad": 0.02,
    "rmsprop": 0.001, "adadelta": 0.5, "adam": 0.003, "adamw": 0.003, "amsgrad": 0.003, "nadam": 0.002, "lion": 0.0005,
    "backtracking": None, "sls": None,
}  # fmt: skip
ACTIVATIONS = (
    "relu", "tanh", "gelu", "silu", "leaky_relu", "logistic", "softplus", "elu", "selu", "mish", "identity",
)  # fmt: skip
LOSSES = ("binary_cross_entropy", "squared_error", "cross_entropy", "huber", "poisson", "absolute_error", "quantile")  # fmt: skip
OUTPUTS = {
    "binary_cross_entropy": ("logistic", 1), "cross_entropy": ("softmax", 4), "poisson": ("exponential", 1), "quantile": ("identity", 3),
}  # fmt: skip
SHAPES = ((7, 20, 40, 20), (3,), (33, 5, 1, 9), (16, 64, 64), (1, 130))
SCHEDULES = ("constant", "cosine", "step", "coslog", "one-cycle", "warm-up")
BATCHES = (20, 8, 1, 50)  # each makes a whole number of epochs of 1,000 steps


@dataclass(frozen=True)
class Golden:
    """One of the plans.

    Attributes:
        number: which, from 0; it decides all else.
    """

    number: int

    def _of(self, what: Any, step: int = 1) -> Any:
        """What the number picks of some, going on by so many from plan to plan."""
        return tuple(what)[self.number // step % len(what)]

    @property
    def rule(self) -> str:
        return str(self._of(RULES))

    @property
    def is_line_search(self) -> bool:
        return RULES[self.rule] is None

    @property
    def loss(self) -> str:
        return str(self._of(LOSSES))

    @property
    def dtype(self) -> str:
        return "float64" if self.number % 4 == 3 else "float32"

    @property
    def dropout(self) -> float:
        return float(self._of((0.0, 0.1, 0.0, 0.4, 0.0)))

    @property
    def schedule(self) -> str:
        return "constant" if self.is_line_search else str(self._of(SCHEDULES))

    @property
    def rows(self) -> int:
        return FEW if self.rule == "backtracking" else ROWS

    @property
    def batch(self) -> int:
        return self.rows if self.rule == "backtracking" else int(self._of(BATCHES, 2))

    @property
    def sizes(self) -> tuple[int, ...]:
        return (*self._of(SHAPES, 3), OUTPUTS.get(self.loss, ("identity", 1))[1])

    @property
    def groups(self) -> Groups | None:
        """Rates of groups, with learned scales for every other one, or None."""
        if self.is_line_search or self.number % 3:
            return None
        return Groups.ntk(self.sizes, biases=0.1, scales=2.0 * (self.number % 2))

    @property
    def penalty(self) -> float:
        return 0.01 if self.number % 5 == 1 and not self.is_line_search else 0.0

    @property
    def is_weighted(self) -> bool:
        return self.number % 7 == 2

    @property
    def name(self) -> str:
        """What it is, in words."""
        options = {
            f"dropout {self.dropout}": self.dropout, self.schedule: self.schedule != "constant", "groups": self.groups,
            "penalty": self.penalty, "weights": self.is_weighted,
        }  # fmt: skip
        sizes = "-".join(map(str, self.sizes))
        first = [
            f"{self.number:02}",
            sizes,
            self._of(ACTIVATIONS),
            self.loss,
            self.rule,
            self.dtype,
        ]
        return " ".join(
            [*first, f"batch {self.batch}", *(word for word, on in options.items() if on)]
        )

    def trained(
        self,
        threads: int = 1,
        placed: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] = lambda X: X,
    ) -> chainrule.Result:
        """Trained in the compiled engine for 1,000 steps, on rows that are put somewhere."""
        output, outputs = OUTPUTS.get(self.loss, ("identity", 1))
        network = Network.of_sizes(
            self.sizes, self._of(ACTIVATIONS), output=output, seed=self.number, dtype=self.dtype,
            initializer=self._of(("auto", "normal", "torch")),
        )  # fmt: skip
        X = rows(self.rows, self.sizes[0], self.number)
        epochs, left = divmod(STEPS, -(-self.rows // self.batch))
        assert not left
        result = train(
            network, placed(X.astype(self.dtype)), targets(X, self.loss, outputs),
            loss=quantile((0.1, 0.5, 0.9)) if self.loss == "quantile" else self.loss,
            optimizer=chainrule.optimizers.make(self.rule, RULES[self.rule]),
            batch_size=self.batch, epochs=epochs, dropout=self.dropout, schedule=self.schedule, seed=self.number,
            weights=1 + np.arange(self.rows) % 5 if self.is_weighted else None, penalty=self.penalty,
            **({} if self.groups is None else {"groups": self.groups}), engine="native", threads=threads,
        )  # fmt: skip
        assert result.steps == STEPS
        return result


def rows(count: int, columns: int, seed: int) -> npt.NDArray[np.float64]:
    """Numbers in [−1, 1), (count, columns)."""
    return 2 * uniform(count * columns, seed).reshape(count, columns) - 1


def targets(X: npt.NDArray[np.float64], loss: str, outputs: int) -> npt.NDArray[Any]:
    """What can be learned from the first and the last column, and a little chance."""
    a, b, chance = X[:, 0], X[:, -1], mix64(np.arange(len(X), dtype=np.uint64)) % 8
    y = a * b - a / 2 + chance / 16
    if loss in ("binary_cross_entropy", "cross_entropy"):
        classes = max(2, outputs)
        return np.floor((y + 2) * 8).astype(np.int64) % classes
    return np.floor((y + 2) * 2) if loss == "poisson" else y


def hash_of(networks: list[Network]) -> str:
    """Of all parameters of networks, in 16 bytes."""
    found = hashlib.blake2b(digest_size=16)
    for network in networks:
        for layer in network.layers:
            for array in (layer.W, layer.b):
                found.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return found.hexdigest()


def estimators(frame: Callable[[npt.NDArray[Any]], Any] = lambda X: X) -> dict[str, str]:
    """The hashes of what estimators and `fit_table` make of a table, given as a frame or an array."""
    X, classes, numbers = table()
    small: dict[str, Any] = {"hidden": (16, 16), "epochs": 25, "members": 6, "random_state": 3}
    classifier = chainrule.Classifier(**small).fit(frame(X), classes)
    regressor = chainrule.Regressor(**small).fit(frame(X), numbers)
    whole = Table.of(frame(np.column_stack([X, numbers])))
    one = fit_table(
        whole, whole.names[-1], Settings(epochs=125, hidden=(16,), dropout=0.1, patience=0)
    )
    return {
        "Classifier": hash_of(classifier.networks_),
        "Regressor": hash_of(regressor.networks_),
        "fit_table": hash_of([one.model.network]),
    }


def table() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Rows with gaps, of which some are alike, their classes and their numbers."""
    X = rows(300, 5, 77)
    X[:, 3] = np.floor(X[:, 3] * 3)
    classes, numbers = targets(X, "cross_entropy", 3), targets(X, "squared_error", 1)
    X[::9, 1] = np.nan
    return X, classes, numbers
