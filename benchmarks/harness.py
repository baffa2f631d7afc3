"""Rounds in which every contender takes its turn, and what is computed from them.

Machines drift: a neighbour wakes up, a clock falls. So the contenders are interleaved, each round
starts with another one, and a ratio is taken within its round before the median is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, sleep
from typing import Any, Protocol

from benchmarks.disturbance import MOST, busy_seconds, share_of_others
from benchmarks.peers import Peer

REST = 0.1
"""Seconds between two turns, in which the threads of the one before stop spinning."""

BENCH_ROOT = Path(__file__).resolve().parents[1]


class AbsentError(Exception):
    """The contender cannot take part; the text says why and is shown in the table."""


class FailedError(Exception):
    """The contender's process came to grief; the table shows it and the command ends with 1."""


@dataclass(frozen=True)
class Sample:
    """A turn: the seconds of the whole work, peak memory where a whole process was measured.

    ``cpu_seconds`` is what the contender's process used in the whole turn; ``turn`` is, where the
    machine tells it, the processor seconds of others and the wall seconds of the turn.
    """

    seconds: float
    cpu_seconds: float = 0.0
    peak_mib: float | None = None
    note: str = ""
    turn: tuple[float, float] | None = None


class Contender(Protocol):
    """What takes turns. ``prepare`` gives its version, or raises ``AbsentError``."""

    key: str
    name: str

    def prepare(self) -> str: ...
    def measure(self) -> Sample: ...
    def check(self) -> float | None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        if len(numbers) == 1:
            return cls(numbers[0], numbers[0], numbers[0])
        low, _, high = quantiles(numbers, n=4, method="inclusive")
        return cls(median(numbers), low, high)


@dataclass
class Entry:
    """A contender's line: its samples, or why it has none."""

    key: str
    name: str
    absent: str = ""
    failed: bool = False
    version: str = ""
    samples: list[Sample] = field(default_factory=list)
    check: float | None = None

    @property
    def seconds(self) -> Spread:
        return Spread.of([sample.seconds for sample in self.samples])

    @property
    def peak_mib(self) -> float | None:
        peaks = [sample.peak_mib for sample in self.samples if sample.peak_mib is not None]
        return median(peaks) if peaks else None

    def fail(self, why: FailedError) -> None:
        """Drop what was measured: rounds that not all took part in give no ratios."""
        self.absent, self.failed = f"FAILED: {why}", True
        self.samples.clear()

    @property
    def others(self) -> float | None:
        """The share of the machine that other processes used during the turns."""
        return share_of_others([sample.turn for sample in self.samples if sample.turn])

    @property
    def note(self) -> str:
        return self.samples[-1].note if self.samples else ""


Turn = tuple[Contender, Entry]


@dataclass(frozen=True)
class Comparison:
    """All entries of one work."""

    entries: Sequence[Entry]

    def __getitem__(self, key: str) -> Entry:
        return next(entry for entry in self.entries if entry.key == key)

    @property
    def disturbed(self) -> list[Entry]:
        """Those in whose turns other processes used more than ``MOST`` of the machine."""
        return [entry for entry in self.entries if (entry.others or 0.0) > MOST]

    def measured(self, key: str) -> bool:
        return any(entry.key == key and entry.samples for entry in self.entries)

    def ratio(self, key: str, to: str) -> Spread:
        """How many times as long ``key`` took as ``to``, round by round."""
        pairs = zip(self[key].samples, self[to].samples, strict=True)
        return Spread.of([one.seconds / other.seconds for one, other in pairs])

    def best(self, among: Sequence[str]) -> str | None:
        """The key with the least median seconds, None if none of them was measured."""
        keys = [key for key in among if self.measured(key)]
        return min(keys, key=lambda key: self[key].seconds.median, default=None)


def compare(
    contenders: Sequence[Contender],
    rounds: int,
    say: Callable[[str], None] = lambda line: None,
    rest: float = REST,
) -> Comparison:
    """Prepare all, let all that can take part take turns, check each one's result at the end."""
    entries = [Entry(contender.key, contender.name) for contender in contenders]
    try:
        present = [
            (contender, entry)
            for contender, entry in zip(contenders, entries, strict=True)
            if _prepared(contender, entry, say)
        ]
        for i in range(rounds):
            for contender, entry in _rotated(present, i):
                sleep(rest)
                _take_turn(contender, entry)
                say(f"round {i + 1}: {contender.name}: {entry.absent or entry.samples[-1].seconds}")
        for contender, entry in present:
            _take_check(contender, entry)
    finally:
        for contender in contenders:
            contender.close()
    return Comparison(entries)


def _prepared(contender: Contender, entry: Entry, say: Callable[[str], None]) -> bool:
    try:
        entry.version = contender.prepare()
    except AbsentError as why:
        entry.absent = str(why)
    except FailedError as why:
        entry.fail(why)
    say(f"{contender.name}: {entry.absent or 'ready'}")
    return not entry.absent


def _take_turn(contender: Contender, entry: Entry) -> None:
    if not entry.failed:
        try:
            entry.samples.append(_turn(contender))
        except FailedError as why:
            entry.fail(why)


def _take_check(contender: Contender, entry: Entry) -> None:
    if not entry.failed:
        try:
            entry.check = contender.check()
        except FailedError as why:
            entry.fail(why)


def _turn(contender: Contender) -> Sample:
    """One measurement, and what the rest of the machine did meanwhile."""
    start, before = perf_counter(), busy_seconds()
    sample = contender.measure()
    wall, after = perf_counter() - start, busy_seconds()
    if before is None or after is None:
        return sample
    return replace(sample, turn=(after - before - sample.cpu_seconds, wall))


def _rotated(items: list[Turn], by: int) -> list[Turn]:
    at = by % max(len(items), 1)
    return items[at:] + items[:at]


class Worker:
    """A peer in a process of its own (``benchmarks.worker``), told what to do line by line."""

    def __init__(self, peer: Peer, work: str, threads: int, key: str = "", name: str = "") -> None:
        self.key = key or peer.key
        self.name = name or peer.name
        self._command = [sys.executable, "-m", "benchmarks.worker", peer.key, work, str(threads)]
        self._environment = thread_environment(threads)
        self._process: subprocess.Popen[str] | None = None

    def prepare(self) -> str:
        self._process = subprocess.Popen(
            self._command,
            cwd=BENCH_ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        answer = self._answer()
        if "absent" in answer:
            raise AbsentError(answer["absent"])
        return str(answer["version"])

    def measure(self) -> Sample:
        answer = self._ask("measure")
        return Sample(answer["seconds"], answer["cpu_seconds"], note=answer["note"])

    def check(self) -> float:
        return float(self._ask("check")["check"])

    def close(self) -> None:
        if self._process is not None and self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()

    def _ask(self, what: str) -> dict[str, Any]:
        assert self._process is not None and self._process.stdin is not None
        try:
            print(what, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise FailedError(f"stopped with exit code {self._process.wait()}") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise FailedError(f"stopped with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def thread_environment(threads: int) -> dict[str, str]:
    """This environment, with the thread counts that OpenMP, OpenBLAS and MKL read."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}
