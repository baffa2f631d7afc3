"""Reading runs back: finished, under way, or killed in the middle of a line.

A folder of runs may come from anywhere. Nothing in a file is taken for what it should be before it
is looked at: its size, each line's length, and the type of each value that is used.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from chainrule.errors import ChainruleError, DataError, MissingFile
from chainrule.training.runs.lines import SUFFIX, is_held
from chainrule.training.runs.log import FORMAT

MOST_BYTES, LONGEST_LINE = 1 << 30, 1 << 20
STATUSES = ("finished", "stopped early", "interrupted", "diverged", "failed")
_NUMBERS = ("loss", "validation_loss", "learning_rate", "seconds")

Epoch: TypeAlias = tuple[int, float, float, float, float]
Facts: TypeAlias = dict[str, Any]


@dataclass
class Run:
    """A training, as its file tells it.

    Attributes:
        path: the file.
        first: what the training was told.
        last: how it ended; None where nobody said.
        held: whether somebody writes the file still.
        parts: of each network, under its number, what it was told; empty where one was trained alone.
        epochs: of each network, under its number, 0 for one alone: epoch, loss, validation loss,
            learning rate and seconds, nan where there is no number.
    """

    path: Path
    first: Facts
    held: bool
    last: Facts | None = None
    parts: dict[int, Facts] = field(default_factory=dict)
    epochs: dict[int, list[Epoch]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.name.removesuffix(SUFFIX)

    @property
    def when(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.first["when"])

    @property
    def status(self) -> str:
        """One of `STATUSES`, or "running", or "killed" where nobody writes any more.

        Where the file system has no locks, that cannot be told: "unfinished".
        """
        if self.last is not None:
            return str(self.last["status"])
        if not self.first["locked"]:
            return "unfinished"
        return "running" if self.held else "killed"

    @property
    def data(self) -> str:
        """What the data are called; their shape where they have no name."""
        data = self.first["data"]
        return str(data["name"] or f"{data['rows']}×{data['columns']}")

    @property
    def networks(self) -> int:
        """How many are trained."""
        return int(self.first.get("networks", 1))

    @property
    def completed(self) -> int:
        """The epochs of the network that has most of them."""
        return max(map(len, self.epochs.values()), default=0)

    @property
    def task(self) -> str:
        """Classification or regression."""
        return str(self.first["task"])

    @property
    def best_training_loss(self) -> float:
        """The lowest training loss; of several networks, the mean of each one's."""
        return self._lowest(1)

    @property
    def best_validation_loss(self) -> float:
        """The lowest validation loss, nan without any; of several networks, the mean of each one's."""
        return self._lowest(2)

    def _lowest(self, place: int) -> float:
        losses = [[epoch[place] for epoch in epochs] for epochs in self.epochs.values()]
        there = [[loss for loss in each if not math.isnan(loss)] for each in losses]
        lowest = [min(each) for each in there if each]
        return sum(lowest) / len(lowest) if lowest else math.nan

    @property
    def model(self) -> str | None:
        """The file that the model was saved to."""
        return (self.last or {}).get("model")

    @property
    def scores(self) -> dict[str, float]:
        """The scores that it ended with, by name; nan where there is no number."""
        found = (self.last or {}).get("scores") or {}
        return {name: math.nan if value is None else value for name, value in found.items()}

    @property
    def seconds(self) -> float:
        """How long it took, or has taken by its last epoch."""
        if self.last is not None:
            return float(self.last["seconds"])
        return max((epochs[-1][4] for epochs in self.epochs.values() if epochs), default=0.0)


def runs_in(folder: str | os.PathLike[str]) -> tuple[list[Run], list[str]]:
    """The runs in a folder, the oldest first; and why other files with their ending were passed over.

    Raises:
        MissingFile: there is no such folder.
    """
    runs, passed_over = [], []
    for path in _files(folder):
        try:
            runs.append(read(path))
        except (ChainruleError, OSError) as error:
            passed_over.append(str(error))
    return sorted(runs, key=lambda run: (run.when, run.name)), passed_over


def find(folder: str | os.PathLike[str], name: str) -> Run:
    """The one run in a folder whose name has these letters in it.

    Raises:
        MissingFile: there is none; or no such folder.
        DataError: there are several, or it is no run.
    """
    paths = _files(folder)
    names = [path.name.removesuffix(SUFFIX) for path in paths]
    wanted = name.removesuffix(SUFFIX)
    found = [i for i, each in enumerate(names) if each == wanted] or [
        i for i, each in enumerate(names) if wanted in each
    ]
    if not found:
        raise MissingFile(f"no run in {os.fspath(folder)} is called {name!r}")
    if len(found) > 1:
        several = ", ".join(names[i] for i in found[:3]) + (", …" if len(found) > 3 else "")
        raise DataError(f"{name!r} may be any of {len(found)} runs: {several}")
    return read(paths[found[0]])


