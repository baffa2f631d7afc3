"""Checkpoints: trainings on the disk, from which another process goes on, bit for bit."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from chainrule.engines import State, check_state
from chainrule.errors import InvalidValue, ModelFileError, ShapeError
from chainrule.plan import Plan
from chainrule.storage.atomic import check_target, remove_leftovers, replacing
from chainrule.training.positions import Position, Positions, fingerprint
from chainrule.training.rows import Data
from chainrule.training.stopping import Stopping

if TYPE_CHECKING:
    from chainrule.training.loop import Loop

EVERY = 30.0  # seconds between two checkpoints
REMEMBERED = 0.02  # seconds between two times that a training remembers where it stands: what Ctrl-C loses at most


@dataclass(frozen=True)
class Checkpoint:
    """Where a training is kept, and how often.

    Args:
        path: by custom it ends in .checkpoint.
        every: seconds between two, as "30s" or a number, or epochs, as "10epochs".

    Raises:
        InvalidValue: `every` is something else.
    """

    path: str | os.PathLike[str]
    every: str | float = EVERY

    def __post_init__(self) -> None:
        """Read `every` once, so that what is wrong is said at once."""
        _ = self.rhythm

    @classmethod
    def of(cls, checkpoint: str | os.PathLike[str] | Checkpoint) -> Checkpoint:
        """From a path, or as it is."""
        return checkpoint if isinstance(checkpoint, Checkpoint) else cls(checkpoint)

    @property
    def rhythm(self) -> tuple[float, int]:
        """Seconds and epochs between two, of which one is 0."""
        if isinstance(self.every, (int, float)) and not isinstance(self.every, bool):
            seconds = float(self.every)
            if 0 < seconds < math.inf:
                return seconds, 0
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|epochs?)", str(self.every).strip())
        if match and match[2] == "s" and float(match[1]) > 0:
            return float(match[1]), 0
        if match and match[2] != "s" and match[1].isdecimal() and int(match[1]) > 0:
            return 0.0, int(match[1])
        raise InvalidValue(
            f"checkpoints are made every so many seconds or epochs, as 30s or 10epochs; got {self.every!r}"
        )


@dataclass(frozen=True)
class Settings:
    """What a training has to have in common with its checkpoint.

    Attributes:
        plan: what is trained and how.
        stopping: when it stops.
        schedule: of the learning rate, with the number of epochs where it depends on that.
        data: rows, targets, weights and what is validated on, each in words with its digest.
        engine: whose bits they are.
        precision: of its products.
    """

    plan: Mapping[str, Any]
    stopping: Mapping[str, Any]
    schedule: str
    data: Mapping[str, str]
    engine: str
    precision: str

    @classmethod
    def of(
        cls,
        plan: Plan,
        stopping: Stopping,
        schedule: Any,
        epochs: int,
        data: Mapping[str, str],
        engine: str,
        precision: str,
    ) -> Settings:
        """The settings of a training."""
        from chainrule.training.schedules import Constant

        constant = isinstance(schedule, Constant)
        said = repr(schedule) if constant else f"{schedule!r} over {epochs} epochs"
        return cls(plan.as_dict(), asdict(stopping), said, data, engine, precision)

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse other settings than these.

        Raises:
            InvalidValue: some differ; they are named, as they were and as they are.
        """
        refuse_differences(before, json.loads(json.dumps(asdict(self))))


def described(data: Data) -> dict[str, str]:
    """All that is trained and validated on, in words with digests."""
    parts = {"X": data.X, "targets": data.t, "weights": data.weights}
    checked = zip_longest(parts, data.validation or ())
    each = parts | {f"validation {name}": array for name, array in checked}
    return {name: "none" if a is None else fingerprint(a) for name, a in each.items()}


