"""The course that every trial runs over: the same rows, the same first weights, the same looks."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import Array, DType
from chainrule.engines import Engine, choose
from chainrule.errors import DivergenceError
from chainrule.optimizers import BatchOptimizer, make
from chainrule.plan import Plan
from chainrule.training import recipe, rows, schedules
from chainrule.training.problem import Problem
from chainrule.training.schedules import Rates

LOOKS = 10  # at the validation loss of a trial, evenly over its epochs

Look = Callable[[int, float], bool]  # from an epoch and its validation loss to whether to stop


@dataclass(frozen=True)
class Run:
    """What a trial came to.

    Attributes:
        loss: the lowest validation loss of its looks; inf where there was none.
        epoch: the epoch of that look, counted from 1; 0 where there was none.
        epochs: how many it trained.
        seconds: what they took.
        whole: whether it came to its end.
        diverged: whether a loss was not finite.
    """

    loss: float
    epoch: int
    epochs: int
    seconds: float
    whole: bool
    diverged: bool = False


@dataclass(frozen=True)
class Course:
    """What the trials of a sweep have in common; small enough to be sent to other machines.

    Attributes:
        X, y: the rows to learn from, encoded.
        validation: the rows by which trials are judged, encoded.
        outputs: of a network.
        loss: its name.
        fitted: how many rows the best settings will be fitted to.
        epochs: of a training.
        seed: of the first weights and the order of rows.
        engine, dtype: as in `train`.
    """

    X: Array
    y: npt.NDArray[Any]
    validation: tuple[Array, npt.NDArray[Any]]
    outputs: int
    loss: str
    fitted: int
    epochs: int
    seed: int
    engine: str
    dtype: DType

    @classmethod
    def of(cls, problem: Problem, epochs: int | None, seed: int, engine: str) -> Course:
        """The course over a problem that has rows to validate on."""
        assert problem.validation is not None
        classes = len(problem.target.classes)
        length = recipe.Length.of(problem.rows)
        return cls(
            problem.X, problem.y, problem.validation, classes if classes > 2 else 1,
            {0: "squared_error", 2: "binary_cross_entropy"}.get(classes, "cross_entropy"),
            problem.rows, length.epochs if epochs is None else epochs, seed, engine,
            "float64" if problem.X.dtype == "float64" else "float32",
        )  # fmt: skip

    @property
    def looks(self) -> tuple[int, ...]:
        """The epochs after which a trial is judged, ascending."""
        return tuple(sorted({math.ceil(self.epochs * k / LOOKS) for k in range(1, LOOKS + 1)}))

    def digest(self) -> str:
        """A fingerprint of the rows."""
        from chainrule.training.checkpoints import described

        told = described(rows.Data(self.X, self.y, None, (*self.validation, None)))
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings with the epochs, and with the rows in a step where the optimizer leaves them open."""
        batch = {"batch_size": recipe.Length.of(self.fitted).batch_size}
        if "optimizer" in settings and make(settings["optimizer"]).takes_all_rows:
            batch = {}
        return {"epochs": self.epochs, **batch, **settings}

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that no training has.

        Raises:
            ChainruleError: the text says why.
        """
        self._start(**settings)

    def run(self, settings: Mapping[str, Any], look: Look) -> Run:
        """Train one network with such settings, on one thread, for as long as nobody says stop.

        Args:
            settings: of an estimator, as `Space.settings` gives them.
            look: is told the validation loss at each look, and says whether to stop.
        """
        began = perf_counter()
        engine, data, rates = self._start(**settings)
        assert data.validation is not None
        best, at, done = math.inf, 0, 0
        try:
            for done, until in pairwise((0, *self.looks)):
                _advance(engine, rates, done, until)
                loss, done = engine.evaluate(*data.validation), until
                if loss < best:
                    best, at = loss, until
                if look(until, loss):
                    break
        except DivergenceError:
            return Run(best, at, done, perf_counter() - began, whole=False, diverged=True)
        finite = math.isfinite(best)
        whole = finite and done == self.epochs
        return Run(best, at, done, perf_counter() - began, whole, diverged=not finite)

    def _start(
        self, hidden: tuple[int, ...] = recipe.HIDDEN, activation: str | None = None, **asked: Any
    ) -> tuple[Engine, rows.Data, Iterator[tuple[Rates, float]]]:
        """An engine, its rows and its rates, epoch by epoch."""
        kind = recipe.KINDS[0]
        sizes = (self.X.shape[1], *hidden, self.outputs)
        regression = self.loss == "squared_error"
        how = recipe.training(kind, sizes, self.fitted, regression, epochs=self.epochs, **asked)
        network = recipe.network(sizes, activation or kind.activation, self.seed, self.dtype)
        batch = how["batch_size"]
        plan = Plan.of(
            network, self.loss, how["optimizer"], dropout=how["dropout"], seed=self.seed,
            batch_size=len(self.X) if batch is None else min(batch, len(self.X)), groups=how["groups"],
        )  # fmt: skip
        t = losses.targets(self.y, plan.loss, self.outputs, plan.dtype)
        checked = losses.targets(self.validation[1], plan.loss, self.outputs, plan.dtype)
        data = rows.Data(self.X, t, None, (self.validation[0], checked, None))
        plan = rows.whole(plan, len(self.X), batch)
        chosen, _ = choose(plan, self.engine)
        assert isinstance(plan.optimizer, BatchOptimizer)  # a space has no other
        rates = schedules.by_epoch(
            schedules.get(how["schedule"]), plan.optimizer.learning_rate, self.epochs,
            rows.steps_per_epoch(len(self.X), plan.batch_size),
        )  # fmt: skip
        return chosen(plan, network, data.X, data.t, None, 1), data, rates


def _advance(engine: Engine, rates: Iterator[tuple[Rates, float]], done: int, until: int) -> None:
    """Train from one epoch to another: in one call where the rate stays, for between two calls a thread may
    have to wait for the interpreter.
    """
    each = [rate for rate, _ in islice(rates, until - done)]
    if all(isinstance(rate, float) for rate in each):
        engine.epochs(done, float(each[0]), np.empty(len(each)))
        return
    for number, rate in enumerate(each, done):
        engine.epoch(number, rate)