def _files(folder: str | os.PathLike[str]) -> list[Path]:
    if not Path(folder).is_dir():
        raise MissingFile(f"there is no folder {os.fspath(folder)}")
    return sorted(path for path in Path(folder).iterdir() if path.name.endswith(SUFFIX))


def read(path: str | os.PathLike[str]) -> Run:
    """A run from its file.

    A last line that was not written to its end is passed over.

    Raises:
        DataError: it is no run, or something in it is not what it should be; the text says where.
        OSError: it cannot be read.
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        try:
            _check_file(os.fstat(file.fileno()))
            held = is_held(file.fileno())  # before the reading: what is held then may end meanwhile
            run = None
            for count, facts in enumerate(_objects(file), start=1):
                try:
                    if run is None:
                        run = Run(Path(path), _first(facts), held)
                    else:
                        _take(run, facts)
                except DataError as error:
                    raise DataError(f"line {count}: {error}") from error
            if run is None:
                raise DataError("it has no line that is whole")
        except DataError as error:
            raise DataError(f"{os.fspath(path)} is no run: {error}") from error
    return run


def _check_file(found: os.stat_result) -> None:
    _require(stat.S_ISREG(found.st_mode), "it is a folder or a device")
    _require(found.st_size <= MOST_BYTES, f"it has more than {MOST_BYTES >> 30} GB")


def _objects(file: BinaryIO) -> Iterator[Facts]:
    """The objects that the whole lines are."""
    count = 0
    while (text := file.readline(LONGEST_LINE)).endswith(b"\n"):
        count += 1
        try:
            found = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise DataError(f"line {count} is not JSON") from error
        _require(isinstance(found, dict), f"line {count} is not an object")
        yield found
    _require(len(text) < LONGEST_LINE, f"line {count + 1} is too long")


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _first(facts: Facts) -> Facts:
    version = facts.get("chainrule_run")
    _require(_is_whole(version, 1), "no run of chainrule begins like this")
    _require(version == FORMAT, f"it is of version {version}, and {FORMAT} is the one known here")
    _require(isinstance(facts.get("when"), str), "when it began is a time")
    try:
        aware = datetime.fromisoformat(facts["when"]).tzinfo is not None
    except ValueError as error:
        raise DataError("when it began is a time") from error
    _require(aware, "when it began is a time with its zone")
    _require(isinstance(facts.get("locked"), bool), "whether it was locked is true or false")
    _require(_is_whole(facts.get("networks", 1), 1), "networks is a whole number")
    _require(isinstance(facts.get("task"), str), "the task is a word")
    data = facts.get("data")
    _require(isinstance(data, dict), "the data are described by an object")
    assert isinstance(data, dict)
    _require(isinstance(data.get("name"), str | None), "what the data are called is text")
    for name in ("rows", "columns"):
        _require(_is_whole(data.get(name), 0), f"{name} is a whole number")
    return facts


def _take(run: Run, facts: Facts) -> None:
    """Note what a line after the first one says."""
    _require(run.last is None, "something comes after the last line")
    network = facts.get("network", 0)
    _require(
        _is_whole(network, 0) and network <= run.networks, "network is a number of one of them"
    )
    if "epoch" in facts:
        run.epochs.setdefault(network, []).append(_epoch(facts))
    elif network:
        run.parts.setdefault(network, {}).update(facts)
    else:
        run.last = _last(facts)


def _epoch(facts: Facts) -> Epoch:
    _require(_is_whole(facts["epoch"], 1), "epoch is a whole number")
    loss, validation_loss, rate, seconds = (_number(facts, name) for name in _NUMBERS)
    return facts["epoch"], loss, validation_loss, rate, seconds


def _last(facts: Facts) -> Facts:
    _require(facts.get("status") in STATUSES, f"the status is one of {', '.join(STATUSES)}")
    _require(not math.isnan(_number(facts, "seconds")), "seconds is a number")
    _require(isinstance(facts.get("model"), str | None), "the model is the name of a file")
    scores = facts.get("scores") or {}
    _require(isinstance(scores, dict), "the scores are numbers by name")
    for name in scores:
        _number(scores, name)
    return facts


def _number(facts: Mapping[str, Any], name: str) -> float:
    """A number that may be null, which is nan."""
    value = facts.get(name)
    if value is None:
        return math.nan
    _require(isinstance(value, (int, float)) and not isinstance(value, bool), f"{name} is a number")
    try:
        return float(value)
    except OverflowError as error:
        raise DataError(f"{name} is too large a number") from error


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 1 << 53


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DataError(otherwise)
