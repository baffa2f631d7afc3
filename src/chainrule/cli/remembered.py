"""What `chainrule runs` says of runs: a table, what differs, curves, an object for programs."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli.fitted import LABELS
from chainrule.errors import InvalidValue
from chainrule.training.runs import Run
from chainrule.training.runs.plain import plain
from chainrule.training.runs.settings import differences, told
from chainrule.views import characters as charts
from chainrule.views import files, page, pictures, words
from chainrule.views.data import Curve, Numbers

_TRAINING, _VALIDATION = "training loss", "validation loss"
_PLACES = {_TRAINING: 1, _VALIDATION: 2}  # in an epoch
_HIGHER_IS_BETTER = ("accuracy", "r2")


def labels(runs: Sequence[Run]) -> list[str]:
    """A short name for each: the six letters at the end of its file's, where no other has the same."""
    ends = [re.fullmatch(r"\d{8}-\d{6}-([0-9a-f]{6})", run.name) for run in runs]
    short = [end[1] if end else run.name for end, run in zip(ends, runs, strict=True)]
    unique = len(set(short)) == len(short)
    return [
        words.clean(each if unique else run.name) for each, run in zip(short, runs, strict=True)
    ]


def _best_score(run: Run) -> float:
    """The first score, turned so that less is better."""
    name, value = next(iter(run.scores.items()), ("", math.nan))
    return -value if name in _HIGHER_IS_BETTER else value


_ORDERS: dict[str, Callable[[Run], Any]] = {
    "when": lambda run: run.when,
    "data": lambda run: run.data,
    "loss": lambda run: _last_if_nan(run.best_validation_loss),
    "score": lambda run: _last_if_nan(_best_score(run)),
    "epochs": lambda run: run.completed,
    "time": lambda run: run.seconds,
    "status": lambda run: run.status,
}


def _last_if_nan(value: float) -> tuple[bool, float]:
    return math.isnan(value), value


def ordered(runs: Sequence[Run], by: str) -> list[Run]:
    """The runs in an order; equals stay as they are."""
    return sorted(runs, key=_ORDERS[by])


_FACTS: dict[str, Callable[[Run], str]] = {
    "when": lambda run: f"{run.when.astimezone():%Y-%m-%d %H:%M}",
    "data": lambda run: words.clean(run.data),
    "task": lambda run: words.clean(run.task),
    "networks": lambda run: words.count(run.networks),
    "epochs": lambda run: words.count(run.completed),
    _VALIDATION: lambda run: words.number(run.best_validation_loss),
    "score": lambda run: _first_score(run),
    "status": lambda run: run.status,
    "time": lambda run: words.duration(run.seconds),
}


def _first_score(run: Run) -> str:
    name, value = next(iter(run.scores.items()), ("", math.nan))
    return f"{_label(name)} {words.score(value, name)}" if name else "–"


def _label(score: str) -> str:
    return LABELS.get(score, words.clean(score.replace("_", " ")))


def listed(runs: Sequence[Run]) -> list[str]:
    """A line for each run, and what to do next."""
    command = ["chainrule", "runs", str(runs[0].path.parent), *labels(runs)[-2:]]
    return [*words.table(*_table(runs)).splitlines(), "", f"next     {shlex.join(command)}"]


