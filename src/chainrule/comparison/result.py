"""What a comparison found: a table, the same for programs, and pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.comparison.search import RateSearch
from chainrule.comparison.trial import Trial, median
from chainrule.errors import lookup
from chainrule.explanation.drawing.plane import Lookout
from chainrule.optimizers import BatchOptimizer, Optimizer, as_dict
from chainrule.views import words
from chainrule.views.data import Curve, Numbers, Region, Search

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass
class Contender:
    """One optimizer and its trainings.

    Attributes:
        name: what it is called.
        optimizer: with the learning rate that it was given.
        batch_size: rows in its steps.
        steps_per_epoch: its updates in a pass over the rows.
        trials: one for each repeat.
        scores: of the trials that did not diverge, on the rows that were not trained on: accuracy,
            or R².
        search: of its learning rate; None where there was none.
    """

    name: str
    optimizer: Optimizer
    batch_size: int
    steps_per_epoch: int
    trials: list[Trial] = field(repr=False)
    scores: list[float] = field(repr=False)
    search: RateSearch | None = field(repr=False, default=None)

    @property
    def rate(self) -> float | None:
        """The learning rate; None for an optimizer that finds its own."""
        if self.optimizer.finds_rate or not isinstance(self.optimizer, BatchOptimizer):
            return None
        return self.optimizer.learning_rate

    @property
    def finished(self) -> list[Trial]:
        """The trials that did not diverge."""
        return [trial for trial in self.trials if trial.diverged is None]

    @property
    def finals(self) -> list[float]:
        """The losses that those ended with."""
        return [trial.final for trial in self.finished]

    @property
    def loss(self) -> float:
        """The median final loss; inf where every trial diverged."""
        return median(self.finals) if self.finished else math.inf

    @property
    def score(self) -> float:
        """The median score; nan where there is none."""
        return median(self.scores)

    @property
    def seconds(self) -> float:
        """The median time of a trial."""
        return median([trial.seconds for trial in self.trials])

    @property
    def diverged(self) -> list[int]:
        """The steps at which trials diverged."""
        return [trial.diverged for trial in self.trials if trial.diverged is not None]

    def steps_to(self, loss: float) -> float:
        """The median number of steps to an epoch of that mean loss or less; inf where it was not reached."""
        return median([self._steps_of(trial, loss) for trial in self.trials])

    def _steps_of(self, trial: Trial, loss: float) -> float:
        reached = np.flatnonzero(trial.losses <= loss)
        return (int(reached[0]) + 1) * self.steps_per_epoch if len(reached) else math.inf


@dataclass
class Comparison:
    """Optimizers side by side, on the same weights and the same mini-batches.

    Attributes:
        title: what the data are called.
        summary: what was compared, a line each.
        metric: what the scores are: "accuracy" or "R²".
        contenders: in the order of `sort`.
        common_loss: the lowest loss that more than half of every contender's trials reached.
        sort: what they are sorted by.
        seconds: what it took in all.
        lookout: the plane in which the networks are looked at; None where there is none.
        regions: for each contender, what its median network says there.
    """

    title: str
    summary: list[str] = field(repr=False)
    metric: str
    contenders: list[Contender]
    common_loss: float
    sort: str
    seconds: float
    lookout: Lookout | None = field(repr=False)
    regions: list[Region] = field(repr=False)

    def __str__(self) -> str:
        return words.table(*self.table())

    def __getitem__(self, name: str) -> Contender:
        """The contender of that name.

        Raises:
            UnknownName: there is none.
        """
        return lookup("contender", name, {each.name: each for each in self.contenders})

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headers and rows of text, a row for each contender."""
        columns = _COLUMNS(self)
        rows = [[show(each) for show in columns.values()] for each in self.contenders]
        return list(columns), rows

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame with a row for each trial."""
        import pandas as pd

        return pd.DataFrame(
            {
                "optimizer": each.name,
                "learning_rate": each.rate,
                "seed": trial.seed,
                "final_loss": trial.final,
                "steps": trial.steps,
                "seconds": trial.seconds,
                "diverged_at_step": trial.diverged,
            }
            for each in self.contenders
            for trial in each.trials
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; None where there is no number."""
        return {
            "title": self.title,
            "metric": self.metric,
            "sort": self.sort,
            "common_loss": _finite(self.common_loss),
            "seconds": self.seconds,
            "optimizers": [self._plain(each) for each in self.contenders],
        }

    def _plain(self, each: Contender) -> dict[str, Any]:
        searched = each.search
        return {
            "name": each.name,
            "settings": as_dict(each.optimizer),
            "learning_rate": each.rate,
            "batch_size": each.batch_size,
            "final_loss": _finite(each.loss),
            "final_losses": [_finite(trial.final) for trial in each.trials],
            "score": _finite(each.score),
            "steps": [trial.steps for trial in each.trials],
            "steps_to_common_loss": _finite(each.steps_to(self.common_loss)),
            "seconds": each.seconds,
            "diverged_at_step": each.diverged,
            "losses": [[_finite(loss) for loss in trial.losses] for trial in each.trials],
            "search": searched
            and {"rates": searched.rates, "losses": [_finite(loss) for loss in searched.losses]},
        }

    @property
    def curves(self) -> list[Curve]:
        """The losses, for drawing."""
        return [
            Curve(each.name, np.stack([_drawn(trial) for trial in each.trials]), each.rate)
            for each in self.contenders
        ]

    @property
    def searches(self) -> list[Search]:
        """The searches for learning rates, for drawing."""
        return [
            Search(each.name, np.array(found.rates), np.array(found.losses), found.best)
            for each in self.contenders
            if (found := each.search) is not None
        ]

    def plot(self, path: str | os.PathLike[str] | None = None, size: str = "page") -> Figure | None:
        """Draw it: loss curves, the searches for the learning rates, decision regions.

        Args:
            path: .png or .svg for a picture, .html for a page to be looked at in a browser.
                Without it the picture is returned, and a notebook shows it.
            size: "page" or "slide", of a picture.

        Raises:
            MissingExtra: what draws is not installed.
            InvalidValue: another suffix.
        """
        from chainrule.views import files, page, pictures

        plane = None if self.lookout is None else self.lookout.plane
        parts = (self.curves, self.searches, plane, self.regions)
        return files.put(
            path,
            lambda: pictures.comparison(*parts, title=self.title, size=size),
            lambda: page.comparison(self.title, self.table(), *parts),
        )

    def characters(self, width: int, height: int, unicode: bool = True) -> str:
        """The median loss curves, drawn in characters."""
        from chainrule.views import characters

        return characters.curves(self.curves, width, height, unicode)


