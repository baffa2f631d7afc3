"""The ledger of a sweep: its trials in an Optuna study, in memory, in a file or in a database.

Any number of processes, on any number of machines, may work on one ledger. It holds what the sweep is, so that another
one is refused; who works on which trial, so that what a killed worker left is made again; and as many trials as were
asked for, not one more.
"""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import inf, isfinite
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Self, cast

import optuna
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from chainrule.errors import DataError, InvalidValue, lookup
from chainrule.storage import check_target
from chainrule.sweeping.course import Run
from chainrule.sweeping.parzen import Parzen, distributions
from chainrule.sweeping.result import Tried
from chainrule.sweeping.space import Space
from chainrule.sweeping.workers import Lock, is_here, lives, this_process

BEAT = 5.0  # seconds between two signs of life
SILENCE = 60.0  # seconds without one, after which a worker elsewhere counts as dead
NAMELESS = 3.0  # seconds after which a trial that no worker has put its name on counts as left: that is the next thing it does
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_TAKEN = (*_DONE, TrialState.RUNNING)
_WORKER, _ALIVE, _IDENTITY, _RUN = "worker", "alive:", "sweep", "run"
PRUNERS = ("median", "hyperband", "none")


def pruner(name: str, looks: Sequence[int]) -> BasePruner:
    """Optuna's pruner of a name, for trials that are looked at after such epochs.

    Raises:
        UnknownName: there is none of that name.
    """
    first, last = looks[0], looks[-1]
    return {
        "median": lambda: MedianPruner(n_startup_trials=10, n_warmup_steps=first + 1),
        "hyperband": lambda: HyperbandPruner(first, last, reduction_factor=3),
        "none": NopPruner,
    }[lookup("pruner", name, {each: each for each in PRUNERS})]()


def storage_of(place: str | os.PathLike[str] | None) -> BaseStorage | None:
    """Where trials are kept: a URL is a database, a name is a journal, None is memory.

    Raises:
        DataError: the file is no journal, or the database cannot be had.
        ChainruleError: the file's folder is not there.
    """
    if place is None:
        return None
    text = os.fspath(place)
    if "://" in text:
        return _database(text)
    path = check_target(text)
    _look_over(path, text)
    return JournalStorage(JournalFileBackend(str(path), cast(Any, Lock(path))))


def _database(url: str) -> RDBStorage:
    from sqlalchemy.exc import SQLAlchemyError  # comes with Optuna

    patient = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    try:
        return RDBStorage(url, engine_kwargs=patient)
    except (SQLAlchemyError, ImportError) as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(f"the storage {url.split('@')[-1]} cannot be had: {first}") from error


def _look_over(path: Path, called: str) -> None:
    """Refuse a file that is no journal.

    Raises:
        DataError: a line is not what Optuna writes; the text says which.
    """
    text = path.read_bytes() if path.exists() else b""
    whole = text.rfind(b"\n") + 1
    for number, line in enumerate(text[:whole].splitlines() or [text] * bool(text), 1):
        try:
            known = "op_code" in json.loads(line)
        except (ValueError, TypeError):
            known = False
        if not known:
            raise DataError(
                f"{called} is no journal of a sweep: line {number} is none of its records"
            )
    if whole < len(text):
        _cut(path)


def _cut(path: Path) -> None:
    """Cut the half line that a machine which went down left at the end of a journal, while nobody writes to it."""
    lock = Lock(path)
    lock.acquire()
    try:
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()


