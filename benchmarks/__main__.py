"""``python -m benchmarks lecture|wide|predict|fit|torch|startup|compare|all``: measure, and print the tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks import table
from benchmarks.harness import Comparison, Contender, Worker, compare
from benchmarks.peers import ENGINE, FIT, LOOPS, PEERS, PREDICTORS, SGEMM, TRAINERS, Peer
from benchmarks.processes import compare_moons, fit_moons
from benchmarks.table import Subject
from benchmarks.works import LECTURE, PREDICT, WIDE, Prediction, Training, training_loss

GROUPS: dict[str, Sequence[Training | Prediction]] = {
    "lecture": LECTURE,
    "wide": WIDE,
    "predict": PREDICT,
}

# Beside PyTorch's loops alone: who is measured, on what, and the goals against which loops.
AGAINST_LOOPS: dict[str, tuple[Peer, Sequence[Training], dict[str, float]]] = {
    "fit": (FIT, LECTURE[:1], {"torch-loader": 200, "torch-indexed": 100}),
    "torch": (ENGINE, (LECTURE[0], LECTURE[5], *WIDE), {"torch-indexed": 1.0}),
}

COMPARE = Subject(
    "compare: a whole process, moons, 5 optimizers, automatic rates, 5 repeats",
    unit="process",
    time="s",
    limits={"s": 6},
)
STARTUP = Subject(
    "startup: a whole process, 500 moons, 2-20-40-20-1, batch 10, 100 epochs, model saved",
    unit="process",
    time="s",
    goals={"torch-script": 12},
    limits={"s": 0.6, "MiB": 120},
)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("group", choices=[*GROUPS, *AGAINST_LOOPS, "startup", "compare", "all"])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer (default 5)")
    parser.add_argument("--threads", type=int, default=cores(), help="per peer (default: cores)")
    parser.add_argument("--only", default="", help="only works whose title contains this")
    parser.add_argument("--peers", default="", help=f"some of {','.join(PEERS)}; default all")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    options = parser.parse_args(words)
    if unknown := set(filter(None, options.peers.split(","))) - set(PEERS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads are at least 1")
    return options


def cores() -> int:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def subject_of(work: Training | Prediction) -> Subject:
    return Subject(
        work.title,
        unit=work.unit,
        units=work.units,
        time="ms" if work.units == 1 else "µs",
        start=training_loss(work, work.weights()) if isinstance(work, Training) else None,
        flops=work.flops if work.rows > 1 else None,
        check=work.check,
        goals=work.goals,
        sgemm_goal=work.sgemm_goal if isinstance(work, Training) else None,
    )


def contenders_of(
    work: Training | Prediction, threads: int, wanted: Sequence[str]
) -> list[Contender]:
    """The peers, and behind them sgemm on one core and on all, as the yardstick."""
    peers = TRAINERS if isinstance(work, Training) else PREDICTORS
    chosen = [peer for peer in peers if not wanted or peer.key in wanted]
    workers: list[Contender] = [Worker(peer, work.name, threads) for peer in chosen]
    if work.rows == 1:
        return workers
    one = Worker(SGEMM, work.name, 1, "sgemm-one", "sgemm on one core")
    every = Worker(SGEMM, work.name, threads, "sgemm-all", f"sgemm on {threads} threads")
    return [*workers, one, every]


Report = Callable[[Subject, Comparison], None]


def measure(options: argparse.Namespace, report: Report) -> list[str]:
    """All works that were asked for, each reported as soon as it is done; the names that failed."""
    failed: list[str] = []

    def done(subject: Subject, contenders: Sequence[Contender]) -> None:
        comparison = compare(contenders, options.rounds, say)
        failed.extend(entry.name for entry in comparison.entries if entry.failed)
        report(subject, comparison)

    def say(line: str) -> None:
        if not options.quiet:
            print(f"  … {line}", file=sys.stderr, flush=True)

    wanted = [key for key in options.peers.split(",") if key]
    groups = list(GROUPS) if options.group == "all" else [options.group]
    for work in (work for group in groups for work in GROUPS.get(group, ())):
        if options.only in work.title:
            done(subject_of(work), contenders_of(work, options.threads, wanted))
    for group, (ours, works, goals) in AGAINST_LOOPS.items():
        for work in works if options.group in (group, "all") else ():
            if options.only in work.title:
                subject = replace(subject_of(work), goals=goals, sgemm_goal=None)
                us = Worker(ours, work.name, options.threads, table.OURS, ours.name)
                done(subject, [us, *(Worker(p, work.name, options.threads) for p in LOOPS)])
    if options.group in ("startup", "all") and options.only in STARTUP.title:
        done(STARTUP, fit_moons(options.threads))
    if options.group in ("compare", "all") and options.only in COMPARE.title:
        done(COMPARE, compare_moons(options.threads))
    return failed


def machine(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": cores(),
        "threads": options.threads,
        "rounds": options.rounds,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def processor() -> str:
    """Its name where Linux tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":")[1].strip() for line in file if "model name" in line]
    except FileNotFoundError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def main(words: Sequence[str] | None = None) -> None:
    options = arguments(words)
    about = machine(options)
    if options.json:
        found: list[dict[str, Any]] = []
        failed = measure(options, lambda *result: found.append(table.data(*result)))
        print(json.dumps({"machine": about, "works": found}, indent=1))
    else:
        print(", ".join(f"{key} {value}" for key, value in about.items()), end="\n\n", flush=True)
        failed = measure(options, lambda *result: print(table.text(*result), flush=True))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
