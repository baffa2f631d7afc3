"""`sweep`: which settings?"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import DType
from chainrule.comparison.entries import whole
from chainrule.engines import compiled
from chainrule.errors import ChainruleError, InvalidValue, MissingExtra
from chainrule.sklearn.fitting import fit_estimator, score_on
from chainrule.sweeping.course import Course
from chainrule.sweeping.result import Sweep
from chainrule.sweeping.space import Space
from chainrule.tables import Table, TargetEncoder, split_target
from chainrule.tables.given import given_table
from chainrule.tables.kinds import missing
from chainrule.training import recipe, rows
from chainrule.training.pool import Pool
from chainrule.training.problem import Problem

if TYPE_CHECKING:
    from threading import Event

    from chainrule.sweeping.ledger import Ledger

_WAIT = 0.5  # seconds between two looks at what others do
_TURN = 5e-4  # seconds after which a thread has to let another one have the interpreter


class WorkerLost(RuntimeWarning):
    """A worker of a cluster died; its trials are made again."""


@dataclass(frozen=True)
class Work:
    """All that a process needs to take part in a sweep.

    Attributes:
        course: what a trial runs over.
        space: what is tried.
        first: the settings to begin with, or None.
        storage: where trials are kept; None for this process's memory.
        name: of the sweep there.
        identity: what it is.
        pruner: the name of what stops trials.
        trials: how many there are to be.
        seed: of the sampler.
        threads: trials at a time.
    """

    course: Course
    space: Space
    first: Mapping[str, Any] | None
    storage: str | None
    name: str
    identity: Mapping[str, Any]
    pruner: str
    trials: int
    seed: int
    threads: int

    def open(self) -> Ledger:
        """The ledger.

        Raises:
            MissingExtra: Optuna is not installed.
            ChainruleError: it cannot be opened, or is another sweep's.
        """
        if find_spec("optuna") is None:
            raise MissingExtra("sweep")
        from chainrule.sweeping import ledger

        pruning = ledger.pruner(self.pruner, self.course.looks)
        storage = ledger.storage_of(self.storage)
        return ledger.Ledger(
            storage,
            self.name,
            self.identity,
            self.space,
            self.first,
            self.seed,
            pruning,
            self.trials,
        )

    def take_part(self) -> int:
        """Make trials until as many as were asked for are done; how many had to be made again."""
        return self.run(self.open())

    def run(self, ledger: Ledger, progress: bool = False) -> int:
        """The same on an open ledger."""
        with ledger, _short_turns(), Pool(self.threads, progress) as pool:
            while (left := self.trials - ledger.done) > 0:
                pool.run("trials", [partial(self._trial, ledger, pool.stop)] * left)
                if ledger.done < self.trials:  # others are at the last ones, or died
                    sleep(_WAIT)
                    ledger.mend()
        return ledger.again

    def _trial(self, ledger: Ledger, stop: Event) -> None:
        """Make the next trial, if there is one."""
        from optuna.exceptions import UpdateFinishedTrialError

        trial = None if stop.is_set() else ledger.claim()
        if trial is None:
            return

        def look(epoch: int, loss: float) -> bool:
            return stop.is_set() or ledger.look(trial, epoch, loss)

        try:
            run = self.course.run(self.space.settings(trial.params), look)
            if stop.is_set():
                ledger.give_up(trial)
            else:
                ledger.finish(trial, run)
        except UpdateFinishedTrialError:
            return  # this process was silent for so long that others made the trial
        except BaseException:
            ledger.give_up(trial)
            raise


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let a thread that comes back from training have the interpreter soon: it needs it for a moment only, while another
    may be at the settings of the next trial for some milliseconds.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def sweep(
    data: object,
    target: str | npt.ArrayLike | None = None,
    *,
    trials: int = 200,
    space: Space | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    storage: str | os.PathLike[str] | None = None,
    pruner: str = "median",
    epochs: int | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    task: str | None = None,
    threads: int | None = None,
    parallel: int | None = None,
    seed: int = 0,
    engine: str = "auto",
    dtype: DType = "float32",
    na: Sequence[str] = (),
    progress: bool = False,
) -> Sweep:
    """Look for good settings by many trainings, and fit an estimator with the best of them.

    A trial trains one network on the rows to learn from and is judged by its lowest loss on the
    validation rows; all trials have the same rows, first weights and order. A trial that does worse
    than others did at the same epoch is stopped. The best settings then go to a `Classifier` or
    `Regressor` with all of these rows, which is scored on the test rows, which no trial saw.

    Args:
        data: a file, the name of a built-in table, a frame, a mapping of columns, or rows (n, d).
        target: the column to learn, the last one without it; or, beside rows (n, d), targets (n,).
        trials: how many in all, those found in the storage included.
        space: what to try, see `Space.of`: a mapping or the name of a TOML file; None for the usual.
        storage: a file or a database's URL to keep the trials in, which any number of processes
            and machines may share, and from which a sweep goes on that was stopped; None for none.
        pruner: what stops trials: "median", "hyperband" or "none".
        epochs: of a training; None chooses by the number of rows.
        validation: share of the rows (less the test rows) that trials are judged by.
        test: share of the rows that no trial sees; with 0 the scores are those out of fold, which
            flatter a little.
        task: "classification" or "regression"; inferred from the target without it.
        threads: trials at a time; one a core without it, one where there are workers.
        parallel: how many workers of joblib's back end make trials: processes, or a cluster's; they
            share the storage. None makes them on threads of this process.
        seed: of the choice of rows, the first weights and the settings tried.
        engine: as in `train`.
        dtype: float32 or float64.
        na: texts that mean a missing value in a file.
        progress: show how many trials are done, on standard error.

    Returns:
        A `Sweep`; print it, `plot` it, take it as a `frame`, or its `model`.

    Raises:
        ChainruleError: something given does not fit, or the storage is another sweep's; the text
            says what.
        MissingExtra: Optuna is not installed.
    """
    began = perf_counter()
    whole("trials", trials)
    space = space if isinstance(space, Space) else Space.of(space)
    title, table, name = given_table(data, target, seed, na)
    learn, tested, name = _set_aside(table, name, task, test, seed)
    problem = Problem.of(learn, name, task, validation, None, seed, dtype, recipe.encoder)
    course = Course.of(problem, None if epochs is None else whole("epochs", epochs), seed, engine)
    for settings in space.extremes():  # what cannot be is refused before the work
        course.check(settings)
    work = Work(
        course, space, space.usual(course.fitted, not problem.target.classes),
        None if storage is None else os.fspath(storage), f"{name} in {title}",
        {
            "target": name, "task": problem.target.task, "rows": len(problem.X),
            "epochs": course.epochs, "seed": seed, "space": space.plain(), "data": course.digest(),
        },
        pruner, trials, seed, _threads(threads, parallel),
    )  # fmt: skip
    started = perf_counter()
    ledger = work.open()
    if parallel is None:
        again = work.run(ledger, progress)
    else:
        again = _by_workers(work, ledger, whole("parallel", parallel))
    found = Sweep.of(
        title, problem, tested, space, course, ledger, again, work.storage, perf_counter() - started
    )
    how = {"engine": engine, "dtype": dtype, "threads": threads, "progress": progress}
    found.fit, found.usual = (
        fit_estimator(learn, name, {**settings, **how}, task=task, seed=seed)
        for settings in (found.settings, {})
    )
    if tested is not None:
        score_on(found.fit, tested)
        score_on(found.usual, tested)
    found.seconds = perf_counter() - began
    return found


def _set_aside(
    table: Table, target: str | None, task: str | None, share: float, seed: int
) -> tuple[Table, Table | None, str]:
    """The rows for the trials, those for the test, and the target's name.

    A class that only rows for the test have would not be learned: these rows go to the others.
    """
    given = split_target(table, target)
    if share == 0:
        return table, None, given.name
    known = np.flatnonzero(~missing(table[given.name]))
    tested = np.zeros(len(known), bool)
    tested[rows.split(len(known), share, seed)[1]] = True
    encoded = TargetEncoder.fit(given.target, task, given.name, given.features.row_number)
    if encoded.task == "classification":
        codes = encoded.encode(given.target)
        tested &= np.isin(codes, codes[~tested])
    marks = np.zeros(len(table), bool)
    marks[known[tested]] = True
    return table.take(~marks), table.take(marks) if marks.any() else None, given.name


def _threads(threads: int | None, parallel: int | None) -> int:
    if threads is not None:
        return whole("threads", threads)
    return compiled.cores() if parallel is None else 1


def _by_workers(work: Work, ledger: Ledger, workers: int) -> int:
    """Have workers make the trials; as often as some of them die and others get on, once more."""
    from joblib import Parallel, delayed

    if work.storage is None:
        raise InvalidValue(
            "workers share a storage that all of them reach: storage='sweep.journal'"
        )
    again = 0
    while (before := ledger.done) < work.trials:
        try:
            again += sum(Parallel(workers)(delayed(work.take_part)() for _ in range(workers)))
        except ChainruleError:
            raise
        except Exception as error:
            if ledger.done == before:
                raise
            warnings.warn(f"a worker died: {error}", WorkerLost, stacklevel=3)
    return again
