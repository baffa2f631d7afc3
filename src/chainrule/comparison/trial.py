"""One training among those that are compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from time import perf_counter

import numpy as np
import numpy.typing as npt

from chainrule.comparison.bench import Bench
from chainrule.engines import Engine
from chainrule.errors import DivergenceError
from chainrule.network import Network
from chainrule.optimizers import BatchOptimizer, Optimizer
from chainrule.plan import Plan
from chainrule.training import rows
from chainrule.training.loop import Loop, write_back
from chainrule.training.trainer import loop_for

_PIECE = 0.05  # seconds of epochs between two looks at whether to stop


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        seed: of the first weights and the order of rows.
        losses: (epochs,), the mean loss of each epoch; nan from where the training ended.
        steps: how many updates were made.
        seconds: what the epochs took.
        diverged: the step, counted from 1, whose loss was not finite; None where all were.
        network: what was trained.
    """

    seed: int
    losses: npt.NDArray[np.float64] = field(repr=False)
    steps: int
    seconds: float
    diverged: int | None
    network: Network = field(repr=False)

    @property
    def final(self) -> float:
        """The mean loss of the last epoch; inf where training diverged."""
        known = self.losses[np.isfinite(self.losses)]
        return math.inf if self.diverged or not len(known) else float(known[-1])


def run(
    bench: Bench,
    optimizer: Optimizer,
    seed: int,
    epochs: int,
    stop: Event,
    which: npt.NDArray[np.int64] | None = None,
) -> Trial:
    """Train once, on one thread.

    Args:
        bench: what all trainings share.
        optimizer: with its learning rate.
        seed: of the first weights and the order of rows.
        epochs: passes over the rows.
        stop: ends the training early.
        which: the numbers of the rows to train on; None for all.
    """
    network, found = bench.network(seed), np.full(epochs, math.nan)
    plan = bench.plan(optimizer, network, seed, None if which is None else len(which))
    engine, data = bench.start(plan, network, which)
    train = _training(engine, plan, network, data, found, stop)
    began, diverged = perf_counter(), None
    try:
        train()
    except DivergenceError as error:
        per_epoch = rows.steps_per_epoch(len(data.X), plan.batch_size)
        diverged = (error.epoch - 1) * per_epoch + error.step
    seconds = perf_counter() - began
    state = engine.state()
    return Trial(seed, found, state.step, seconds, diverged, write_back(network, state))


def _training(
    engine: Engine,
    plan: Plan,
    network: Network,
    data: rows.Data,
    found: npt.NDArray[np.float64],
    stop: Event,
) -> Callable[[], None]:
    """What fills `found` with the losses of the epochs."""
    if isinstance(plan.optimizer, BatchOptimizer):
        return partial(_by_batches, engine, plan.optimizer.learning_rate, found, stop)
    loop = loop_for(engine, plan, network, data, len(found), callbacks=[lambda _: stop.is_set()])
    return partial(_by_loop, loop, found)


def _by_loop(loop: Loop, found: npt.NDArray[np.float64]) -> None:
    loop.run()
    found[: len(loop.history)] = loop.history.loss


def _by_batches(engine: Engine, rate: float, found: npt.NDArray[np.float64], stop: Event) -> None:
    """Many epochs a call: between calls another thread may have to wait for the interpreter."""
    done, piece = 0, 1
    while done < len(found) and not stop.is_set():
        began = perf_counter()
        engine.epochs(done, rate, found[done : done + piece])
        done += piece
        piece = max(1, int(piece * _PIECE / (perf_counter() - began)))


def median(values: Sequence[float]) -> float:
    """The median, where inf stands for a training that diverged; nan of nothing."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if not ordered:
        return math.nan
    if len(ordered) % 2 or math.isinf(ordered[middle]):
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
