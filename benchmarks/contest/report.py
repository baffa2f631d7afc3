"""The standings as tables, for a terminal and for a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.contest.standings import MARGIN, SIMPLE, Standings
from benchmarks.datasets import SUITES
from benchmarks.estimators import ESTIMATORS
from chainrule.views.words import count, table

Show = Callable[[float], str]


@dataclass(frozen=True)
class Grid:
    """A table with its title; the first column to the left, the others to the right."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


MEASURES: Sequence[tuple[str, str, Show]] = (
    ("log_loss", "Log loss", "{:.4f}".format),
    ("accuracy", "Accuracy (%)", lambda share: f"{100 * share:.2f}"),
    ("r2", "R²", "{:.4f}".format),
    ("fit_seconds", "Seconds of a fit", "{:.2f}".format),
    ("cpu_seconds", "Processor seconds of a fit", "{:.2f}".format),
)


def grids(standings: Standings, suite: str) -> Iterator[Grid]:
    """Those that have rows."""
    every = (
        ranking(standings, suite),
        wins(standings),
        *(by_set(standings, *measure) for measure in MEASURES),
    )
    yield from (grid for grid in every if grid.rows)


def contents(suite: str) -> Grid:
    """The data sets of a suite."""
    return Grid(
        f"The {suite} suite",
        ("data set", "from", "to predict", "task", "rows", "columns"),
        [
            (data.name, data.package, data.target, data.task, *map(count, data.shape))
            for data in SUITES[suite]
        ],
    )


def ranking(standings: Standings, suite: str) -> Grid:
    """The best first."""
    mean_ranks = standings.mean_ranks()
    splits = ", ".join(map(str, standings.splits)) or "none"
    return Grid(
        f"The {suite} suite: {len(standings.sets)} data sets, splits {splits}",
        ("estimator", "mean rank", "fit s, sum", "processor s, sum"),
        [
            (
                name_of(label),
                f"{mean_ranks[label]:.2f}",
                f"{standings.total(label, 'fit_seconds'):.1f}",
                f"{standings.total(label, 'cpu_seconds'):.1f}",
            )
            for label in sorted(mean_ranks, key=mean_ranks.__getitem__)
        ],
    )


def wins(standings: Standings) -> Grid:
    order = standings.ranked
    return Grid(
        "Data sets on which the row is ahead of the column (%)",
        ("", *order),
        [
            (
                label,
                *(
                    "" if other == label else f"{100 * standings.win_rate(label, other):.0f}"
                    for other in order
                ),
            )
            for label in order
        ],
    )


def by_set(standings: Standings, what: str, title: str, show: Show) -> Grid:
    """A row for each data set that has the measure; a dash where an estimator has no result."""
    labels = [*standings.ranked, *standings.missing]
    values = {
        name: [standings.means[label].get(name, {}).get(what, math.nan) for label in labels]
        for name in standings.sets
    }
    return Grid(
        title,
        ("data set", *labels),
        [
            (name, *("–" if math.isnan(value) else show(value) for value in row))
            for name, row in values.items()
            if not all(map(math.isnan, row))
        ],
    )


def verdicts(standings: Standings) -> Iterator[str]:
    """Sentences: the rule for chainrule, and who is not ranked."""
    for label in standings.ranked:
        if label.startswith("chainrule"):
            yield rule(standings, label)
    for label, lacks in standings.missing.items():
        yield f"Not ranked: {name_of(label)}, without {lacks}."


def rule(standings: Standings, label: str) -> str:
    """Whether it is nowhere more than 5 % behind the best of the simple ones in log loss."""
    simple = ", ".join(other for other in SIMPLE if other in standings.ranked)
    over = {
        name: (ratio, best)
        for name, (ratio, best) in standings.behind(label).items()
        if ratio > MARGIN
    }
    rule = f"{label}: on no data set more than {100 * (MARGIN - 1):.0f} % worse in log loss"
    rule += f" than the best of {simple}"
    broken = ", ".join(
        f"{name} ({100 * (ratio - 1):.1f} % behind {best})" for name, (ratio, best) in over.items()
    )
    return f"{rule}: {f'broken on {broken}' if broken else 'kept'}."


def name_of(label: str) -> str:
    """An estimator's full name, with its threads where they are several."""
    key, comma, threads = label.partition(",")
    return ESTIMATORS[key].name + comma + threads


def markdown(grid: Grid) -> str:
    rule = [":--", *["--:"] * (len(grid.headers) - 1)]
    lines = [grid.headers, rule, *grid.rows]
    return f"**{grid.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def text(grid: Grid) -> str:
    """Columns side by side under the title."""
    return f"{grid.title}\n{table(grid.headers, grid.rows)}\n"
