"""Ctrl-C and SIGTERM: both end a training so that it keeps what it has."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

_AGAIN = 1.0  # seconds in which a signal counts once: some senders send it twice


class Signals:
    """What came while a training ran.

    Attributes:
        number: of the last signal; SIGINT if there was none.
    """

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self._until = 0.0

    @property
    def code(self) -> int:
        """The exit code that says so: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.number

    def take(self, number: int, _: object) -> None:
        """Note a signal.

        Raises:
            KeyboardInterrupt: always, unless the signal has just come.
        """
        now = monotonic()
        if now < self._until:
            return
        self.number, self._until = number, now + _AGAIN
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Signals]:
    """SIGINT and SIGTERM raise KeyboardInterrupt in here; afterwards they do what they did before.

    A signal that is ignored stays ignored, as in what nohup starts. Only the main thread hears signals.
    """
    signals = Signals()
    heard = threading.current_thread() is threading.main_thread()
    found = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)} if heard else {}
    before = {n: handler for n, handler in found.items() if handler is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, signals.take)
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
