"""`RunLog`: what a training was told and what came of it, line by line while it runs."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chainrule.errors import DivergenceError, InvalidValue
from chainrule.training.runs.lines import Lines
from chainrule.training.runs.plain import line, number
from chainrule.version import __version__

if TYPE_CHECKING:
    from chainrule.training.loop import Callback, Event, Loop
    from chainrule.training.trainer import Result

FORMAT = 1
_LETTERS = 500  # of an error


class LogStopped(RuntimeWarning):
    """A run's file could not be written any more; the training went on without it."""


class RunLog(AbstractContextManager["RunLog"]):
    """Keeps each training in a file of its own in a folder, which `chainrule runs` reads.

    A file that cannot be made is an error, before anything is trained. What goes wrong later, as a
    full disk, is a `LogStopped` warning: a log is not worth the training that it tells of.

    `train(…, log=RunLog("runs"))` writes a whole file. In a `with` statement the file is closed at
    its end, and `note` adds to what its last line will say.

    Args:
        folder: where; made if it is not there.
        data: what the data are called.
        arguments: what the command was told.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        data: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.data, self.arguments = folder, data, arguments
        self._lines: Lines | None = None
        self._entered = 0
        self._notes: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"RunLog({os.fspath(self.folder)!r})"

    @classmethod
    def of(cls, log: str | os.PathLike[str] | RunLog) -> RunLog:
        """From a folder, or as it is."""
        return log if isinstance(log, RunLog) else cls(log)

    def __enter__(self) -> Self:
        """Begin a run, or go on with the one that is under way."""
        if not self._entered:
            self._lines, self._notes, self._since = None, {}, monotonic()
        self._entered += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the last line, where the run ends here."""
        self._entered -= 1
        if self._entered or self._lines is None:
            return
        self._append(line({**self._notes, **_ended(error), "seconds": monotonic() - self._since}))
        self._lines.close()
        self._lines = None

    @property
    def path(self) -> Path | None:
        """The file of the run that is under way, once it is begun."""
        return self._lines.path if self._lines else None

    def start(self, facts: Mapping[str, Any]) -> None:
        """Make the run's file with its first line.

        Args:
            facts: what the training was told.

        Raises:
            InvalidValue: no file can be made there, or the run has begun already.
        """
        if self._lines is not None:
            raise InvalidValue(f"{self._lines.path} tells of one training, and that has begun")
        when = datetime.now(UTC)
        try:
            lines = Lines(Path(self.folder), when)
            first = {
                "chainrule_run": FORMAT,
                "when": when.isoformat(timespec="seconds"),
                "version": __version__,
                "machine": platform.node(),
                "process": os.getpid(),
                "locked": lines.locked,
                "arguments": self.arguments,
                **facts,
                "data": {"name": self.data, **facts["data"]},
            }
            lines.append(line(first))
        except OSError as error:
            raise InvalidValue(
                f"no run can be kept in {os.fspath(self.folder)} ({error.strerror or error})"
            ) from error
        self._lines = lines

    def begin(
        self, loop: Loop, settings: Mapping[str, Any], data: Callable[[], Mapping[str, Any]]
    ) -> Callback:
        """Begin to tell of a network that is trained alone; what is to be called after each epoch.

        Args:
            loop: ready to run; what it has in its history already, from a checkpoint, is told first.
            settings: of the training.
            data: describes what is trained on.
        """
        self.start({**settings, "engine": _engine(loop), "data": data()})
        return self._epochs(loop, None)

    def end(self, result: Result) -> None:
        """Note how the training of a network alone ended."""
        self.note(status=result.status)

    def network(self, number: int) -> NetworkLog:
        """The log of one of several networks, counted from 1."""
        return NetworkLog(self, number)

    def note(self, **facts: Any) -> None:
        """Add to what the last line will say: scores, the model's file."""
        self._notes |= facts

    def _epochs(self, loop: Loop, network: int | None) -> Callback:
        which = "" if network is None else f'"network": {network}, '
        earlier = [_epoch(which, k, row) for k, row in enumerate(loop.history.rows, start=1)]
        if earlier:
            self._append("\n".join(earlier))

        def told(event: Event) -> None:
            row = (event.loss, event.validation_loss, event.learning_rate, event.seconds)
            self._append(_epoch(which, event.epoch, row))

        return told

    def _append(self, text: str) -> None:
        assert self._lines is not None  # `start` was called
        try:
            self._lines.append(text)
        except OSError as error:
            warnings.warn(
                f"{self._lines.path} cannot be written any more ({error.strerror or error}):"
                " the training goes on without it",
                LogStopped,
                stacklevel=2,
            )


class NetworkLog(AbstractContextManager["NetworkLog"]):
    """Tells of one of several networks in the file of a run that is begun already."""

    def __init__(self, run: RunLog, number: int) -> None:
        self._run, self._number = run, number

    def __exit__(self, *_: object) -> None:
        """The run goes on."""

    def begin(
        self, loop: Loop, settings: Mapping[str, Any], data: Callable[[], Mapping[str, Any]]
    ) -> Callback:
        """Say how the network is trained; what is to be called after each epoch."""
        self._run._append(line({"network": self._number, **settings, "engine": _engine(loop)}))
        return self._run._epochs(loop, self._number)

    def end(self, result: Result) -> None:
        """Say how its training ended."""
        self._run._append(line({"network": self._number, "status": result.status}))


def _epoch(which: str, epoch: int, row: tuple[float, float, float, float]) -> str:
    loss, validation_loss, rate, seconds = map(number, row)
    return (
        f'{{{which}"epoch": {epoch}, "loss": {loss}, "validation_loss": {validation_loss},'
        f' "learning_rate": {rate}, "seconds": {seconds}}}'
    )


def _engine(loop: Loop) -> dict[str, Any]:
    engine = loop.engine
    return {"name": engine.name, "isa": engine.isa, "threads": engine.threads}


def _ended(error: BaseException | None) -> dict[str, Any]:
    """How a run ended that an error ended; nothing where none did."""
    match error:
        case None:
            return {}
        case DivergenceError():
            status = "diverged"
        case KeyboardInterrupt():
            status = "interrupted"
        case _:
            status = "failed"
    return {"status": status, "error": f"{type(error).__name__}: {error}"[:_LETTERS]}
