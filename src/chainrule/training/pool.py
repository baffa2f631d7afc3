"""Many trainings at once: a thread for each core, one line of progress, and Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from threading import Event
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_LIVE, _PLAIN = 0.1, 2.0  # seconds between two updates

T = TypeVar("T")


class Pool:
    """Threads for trainings, which leave the interpreter alone while they train.

    Attributes:
        stop: set when everything is to end early.
    """

    def __init__(self, threads: int, progress: bool = False, stream: TextIO | None = None) -> None:
        """Start the threads.

        Args:
            threads: how many.
            progress: show how many trainings are done.
            stream: where; standard error by default.
        """
        self.stop = Event()
        self._executor = ThreadPoolExecutor(threads)
        self._line = _Line(stream or sys.stderr) if progress else None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the threads; after an error, without what has not begun."""
        if kind is not None:
            self.stop.set()
        self._executor.shutdown(cancel_futures=True)
        if self._line is not None:
            self._line.close()

    def run(self, what: str, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """The results of the jobs, in their order.

        Args:
            what: in a few words, for the line of progress.
            jobs: each is called once, on some thread.
        """
        futures = self._submitted(jobs)
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=_LIVE, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()  # an error ends it all
            if self._line is not None:
                self._line.show(what, len(futures) - len(waiting), len(futures))
        return [future.result() for future in futures]

    def _submitted(self, jobs: Sequence[Callable[[], T]]) -> list[Future[T]]:
        """The jobs on their way; none begins before all are.

        Ctrl-C while a thread is being started would leave one that the executor does not know of, and
        does not wait for: it finds `stop` set and does nothing.
        """
        all_are = Event()

        def gated(job: Callable[[], T]) -> T:
            all_are.wait()
            if self.stop.is_set():
                raise CancelledError
            return job()

        try:
            return [self._executor.submit(gated, job) for job in jobs]
        except BaseException:
            self.stop.set()
            raise
        finally:
            all_are.set()


class _Line:
    """How many of how many: a live line on a terminal, a plain one now and then elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.live = stream.isatty()
        self.every = _LIVE if self.live else _PLAIN
        self.next = perf_counter() + self.every
        self.bar: Bar | None = None

    def show(self, what: str, done: int, total: int) -> None:
        now = perf_counter()
        if now < self.next:
            return
        self.next = now + self.every
        if not self.live:
            print(f"{what}: {done} of {total}", file=self.stream, flush=True)
            return
        self.bar = self.bar or self._started()
        self.bar.update(self.bar.task_ids[0], description=what, completed=done, total=total)
        self.bar.refresh()

    def _started(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            console=Console(file=self.stream),
            auto_refresh=False,
            transient=True,
        )
        bar.add_task("", total=None)
        bar.start()
        return bar

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
