"""What a sweep found: the trials, the best settings, what mattered, and the model."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import InvalidValue
from chainrule.sweeping.course import Course
from chainrule.sweeping.space import Choice, Range, Space, Value
from chainrule.tables import Table
from chainrule.training.problem import Problem
from chainrule.views import words
from chainrule.views.data import Bars, Numbers, Slice, Tries

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from chainrule.sklearn.fitting import EstimatorFit
    from chainrule.storage import Model
    from chainrule.sweeping.ledger import Ledger

SHOWN = 10  # trials in a table
_LEAST = 10  # trials that came to their end, below which nothing is said of what mattered
_SLICES = 6  # settings that are drawn one by one


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: counted from 0.
        values: of the settings that were tried.
        loss: the lowest on the validation rows; inf where there was none.
        epoch: where that was, counted from 1; 0 where there was none.
        epochs: how many it trained.
        seconds: what they took.
        status: "finished", "stopped" by the pruner, or "diverged".
    """

    number: int
    values: Mapping[str, Value]
    loss: float
    epoch: int
    epochs: int
    seconds: float
    status: str


@dataclass
class Sweep:
    """What a sweep found.

    Attributes:
        title: what the data are called.
        target: the column that was learned.
        summary: what was done, a line each.
        space: what was tried.
        trials: in the order in which they began.
        importances: the share of each setting in how the losses of finished trials differ, the
            largest first; empty where fewer than ten came to their end.
        settings: the best, as `Classifier` and `Regressor` take them.
        fit: the estimator with these settings, its model and its scores.
        usual: the estimator without settings, on the same rows: what the sweep was worth.
        search_seconds: what the trials took.
        seconds: what it took in all.
    """

    title: str
    target: str
    summary: list[str] = field(repr=False)
    space: Space = field(repr=False)
    trials: list[Tried] = field(repr=False)
    importances: dict[str, float]
    settings: dict[str, Any]
    fit: EstimatorFit = field(repr=False, init=False)
    usual: EstimatorFit = field(repr=False, init=False)
    search_seconds: float = 0.0
    seconds: float = 0.0

    @classmethod
    def of(
        cls,
        title: str,
        problem: Problem,
        tested: Table | None,
        space: Space,
        course: Course,
        ledger: Ledger,
        again: int,
        storage: str | None,
        seconds: float,
    ) -> Sweep:
        """What the ledger holds.

        Raises:
            InvalidValue: no trial came to its end.
        """
        from chainrule.sweeping.ledger import importances

        trials = ledger.tried()
        name = problem.target.name
        found = cls(title, name, [], space, trials, {}, {}, search_seconds=seconds)
        if not found.finished:
            raise InvalidValue(
                f"none of {len(trials)} trials came to its end: their losses were not finite"
            )
        if len(found.finished) >= _LEAST:
            found.importances = importances(ledger.study)
        found.settings = course.complete(space.settings(found.best.values))
        counts = f"{len(problem.X):,} to learn from, {problem.rows - len(problem.X):,} to judge trials by"
        unseen = "none" if tested is None else f"{len(tested):,}"
        found.summary = [
            f"data     {title}: {words.many(problem.rows, 'row')}, {counts}; {unseen} more that no trial sees",
            f"trials   {len(trials):,} of {words.many(course.epochs, 'epoch')}{found._ends()}; in {words.time(seconds)}",
        ]
        if storage is not None:
            remade = f"; {again:,} made again, as their worker had died" if again else ""
            found.summary.append(
                f"storage  {storage}: {words.many(ledger.found, 'trial')} found there{remade}"
            )
        return found

    def _ends(self) -> str:
        counts = [
            (status, sum(each.status == status for each in self.trials))
            for status in ("stopped", "diverged")
        ]
        named = [
            f"{count:,} {'stopped early' if status == 'stopped' else status}"
            for status, count in counts
            if count
        ]
        return ", " + ", ".join(named) if named else ""

    @property
    def finished(self) -> list[Tried]:
        """The trials that came to their end, the best first."""
        return sorted(
            (each for each in self.trials if each.status == "finished"), key=lambda each: each.loss
        )

    @property
    def best(self) -> Tried:
        """The trial with the lowest loss."""
        return self.finished[0]

    @property
    def model(self) -> Model:
        """The fitted networks, which `chainrule.save` keeps."""
        return self.fit.model

    def __str__(self) -> str:
        return words.table(*self.table())

    def table(self, most: int = SHOWN) -> tuple[list[str], list[list[str]]]:
        """Headers and rows of text, a row for each of the best trials."""
        headers = ["trial", "loss", "epoch", *self.space.tried]
        rows = [
            [
                str(each.number),
                words.number(each.loss),
                str(each.epoch),
                *map(_cell, each.values.values()),
            ]
            for each in self.finished[:most]
        ]
        return headers, rows

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame with a row for each trial."""
        import pandas as pd

        return pd.DataFrame({**_numbers(each), **each.values} for each in self.trials)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; None where there is no number."""
        return {
            "title": self.title,
            "target": self.target,
            "space": self.space.plain(),
            "seconds": self.seconds,
            "search_seconds": self.search_seconds,
            "best": {"trial": self.best.number, "loss": self.best.loss, "settings": self.settings},
            "importances": self.importances,
            "trials": [
                {
                    **_numbers(each),
                    "loss": each.loss if math.isfinite(each.loss) else None,
                    "values": dict(each.values),
                }
                for each in self.trials
            ],
        }

    def plot(self, path: str | os.PathLike[str] | None = None, size: str = "page") -> Figure | None:
        """Draw it: the losses over the trials, what mattered, and the losses over each setting.

        Args:
            path: .png or .svg for a picture, .html for a page to be looked at in a browser.
                Without it the picture is returned, and a notebook shows it.
            size: "page" or "slide", of a picture.

        Raises:
            MissingExtra: what draws is not installed.
            InvalidValue: another suffix.
        """
        from chainrule.views import files, page, pictures

        title = f"{self.target} in {self.title}: {words.many(len(self.trials), 'trial')}"
        parts = (self._tries(), self._bars(), self._slices())
        return files.put(
            path,
            lambda: pictures.sweep(title, *parts, size=size),
            lambda: page.sweep(title, self.table(len(self.trials)), *parts),
        )

    def _tries(self) -> Tries:
        shown = [each for each in self.trials if math.isfinite(each.loss)]
        return Tries(
            np.array([each.number for each in shown], np.float64),
            np.array([each.loss for each in shown]),
            np.array([each.status == "finished" for each in shown], bool),
        )

    def _bars(self) -> Bars | None:
        if not self.importances:
            return None
        shares = np.array(list(self.importances.values()))
        return Bars(
            "What mattered",
            "share in how the losses of finished trials differ",
            tuple(self.importances),
            shares,
        )

    def _slices(self) -> list[Slice]:
        names = list(self.importances) or list(self.space.tried)
        shown = [each for each in self.trials if math.isfinite(each.loss)]
        losses = np.array([each.loss for each in shown])
        finished = np.array([each.status == "finished" for each in shown], bool)
        return [
            _slice(
                name,
                self.space.tried[name],
                [each.values[name] for each in shown],
                losses,
                finished,
            )
            for name in names[:_SLICES]
        ]


def _slice(
    name: str, entry: Range | Choice, values: list[Value], losses: Numbers, finished: Any
) -> Slice:
    if isinstance(entry, Choice):
        places = np.array([entry.values.index(value) for value in values], np.float64)
        return Slice(name, places, losses, finished, tuple(map(_cell, entry.values)))
    return Slice(name, np.array(values, np.float64), losses, finished, (), entry.log)


def _numbers(each: Tried) -> dict[str, Any]:
    return {
        "trial": each.number,
        "status": each.status,
        "loss": each.loss,
        "epoch": each.epoch,
        "epochs": each.epochs,
        "seconds": each.seconds,
    }


def _cell(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