Show = Callable[[Contender], str]


def _COLUMNS(found: Comparison) -> dict[str, Show]:
    """The columns of the table: a header, and what stands in a row."""
    columns: dict[str, Show] = {
        "optimizer": lambda each: each.name,
        "rate": lambda each: words.rate(each.rate),
        "final loss": lambda each: words.number(each.loss) if each.finished else "diverged",
        "spread": lambda each: words.spread(each.finals),
    }
    if any(each.scores for each in found.contenders):
        columns[found.metric] = lambda each: words.score(each.score, found.metric)
    if math.isfinite(found.common_loss):  # some trial came to its end
        columns[f"steps to {words.number(found.common_loss)}"] = lambda each: words.count(
            each.steps_to(found.common_loss)
        )
    columns["time"] = lambda each: words.time(each.seconds)
    if any(each.batch_size != found.contenders[0].batch_size for each in found.contenders):
        columns["batch"] = lambda each: words.count(each.batch_size)
    if any(each.diverged for each in found.contenders):
        columns["diverged"] = _lost
    return columns


def _drawn(trial: Trial) -> Numbers:
    """The losses; those of a training that ended early, where it stayed."""
    if trial.diverged is not None:
        return trial.losses
    return np.where(np.isnan(trial.losses), trial.final, trial.losses)


def _lost(each: Contender) -> str:
    """How many trials diverged, and at which steps."""
    if not each.diverged:
        return f"0 of {len(each.trials)}"
    first, last = min(each.diverged), max(each.diverged)
    when = f"step {first:,}" if first == last else f"steps {first:,}–{last:,}"
    return f"{len(each.diverged)} of {len(each.trials)}, at {when}"


SORTS: dict[str, Callable[[Contender, float], float]] = {
    "loss": lambda each, common: each.loss,
    "score": lambda each, common: -each.score if each.scores else math.inf,
    "steps": lambda each, common: each.steps_to(common),
    "time": lambda each, common: each.seconds,
    "rate": lambda each, common: each.rate or math.inf,
    "given": lambda each, common: 0.0,
}


def sorted_by(sort: str, contenders: Sequence[Contender], common: float) -> list[Contender]:
    """The contenders in an order; equals stay as they are.

    Raises:
        UnknownName: there is no such order.
    """
    key = lookup("order", sort, SORTS)
    return sorted(contenders, key=lambda each: key(each, common))


def common_loss(contenders: Sequence[Contender]) -> float:
    """The lowest loss that more than half of the trials of every contender reached.

    Trials that diverged do not count, nor does a contender without others.
    """
    reached = [
        sorted(float(np.nanmin(trial.losses)) for trial in each.finished)
        for each in contenders
        if each.finished
    ]
    return max((lowest[len(lowest) // 2] for lowest in reached), default=math.nan)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
