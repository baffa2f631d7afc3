"""Optimizers on a function of two variables: their ways over its contour lines."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.comparison.entries import DEFAULT, Rates, named, rates_given, whole, with_rate
from chainrule.comparison.search import RateSearch, among, search
from chainrule.comparison.surfaces import FUNCTIONS, Function, descend
from chainrule.errors import lookup
from chainrule.optimizers import BatchOptimizer, Optimizer, as_dict, make
from chainrule.views import words
from chainrule.views.data import Numbers, Path, Search, Surface

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = 1e-3  # of the value at the start: the table says when it was reached


@dataclass
class Descents:
    """What `descents` found.

    Attributes:
        summary: what was compared, a line each.
        surface: the function.
        paths: where each optimizer went, the lowest end first.
        optimizers: theirs, with their learning rates.
        searched: the searches for these rates, by name.
    """

    summary: list[str] = field(repr=False)
    surface: Surface
    paths: list[Path]
    optimizers: list[Optimizer]
    searched: dict[str, RateSearch] = field(repr=False)

    def __str__(self) -> str:
        return words.table(*self.table())

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headers and rows of text, a row for each optimizer."""
        steps = len(self.paths[0].values) - 1
        headers = ["optimizer", "rate", f"f after {steps:,} steps", f"steps to f₀·{SMALL:g}"]
        return headers, [[show(path) for show in _SHOWN] for path in self.paths]

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; None where there is no number."""
        return {
            "function": self.surface.name,
            "minimum": self.surface.minimum.tolist(),
            "optimizers": [
                {
                    "name": path.name,
                    "settings": as_dict(optimizer),
                    "learning_rate": path.rate,
                    "value": _finite(path.values[-1]),
                    "diverged_at_step": diverged_at(path),
                    "points": [[_finite(x), _finite(y)] for x, y in path.points],
                    "values": [_finite(value) for value in path.values],
                }
                for path, optimizer in zip(self.paths, self.optimizers, strict=True)
            ],
        }

    @property
    def searches(self) -> list[Search]:
        """The searches for learning rates, for drawing."""
        return [
            Search(name, np.array(found.rates), np.array(found.losses), found.best)
            for name, found in self.searched.items()
        ]

    def plot(self, path: str | os.PathLike[str] | None = None, size: str = "page") -> Figure | None:
        """Draw the ways over contour lines, as `Comparison.plot`."""
        from chainrule.views import files, page, pictures

        title = f"{self.paths[0].name} on the {self.surface.name}"
        if len(self.paths) > 1:
            title = f"{len(self.paths)} optimizers on the {self.surface.name}"
        return files.put(
            path,
            lambda: pictures.trajectories(self.surface, self.paths, title, size),
            lambda: page.trajectories(title, self.surface, self.paths),
        )

    def characters(self, width: int, height: int, unicode: bool = True) -> str:
        """The function against the steps, drawn in characters."""
        from chainrule.views import characters

        return characters.paths(self.paths, width, height, unicode)


def descents(
    function: str = "valley",
    *,
    optimizers: Sequence[str | Optimizer] = DEFAULT,
    learning_rates: Rates = "auto",
    steps: int = 100,
) -> Descents:
    """Let optimizers walk down a function of two variables, each with the rate that suits it.

    Args:
        function: "valley", a quadratic 30 times as steep across as along, or "rosenbrock".
        optimizers: names, or optimizers with settings of their own.
        learning_rates: as in `compare`; "auto" looks for the lowest values in
            the last tenth of the way.
        steps: at most.

    Raises:
        ChainruleError: something given does not fit; the text says what.
    """
    where = lookup("function", function, FUNCTIONS)
    whole("steps", steps)
    given = rates_given(learning_rates)
    entered = with_rate(named(optimizers), given)

    def reach(jobs: Sequence[tuple[Optimizer, float]]) -> list[float]:
        return [_reached(descend(make(rule, rate), where, steps)[1]) for rule, rate in jobs]

    wanting = {name: rule for name, rule in entered.items() if not rule.finds_rate}
    searched: dict[str, RateSearch] = {}
    if learning_rates == "auto":
        searched = search(wanting, reach)
    elif given is not None and len(given) > 1:
        searched = among(wanting, given, reach)
    rated = {
        name: make(rule, searched[name].best) if name in searched else rule
        for name, rule in entered.items()
    }
    found = [(_path(name, rule, where, steps), rule) for name, rule in rated.items()]
    found.sort(key=lambda pair: (math.isnan(pair[0].values[-1]), pair[0].values[-1]))
    paths, rules = [path for path, _ in found], [rule for _, rule in found]
    summary = [
        f"surface  {where.name}: f = {where.formula}",
        f"start    ({', '.join(f'{x:g}' for x in where.start)}), f = {paths[0].values[0]:g}",
    ]
    return Descents(summary, where.surface(), paths, rules, searched)


def _reached(values: Numbers) -> float:
    """The largest value in the last tenth of the way, so that no lucky dip counts; inf if it diverged."""
    last = values[-max(1, len(values) // 10) :]
    return float(last.max()) if np.isfinite(last).all() else math.inf


def _path(name: str, optimizer: Optimizer, where: Function, steps: int) -> Path:
    points, values = descend(optimizer, where, steps)
    own = isinstance(optimizer, BatchOptimizer) and not optimizer.finds_rate
    rate = optimizer.learning_rate if own and isinstance(optimizer, BatchOptimizer) else None
    return Path(name, points, values, rate)


def diverged_at(path: Path) -> int | None:
    """The step, counted from 1, after which there was no use in going on; None if there was none."""
    lost = np.flatnonzero(np.isnan(path.values))
    return int(lost[0]) if len(lost) else None


def _end(path: Path) -> str:
    step = diverged_at(path)
    return words.number(path.values[-1]) if step is None else f"diverged at step {step}"


def _steps(path: Path) -> str:
    reached = np.flatnonzero(path.values <= SMALL * path.values[0])
    return words.count(int(reached[0]) if len(reached) else math.inf)


_SHOWN: tuple[Callable[[Path], str], ...] = (
    lambda path: path.name,
    lambda path: words.rate(path.rate),
    _end,
    _steps,
)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
