"""What all trainings of a comparison have in common: the data, the network, the batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import DType
from chainrule.comparison.entries import whole
from chainrule.engines import Engine, choose
from chainrule.errors import InvalidValue
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.plan import Plan
from chainrule.tables import SHAPES, builtin, is_builtin
from chainrule.tables.given import given_table
from chainrule.training import rows
from chainrule.training.fitting import LECTURE, batch_size_for
from chainrule.training.problem import Problem
from chainrule.views import words

HIDDEN, EPOCHS = (64, 64), 50  # where the data are not the lecture's


@dataclass(frozen=True)
class Bench:
    """What all trainings have in common.

    Attributes:
        title: what the data are called.
        problem: the data.
        hidden: sizes of the hidden layers.
        activation: of the hidden layers.
        batch_size: rows in a step, or None where the optimizers that need all rows are to have them.
        usual_batch: rows in a step of the others, where `batch_size` is None.
        usual_epochs: passes over the rows, where no number was asked for.
        engine: the name of the engine.
    """

    title: str
    problem: Problem
    hidden: tuple[int, ...]
    activation: str
    batch_size: int | None
    usual_batch: int
    usual_epochs: int
    engine: str

    @classmethod
    def of(
        cls,
        data: object,
        target: str | npt.ArrayLike | None,
        *,
        batch_size: int | None,
        hidden: Sequence[int] | None,
        activation: str,
        task: str | None,
        validation: float | None,
        seed: int,
        engine: str,
        dtype: DType,
        na: Sequence[str],
    ) -> Bench:
        """The bench for what `compare` was given; the arguments are its own.

        Raises:
            ChainruleError: something does not fit; the text says what.
        """
        title, problem, of_lecture = _problem(
            data, target, task, validation, seed, dtype, tuple(na)
        )
        n = len(problem.X)
        if batch_size is not None and whole("batch_size", batch_size) > n:
            raise InvalidValue(f"batches of {batch_size} rows, but there are {n} to train on")
        usual_hidden, batch, epochs = HIDDEN, batch_size_for(n), EPOCHS
        if of_lecture:
            usual_hidden, batch, epochs = (LECTURE[k] for k in ("hidden", "batch_size", "epochs"))
        sizes = usual_hidden if hidden is None else tuple(hidden)
        return cls(title, problem, sizes, activation, batch_size, min(n, batch), epochs, engine)

    def plan(
        self, optimizer: Optimizer, network: Network, seed: int, of: int | None = None
    ) -> Plan:
        """The plan of a training on so many rows, or on all.

        Raises:
            InvalidValue: the optimizer needs all rows and was given mini-batches.
        """
        loss = losses.default(network.activations[-1]).name
        batch = self.usual_batch if self.batch_size is None else self.batch_size
        plan = Plan.of(network, loss, optimizer, batch_size=batch, seed=seed)
        return rows.whole(plan, of or len(self.problem.X), self.batch_size)

    def start(
        self, plan: Plan, network: Network, which: npt.NDArray[np.int64] | None = None
    ) -> tuple[Engine, rows.Data]:
        """An engine for a training on one thread, and the rows it has; all of them without `which`."""
        X, y = self.problem.X, self.problem.y
        if which is not None:
            X, y = X[which], y[which]
        data = rows.Data(X, losses.targets(y, plan.loss, plan.layer_sizes[-1], plan.dtype))
        chosen, _ = choose(plan, self.engine)
        return chosen(plan, network, data.X, data.t, None, 1), data

    def summary(self) -> list[str]:
        """The data and the network, a line each."""
        problem, network = self.problem, self.network(0)
        checked = f", {len(problem.check.target):,} to check on" if problem.check else ""
        batch = self.batch_size or self.usual_batch
        return [
            f"data     {self.title}: {words.many(len(problem.X), 'row')} to learn from{checked}",
            f"network  {'-'.join(map(str, network.sizes))}, {self.activation},"
            f" {losses.default(network.activations[-1]).name}, batches of {batch}",
        ]

    def network(self, seed: int) -> Network:
        """The weights that every training with this seed begins with."""
        return self.problem.network(self.hidden, self.activation, seed)


def _problem(
    data: object,
    target: str | npt.ArrayLike | None,
    task: str | None,
    validation: float | None,
    seed: int,
    dtype: DType,
    na: tuple[str, ...],
) -> tuple[str, Problem, bool]:
    """What to call it, the problem, and whether it is one of the shapes of the lecture."""
    title, table, name = given_table(data, target, seed, na)
    shape = isinstance(data, str) and is_builtin(data) and data in SHAPES
    fresh = builtin(title, seed=seed + 1) if shape and validation is None else None
    share = 0.2 if validation is None else validation
    return title, Problem.of(table, name, task, share, fresh, seed, dtype), shape
