"""Progress on standard error: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import math
import sys
from time import perf_counter
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from chainrule.training.loop import Event

_LIVE, _PLAIN = 0.1, 2.0  # seconds between two updates


class Progress:
    """A callback that shows how the training goes.

    It looks at the clock after every epoch and writes ten times a second on a terminal, every two seconds elsewhere, so
    that it costs a training nothing that can be measured. `close` erases the live line and leaves one plain line.

    Args:
        rows: rows in an epoch, for the speed.
        stream: where to write; standard error by default.
    """

    def __init__(self, rows: int, stream: TextIO | None = None) -> None:
        self.rows = rows
        self.stream = stream if stream is not None else sys.stderr
        self.live = self.stream.isatty()
        self.every = _LIVE if self.live else _PLAIN
        self._next = perf_counter() + self.every
        self._bar: Bar | None = None
        self._last: Event | None = None  # the last event, while it is not written

    def __call__(self, event: Event) -> None:
        """Write the epoch's numbers, if it is time to."""
        self._last = event
        now = perf_counter()
        if now < self._next:
            return
        self._next = now + self.every
        if self.live:
            self._draw(event)
        else:
            self._write(event)

    def _draw(self, event: Event) -> None:
        self._bar = self._bar or self._started(event.epochs)
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=event.epoch, numbers=self.numbers(event))
        self._bar.refresh()

    def _write(self, event: Event) -> None:
        self._last = None
        line = f"epoch {event.epoch}/{event.epochs}  {self.numbers(event)}"
        print(line, file=self.stream, flush=True)

    def _started(self, epochs: int) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        bar = Bar(
            TextColumn("epoch {task.completed}/{task.total}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=Console(file=self.stream),
            auto_refresh=False,
            transient=True,
        )
        bar.add_task("", total=epochs, numbers="")
        bar.start()
        return bar

    def numbers(self, event: Event) -> str:
        """Loss, validation loss, learning rate and speed, in words."""
        parts = [f"loss {event.loss:.4g}"]
        if not math.isnan(event.validation_loss):
            parts.append(f"validation {event.validation_loss:.4g}")
        if not math.isnan(event.learning_rate):
            parts.append(f"rate {event.learning_rate:.3g}")
        parts.append(f"{_short(self.rows * event.epoch / event.seconds)} rows/s")
        return "  ".join(parts)

    def close(self) -> None:
        """Erase the live line and write the last epoch's numbers."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._last is not None:
            self._write(self._last)


def _short(number: float) -> str:
    """1234567 as 1.2M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"