class Ledger:
    """The trials of a sweep, and this process's part in them.

    Attributes:
        study: Optuna's.
        found: how many trials were done when it was opened.
        again: how many were made again, as their worker had died.
    """

    def __init__(
        self,
        storage: BaseStorage | None,
        name: str,
        identity: Mapping[str, Any],
        space: Space,
        first: Mapping[str, Any] | None,
        seed: int,
        pruning: BasePruner,
        trials: int,
    ) -> None:
        """Open it, or make it.

        Args:
            storage: where it is.
            name: what it is called there.
            identity: what the sweep is, in JSON's terms.
            space: what is tried.
            first: the settings to begin with; None for any.
            seed: of the sampler.
            pruning: what stops trials.
            trials: how many there are to be.

        Raises:
            InvalidValue: it holds another sweep.
        """
        with _quietly():
            self.study = optuna.create_study(
                storage=storage, sampler=Parzen(space, seed), pruner=pruning, study_name=name,
                load_if_exists=True,
            )  # fmt: skip
        self._distributions = distributions(space)
        self.trials, self.again = trials, 0
        self._lock = threading.Lock()
        self._shared = storage is not None
        self._me = this_process()
        self._heard: dict[str, tuple[Any, float]] = {}  # the last sign of others' lives, and when
        self._over = Event()
        self._beats: Thread | None = None
        plain = json.loads(json.dumps(identity))
        known = self.study.user_attrs.get(_IDENTITY)
        if known is None:
            self.study.set_user_attr(_IDENTITY, plain)
            if first is not None:
                self.study.enqueue_trial(dict(first))
        elif known != plain:
            raise InvalidValue(
                f"the storage keeps another sweep: {_apart(known, plain)}; name another file"
            )
        self.found = self.done

    def __enter__(self) -> Self:
        """Give signs of life from now on, where others may look for them."""
        if self._shared:
            self._beats = Thread(target=self._beat, daemon=True)
            self._beats.start()
            self.mend()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """No more signs."""
        self._over.set()
        if self._beats is not None:
            self._beats.join()

    def _beat(self) -> None:
        count = 0
        while True:
            count += 1
            self.study.set_user_attr(_ALIVE + self._me, count)
            if self._over.wait(BEAT):
                return

    @property
    def done(self) -> int:
        """How many trials came to their end or were stopped."""
        return len(self.study.get_trials(deepcopy=False, states=_DONE))

    @property
    def running(self) -> int:
        """How many are under way, here or elsewhere."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def claim(self) -> Trial | None:
        """The next trial, for the caller to make; None where as many as were asked for are done or under way."""
        with self._lock:
            if self._taken() >= self.trials:
                return None
            trial = self.study.ask(self._distributions)
            try:
                trial.set_user_attr(_WORKER, self._me)
            except UpdateFinishedTrialError:
                return None  # this took so long that others make the trial
            if not self._shared or self._taken(before=trial.number) < self.trials:
                return trial
        self.study.tell(trial, state=TrialState.FAIL)  # another process was quicker
        return None

    def _taken(self, before: float = inf) -> int:
        """How many trials are done or under way, of those with lower numbers than one."""
        every = self.study.get_trials(deepcopy=False, states=_TAKEN)
        return len(every) if before == inf else sum(each.number < before for each in every)

    def look(self, trial: Trial, epoch: int, loss: float) -> bool:
        """Note a validation loss, where trials may be stopped; whether this one is to stop."""
        if isinstance(self.study.pruner, NopPruner):
            return False
        trial.report(loss, epoch)
        return trial.should_prune()

    def finish(self, trial: Trial, run: Run) -> None:
        """Note what a trial came to."""
        trial.set_user_attr(_RUN, {**asdict(run), "loss": run.loss if isfinite(run.loss) else None})
        if run.whole:
            self.study.tell(trial, run.loss)
        else:
            self.study.tell(trial, state=TrialState.PRUNED)

    def give_up(self, trial: Trial) -> None:
        """Note that a trial was not made, and have it made when the sweep goes on."""
        self.study.tell(trial, state=TrialState.FAIL)
        self.study.enqueue_trial(trial.params)

    def tried(self) -> list[Tried]:
        """The trials that are done, in the order in which they began."""
        return [_tried(each) for each in self.study.get_trials(deepcopy=False, states=_DONE)]

    def mend(self) -> None:
        """Fail the trials whose worker died, and have them made again."""
        for each in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._is_dead(each):
                continue
            try:
                self.study.tell(each.number, state=TrialState.FAIL)
            except (UpdateFinishedTrialError, ValueError):
                continue  # another process has seen it, too
            self.again += 1
            self.study.enqueue_trial(each.params)

    def _is_dead(self, trial: FrozenTrial) -> bool:
        worker = trial.user_attrs.get(_WORKER, "")
        if worker == self._me:
            return False
        if is_here(worker) and not lives(worker):
            return True
        sign, now = self.study.user_attrs.get(_ALIVE + worker), monotonic()
        last, when = self._heard.setdefault(worker or str(trial.number), (sign, now))
        if sign != last:
            self._heard[worker] = sign, now
            return False
        return now - when > (SILENCE if worker else NAMELESS)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Optuna's reports, which would stand between ours; its warnings remain."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _tried(trial: FrozenTrial) -> Tried:
    run = Run(**trial.user_attrs[_RUN])
    status = "finished" if run.whole else "diverged" if run.diverged else "stopped"
    loss = inf if run.loss is None else run.loss
    return Tried(trial.number, dict(trial.params), loss, run.epoch, run.epochs, run.seconds, status)


def importances(study: Study) -> dict[str, float]:
    """The share of each setting in how the losses of finished trials differ, the largest first; none where they do not.

    Source: Watanabe, Bansal & Hutter 2023, PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
    Subspaces.
    """
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Target and region quantiles select the same set")
        try:
            return optuna.importance.get_param_importances(study, evaluator=evaluator)
        except UserWarning:  # as many are equally good that there is no telling
            return {}


def _apart(known: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs, in words."""
    each = [
        f"{key} was {_short(known.get(key))}, is {_short(now.get(key))}"
        for key in {**known, **now}
        if known.get(key) != now.get(key) and key != "data"
    ]
    if known.get("data") != now.get("data"):
        each.append("the data are other data")
    return "; ".join(each)


def _short(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