def _table(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """Headers and a row for each run."""
    named = zip(labels(runs), runs, strict=True)
    return ["run", *_FACTS], [
        [name, *(fact(run) for fact in _FACTS.values())] for name, run in named
    ]


def compared(runs: Sequence[Run]) -> list[str]:
    """What came of the runs, and the settings in which they differ, a column for each; of one, all settings."""
    alone = len(runs) == 1
    settings = {k: [v] for k, v in told(runs[0]).items()} if alone else differences(runs)
    heading = "settings" if alone else "settings that differ" if settings else "the same settings"
    empty = [""] * len(runs)
    rows = [
        *([name, *map(fact, runs)] for name, fact in _FACTS.items() if name != "score"),
        [_TRAINING, *(words.number(run.best_training_loss) for run in runs)],
        *_score_rows(runs),
        ["model", *(words.clean(run.model or "–") for run in runs)],
        ["", *empty],
        [heading, *empty],
        *([words.clean(name), *map(words.clean, each)] for name, each in settings.items()),
    ]
    return words.table(["run", *labels(runs)], rows).splitlines()


def _score_rows(runs: Sequence[Run]) -> Iterator[list[str]]:
    for name in dict.fromkeys(name for run in runs for name in run.scores):
        values = (words.score(run.scores.get(name, math.nan), name) for run in runs)
        yield [_label(name), *values]


def curves(runs: Sequence[Run]) -> dict[str, list[Curve]]:
    """The losses of each run, by which loss it is, as far as there are any."""
    found: dict[str, list[Curve]] = {_TRAINING: [], _VALIDATION: []}
    for name, run in zip(labels(runs), runs, strict=True):
        named = f"{name} {words.clean(run.data, 24)}"
        for kind, place in _PLACES.items():
            losses = _losses(run, place)
            if np.isfinite(losses).any():
                found[kind].append(Curve(named, losses))
    return {kind: each for kind, each in found.items() if each}


def _losses(run: Run, place: int) -> Numbers:
    """The losses of a run's networks, (networks, epochs).

    Where a training ended early they stay what they were; where it diverged they end.
    """
    each = [[epoch[place] for epoch in epochs] for epochs in run.epochs.values() if epochs]
    length = max(map(len, each), default=0) + (run.status == "diverged")
    ends = math.nan if run.status == "diverged" else None
    losses = np.full((len(each), length), math.nan)
    for row, values in zip(losses, each, strict=True):
        row[: len(values)] = values
        row[len(values) :] = values[-1] if ends is None else ends
    return losses


def characters(runs: Sequence[Run], width: int, height: int, unicode: bool) -> str:
    """The curves for a terminal: of several runs the validation losses, of one both; nothing without epochs."""
    found = curves(runs)
    if len(runs) == 1:
        shown = [Curve(kind, each[0].losses) for kind, each in found.items()]
    else:
        shown = found.get(_VALIDATION) or found.get(_TRAINING) or []
    return charts.curves(shown, width, height, unicode, "network") if shown else ""


def draw(runs: Sequence[Run], path: Path, size: str, title: str) -> None:
    """Draw the losses into a file.

    Raises:
        InvalidValue: no run has completed an epoch.
        MissingExtra: what draws is not installed.
    """
    found = curves(runs)
    if not found:
        raise InvalidValue("there is nothing to draw: no run has completed an epoch")
    files.put(
        path,
        lambda: pictures.runs(found, title, size),
        lambda: page.runs(title, _table(runs), found),
    )


def as_json(runs: Sequence[Run], passed_over: Sequence[str], compared: bool) -> dict[str, Any]:
    """All of it in JSON's terms.

    Args:
        runs: what was found.
        passed_over: why other files are no runs.
        compared: whether to say in which settings they differ.
    """
    found: dict[str, Any] = {"runs": [_plain(run) for run in runs]}
    if compared:
        found["differences"] = differences(runs)
    else:
        found["passed_over"] = list(passed_over)
    return found


def _plain(run: Run) -> dict[str, Any]:
    facts = {
        "run": run.name,
        "file": run.path,
        "when": run.when.isoformat(),
        "data": run.data,
        "task": run.task,
        "networks": run.networks,
        "epochs": run.completed,
        "best_loss": run.best_training_loss,
        "best_validation_loss": run.best_validation_loss,
        "scores": run.scores,
        "status": run.status,
        "seconds": run.seconds,
        "model": run.model,
        "settings": told(run),
    }
    return {name: plain(value) for name, value in facts.items()}
