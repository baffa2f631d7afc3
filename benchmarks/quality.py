"""Predictions on real data, beside other estimators.

``run`` fits each estimator on each split of each data set in a process of its own, and appends the
results to a file; what the file has already is not computed again. ``report`` prints the standings,
``sets`` what the data sets are.

The packages come with ``pip install "chainrule[bench]"`` and ``pip install --no-deps lifelines``:
of lifelines, which asks for an older pandas, only files are read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.contest import report
from benchmarks.contest.cell import Cell, run
from benchmarks.contest.results import Results
from benchmarks.contest.splits import SPLITS
from benchmarks.contest.standings import Standings
from benchmarks.datasets import SUITES, NotInstalledError
from benchmarks.estimators import ESTIMATORS


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["run", "report", "sets"])
    parser.add_argument("--suite", type=_some(SUITES), default=list(SUITES), metavar="SUITE")
    sets = {data.name: data for suite in SUITES.values() for data in suite}
    parser.add_argument("--sets", type=_some(sets), default=list(sets), metavar="A,B")
    parser.add_argument(
        "--estimators", type=_some(ESTIMATORS), default=list(ESTIMATORS), metavar="A,B"
    )
    every = {str(split): split for split in range(SPLITS)}
    parser.add_argument("--splits", type=_some(every), default=list(every), metavar="0,1")
    parser.add_argument("--results", type=Path, default=Path("quality.jsonl"), metavar="FILE")
    parser.add_argument("--threads", type=int, default=1, help="of an estimator (1)")
    parser.add_argument("--limit", type=float, default=900, help="seconds of a cell (900)")
    parser.add_argument(
        "--again", type=_some(ESTIMATORS), default=[], metavar="A,B", help="compute these again"
    )
    parser.add_argument("--markdown", action="store_true", help="the tables as Markdown")
    return parser.parse_args(words)


def _some(known: Mapping[str, Any]) -> Callable[[str], list[str]]:
    """Names with commas between them, each of them known."""

    def names(words: str) -> list[str]:
        chosen = words.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(
                f"no {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return chosen

    return names


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    """A whole split after another, what the packages here allow; what they lack is said once."""
    present = [(suite, name) for suite in options.suite for name in _present(suite, options.sets)]
    versions = {key: ESTIMATORS[key].version for key in options.estimators}
    for key, version in versions.items():
        if version is None:
            say(f"{ESTIMATORS[key].name} is not installed: pip install {ESTIMATORS[key].package}")
    for suite, split in product(options.suite, map(int, options.splits)):
        for (home, name), (key, version) in product(present, versions.items()):
            if home == suite and version is not None:
                yield Cell(suite, name, split, key, version, options.threads)


def _present(suite: str, wanted: Sequence[str]) -> Iterator[str]:
    for data in SUITES[suite]:
        if data.name in wanted:
            try:
                data.path(data.file)
            except NotInstalledError as absent:
                say(str(absent))
            else:
                yield data.name


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def compute(options: argparse.Namespace) -> None:
    results = Results(options.results)
    for cell in cells(options):
        if cell not in results or cell.estimator in options.again:
            result = run(cell, options.limit)
            results.add(cell, result)
            told = ", ".join(
                f"{what} {value:.4g}" if isinstance(value, float) else value
                for what, value in result.items()
            )
            say(f"{cell.suite} {cell.set} {cell.split} {cell.label}: {told}")


def show(options: argparse.Namespace) -> None:
    results = Results(options.results)
    for suite in options.suite:
        found = {
            cell: result
            for cell, result in results.newest(suite).items()
            if cell.estimator in options.estimators and str(cell.split) in options.splits
        }
        labels = sorted({cell.label for cell in found}, key=_place)
        names = [data.name for data in SUITES[suite] if data.name in options.sets]
        standings = Standings.of(found, names, labels)
        for grid in report.grids(standings, suite):
            put(grid, options)
        print("\n\n".join(report.verdicts(standings)), end="\n\n")


def contents(options: argparse.Namespace) -> None:
    for suite in options.suite:
        put(report.contents(suite), options)


def put(grid: report.Grid, options: argparse.Namespace) -> None:
    print(report.markdown(grid) if options.markdown else report.text(grid))


def _place(label: str) -> tuple[int, str]:
    """In the order of the list, with more threads behind."""
    return list(ESTIMATORS).index(label.partition(",")[0]), label


def main(words: Sequence[str] | None = None) -> None:
    options = arguments(words)
    {"run": compute, "report": show, "sets": contents}[options.what](options)


if __name__ == "__main__":
    main()