def refuse_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on from a training with other settings.

    Raises:
        InvalidValue: some differ; they are named, as they were and as they are.
    """
    apart = [f"{name} was {was}, is {value}" for name, was, value in _differences(before, now)]
    if apart:
        raise InvalidValue(f"the checkpoint is of another training: {'; '.join(apart)}")


def _differences(before: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        kinds = before.get("name"), now.get("name")
        if kinds[0] != kinds[1]:  # two that have nothing to compare
            yield name, *kinds
            return
        for key in {**before, **now}:
            yield from _differences(before.get(key), now.get(key), key)
    elif before != now:
        yield name, _called(before), _called(now)


def _called(value: Any) -> Any:
    """The name of what has one, for its settings are many."""
    return value.get("name", value) if isinstance(value, Mapping) else value


class Book:
    """The file in which trainings are kept while they run: one, or those of several networks.

    Each training has a page in it, and writes all of them when it is time to; the others then stand
    where they were after their last epoch.
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike[str] | Checkpoint,
        found: bytes | None = None,
        count: int = 1,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the file, and what it has to go on from.

        Args:
            checkpoint: where and how often.
            found: the bytes of the last checkpoint; None to begin anew.
            count: how many trainings there are to be.
            about: what they have in common.

        Raises:
            InvalidValue: `found` is of another training; or the file cannot be one.
            ModelFileError: it is damaged.
            MissingFile: the folder is not there.
        """
        self.checkpoint = Checkpoint.of(checkpoint)
        self.path = check_target(self.checkpoint.path)
        self._now = Positions(count, about or {})
        self._one_at_a_time = Lock()
        self._is_new = False  # whether there is something to write
        self._is_clean = False  # whether what killed processes left is gone
        self._due = 0.0
        if found is not None:
            with self._named():
                before = Positions.from_bytes(found)
                refuse_differences(before.about, self._now.about)
            self._now.each = before.each

    @classmethod
    def opened(
        cls,
        checkpoint: str | os.PathLike[str] | Checkpoint,
        resume: bool,
        count: int,
        about: Mapping[str, Any],
    ) -> Self:
        """The book in a file, with what it has if the trainings are to go on from there.

        Raises:
            InvalidValue, ModelFileError, MissingFile: as the constructor and `refuse_to_lose`.
        """
        found = read(Checkpoint.of(checkpoint).path) if resume else None
        book = cls(checkpoint, found, count, about)
        if found is None:
            book.refuse_to_lose()
        return book

    def page(self, number: int) -> Page:
        """The page of one training of several."""
        return Page(self, number)

    def start(self) -> None:
        """Begin to count the seconds, unless they are counted already."""
        self._due = self._due or monotonic() + self.checkpoint.rhythm[0]

    def is_due(self, epochs: int) -> bool:
        """Whether it is time to write, after a number of epochs of a training."""
        seconds, every = self.checkpoint.rhythm
        if every:
            return epochs % every == 0
        now = monotonic()
        if now < self._due:
            return False
        self._due = now + seconds
        return True

    def get(self, number: int, settings: Settings) -> Position | None:
        """Where a training with these settings stands; None if it has not begun.

        Raises:
            InvalidValue: it has other settings.
        """
        position = self._now.each.get(number)
        if position is not None:
            with self._named():
                settings.check(position.settings)
        return position

    def check(self, position: Position, like: State) -> None:
        """Refuse a position whose arrays are not those of an engine's own state.

        Raises:
            ShapeError: they are not.
        """
        with self._named():
            for state in (position.state, position.best):
                if state is not None:
                    check_state(state, like)

    def note(self, number: int, position: Position) -> None:
        """Remember where a training stands, for the next time that is written."""
        self._now.each[number] = position
        self._is_new = True

    def write(self) -> None:
        """Put all positions, if some are new, in the place of the last ones, which stay whole until then.

        Raises:
            ModelFileError: the system does not let it be written; the text says why.
        """
        with self._one_at_a_time:
            if not self._is_new:
                return
            self._is_new = False
            data = replace(self._now, each=dict(self._now.each)).to_bytes()
            try:
                if not self._is_clean:
                    remove_leftovers(self.path)
                    self._is_clean = True
                with replacing(self.path) as file:
                    file.write(data)
            except OSError as error:
                reason = error.strerror or error
                raise ModelFileError(
                    f"{os.fspath(self.checkpoint.path)}: no checkpoint can be written ({reason})"
                ) from error

    def refuse_to_lose(self) -> None:
        """Refuse to write over a file that is no checkpoint, or one of a training that has not ended.

        Raises:
            InvalidValue: there is such a file.
        """
        path = os.fspath(self.checkpoint.path)
        found = read(path)
        if not found:
            return
        try:
            ended = Positions.from_bytes(found).ended
        except ModelFileError as error:
            raise InvalidValue(
                f"{path} would be written over, and {error}: remove it, or take another name"
            ) from error
        if not ended:
            raise InvalidValue(
                f"{path} holds a training that has not ended: go on with it by resume, or remove it"
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors begin with the name of the file."""
        try:
            yield
        except (ModelFileError, InvalidValue, ShapeError) as error:
            raise type(error)(f"{os.fspath(self.checkpoint.path)}: {error}") from error


