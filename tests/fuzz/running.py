"""Many inputs into one target, in a process of its own that is watched: it may crash, hang or take memory."""

from __future__ import annotations

import faulthandler
import importlib
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .target import Target

SECONDS = 5.0  # that an input may take
MEMORY = 1 << 30  # bytes that an input may take beyond what the process had before it
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STARTING = 600.0  # seconds that the process may take to import what it needs
_NOT_BEGUN = -1
_HANGS = "hangs: more than"
_SHOWN = 10  # failures of a kind of their own, after which a target is given up

_processes = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Failure:
    """An input that is neither taken nor refused in words.

    Attributes:
        number: of the input.
        what: happened, in a line.
        told: all there is to be known: a traceback, or the stack of each thread.
    """

    number: int
    what: str
    told: str


@dataclass
class Survey:
    """What became of many inputs.

    Attributes:
        name, seed: of the target, and of the inputs.
        taken, refused: how many were.
        failures: the first of each kind.
        failed: how many there were of all kinds.
        seconds: that the slowest input took; larger ones are hangs.
    """

    name: str
    seed: int
    taken: int = 0
    refused: int = 0
    failures: list[Failure] = field(default_factory=list)
    failed: int = 0
    seconds: float = 0.0

    def note(self, failure: Failure) -> None:
        """Note one more failure."""
        self.failed += 1
        if failure.what not in {known.what for known in self.failures}:
            self.failures.append(failure)

    @property
    def over(self) -> bool:
        """Whether enough was found."""
        return len(self.failures) >= _SHOWN

    def __str__(self) -> str:
        """In a line."""
        found = f"{self.taken + self.refused + self.failed:,} inputs: {self.taken:,} taken, {self.refused:,} refused in words, {self.failed:,} failed"
        return f"{self.name:12} {found}, slowest {self.seconds:.2f} s"


def preload(modules: Sequence[str]) -> None:
    """Let the server of processes import something once, for all of its children."""
    _processes.set_forkserver_preload(list(modules))


def survey(
    home: str, name: str, seed: int, count: int, seconds: float = SECONDS, memory: int = MEMORY
) -> Survey:
    """Feed inputs 0 … count − 1 of a seed to a target.

    Args:
        home: the module that has the targets, as `TARGETS`.
        name: of the target.
        seed: of the inputs.
        count: how many.
        seconds: that one may take.
        memory: bytes that one may take.
    """
    found = Survey(name, seed)
    first, hung = 0, -1
    while first < count and not found.over:
        ended = _until_it_ends(found, home, range(first, count), seconds, memory)
        if ended is None:
            break
        first, failure = ended
        if failure.what.startswith(_HANGS) and hung != first:
            hung = first  # once more: it may have been the machine
        else:
            found.note(failure)
            first += 1
    return found


def _until_it_ends(
    found: Survey, home: str, numbers: range, seconds: float, memory: int
) -> tuple[int, Failure] | None:
    """Run one process; the number of the input that crashed it or hung, and how. None if it is done."""
    shared = _processes.RawArray("q", [_NOT_BEGUN, 0, 0, 0])
    listening, telling = _processes.Pipe(duplex=False)
    folder = Path(tempfile.mkdtemp(prefix="chainrule-fuzz-", dir=_memory_folder()))
    work = (home, found.name, found.seed, numbers, memory, shared, telling, folder)
    process = _processes.Process(target=_work, args=work)
    try:
        process.start()
        telling.close()
        hung = _watch(process, listening, found, shared, seconds)
        process.join()
        number, taken, refused, slowest = shared
        found.taken += taken
        found.refused += refused
        found.seconds = max(found.seconds, slowest / 1e9)
        if process.exitcode == 0 or found.over:
            return None
        if number == _NOT_BEGUN or process.exitcode > 0:
            raise RuntimeError(f"target {found.name} is broken itself: see its traceback above")
        told = (folder / "stacks").read_text(errors="replace")
        what = (
            f"{_HANGS} {seconds:g} s"
            if hung
            else f"killed by {signal.Signals(-process.exitcode).name}"
        )
        return number, Failure(number, f"{what} {_place(told)}".strip(), told)
    finally:
        listening.close()
        shutil.rmtree(folder, ignore_errors=True)


def _memory_folder() -> str | None:
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def _place(told: str) -> str:
    """The innermost line of this library in the stacks of faulthandler."""
    lines = [line.strip() for line in told.splitlines() if "/chainrule/" in line]
    return lines[0].replace('File "', "").replace('"', "") if lines else ""


def _watch(process: Any, listening: Any, found: Survey, shared: Any, seconds: float) -> bool:
    """Take the failures that the process tells of until it ends; whether it had to be ended."""
    number, since = _NOT_BEGUN, time.monotonic()
    while True:
        if listening.poll(0.2):
            try:
                found.note(listening.recv())
            except EOFError:
                return False
            if found.over:
                process.terminate()
        now = time.monotonic()
        if shared[0] != number:
            number, since = shared[0], now
        elif now - since > (seconds if number != _NOT_BEGUN else _STARTING):
            os.kill(process.pid, signal.SIGABRT)  # its faulthandler writes down where it is
            return True


def _work(
    home: str,
    name: str,
    seed: int,
    numbers: range,
    memory: int,
    shared: Any,
    telling: Any,
    folder: Path,
) -> None:
    """In the process: feed, count, and tell of what fails."""
    with (folder / "stacks").open("w") as stacks:
        faulthandler.enable(stacks)
        warnings.simplefilter("error")
        target: Target = importlib.import_module(home).TARGETS[name]
        target.input(seed, 0)  # makes the seeds
        _bound(memory)
        for number in numbers:
            shared[0] = number
            data = target.input(seed, number)
            began = time.perf_counter_ns()
            try:
                shared[1 if target.takes(data, folder) else 2] += 1
            except Exception as error:
                telling.send(Failure(number, _summary(error), traceback.format_exc()))
            shared[3] = max(shared[3], time.perf_counter_ns() - began)


def _bound(memory: int) -> None:
    """Let the system refuse memory beyond a bound; what asks for more gets a MemoryError."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _summary(error: BaseException) -> str:
    """Kind and place of an error; two with the same are one defect."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/chainrule/" in frame.filename] or frames[-1:]
    where = ours[-1]
    return f"{type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"


def replay(home: str, name: str, data: bytes) -> bool:
    """Feed one input here, where a debugger sees it; whether it is taken."""
    with tempfile.TemporaryDirectory() as folder:
        return bool(importlib.import_module(home).TARGETS[name].takes(data, Path(folder)))


__all__ = ["MEMORY", "SECONDS", "Failure", "Survey", "preload", "replay", "survey"]
if __name__ == "__main__":
    sys.exit("see scripts/fuzz")