@dataclass(frozen=True)
class Page:
    """The place of one training in a book.

    Attributes:
        book: the book.
        number: of the training in it.
        alone: whether it is the only one, and written when its training ends.
    """

    book: Book
    number: int
    alone: bool = False


def read(path: str | os.PathLike[str]) -> bytes | None:
    """The bytes of a checkpoint; None if there is none yet.

    Raises:
        ModelFileError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelFileError(f"{os.fspath(path)}: it cannot be read ({error.strerror})") from error


@dataclass
class Keeper:
    """Writes checkpoints along a training.

    Attributes:
        page: its place in the file.
        settings: of the training.
        writes: whether this process is the one that does.
    """

    page: Page
    settings: Settings
    writes: bool = True
    _noted: int = field(init=False, default=-1)
    _written: int = field(init=False, default=-1)
    _stale: float = field(init=False, default=0.0)

    def resume(self, loop: Loop) -> None:
        """Let a loop go on from its page, if there is something on it.

        Raises:
            InvalidValue, ShapeError: it is one of another training, or of more epochs.
        """
        position = self.page.book.get(self.page.number, self.settings)
        if position is not None:
            if position.epochs > loop.epochs:
                raise InvalidValue(
                    f"{os.fspath(self.page.book.checkpoint.path)}: the checkpoint has"
                    f" {position.epochs} epochs, and {loop.epochs} were asked for"
                )
            self.page.book.check(position, loop.engine.state())
            position.put(loop)
            self._noted = self._written = position.epochs

    def start(self, loop: Loop) -> None:
        """Begin to count the seconds."""
        self._note(loop)
        self.page.book.start()

    def after_epoch(self, loop: Loop) -> None:
        """Write if it is time to; remember where the loop stands now and then."""
        due = self.page.book.is_due(len(loop.history))
        if due or monotonic() >= self._stale:
            self._note(loop)
        if due:
            self._write()

    def end(self, loop: Loop, whole: bool) -> None:
        """Write if nobody else does it when all trainings have ended.

        Args:
            loop: which ends.
            whole: whether it stands after an epoch; else what was remembered last is its place, for
                the engine may be anywhere.
        """
        if whole:
            self._note(loop)
        if self.page.alone:
            self._write()

    def _write(self) -> None:
        if self.writes and self._written != self._noted:
            self._written = self._noted
            self.page.book.write()

    def _note(self, loop: Loop) -> None:
        if self.writes and self._noted != len(loop.history):
            self.page.book.note(self.page.number, Position.of(loop, asdict(self.settings)))
            self._noted = len(loop.history)
        self._stale = monotonic() + REMEMBERED
