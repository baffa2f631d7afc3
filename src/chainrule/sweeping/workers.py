"""Processes that work on a sweep: their names, whether they live, and the lock that they share a journal by."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LOCKED = 15.0  # seconds after which the lock of a process elsewhere counts as forgotten
_POLL = 0.002


def this_process() -> str:
    """The name of this process among all on all machines: its host, its number, and when it began."""
    return f"{_host()}:{os.getpid()}:{_began(os.getpid())}"


def is_here(worker: str) -> bool:
    """Whether a process is one of this machine's."""
    return worker.rpartition(":")[0].rpartition(":")[0] == _host()


def lives(worker: str) -> bool:
    """Whether a process of this machine is still there, and no other under its number."""
    _, process, began = worker.rsplit(":", 2)
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _began(int(process)) == began


def _host() -> str:
    """This machine, or the container in it: where a process's number has a meaning."""
    namespace = Path("/proc/self/ns/pid")
    return f"{platform.node()}/{namespace.stat().st_ino if namespace.exists() else 0}"


def _began(process: int) -> str:
    """When a process began, in ticks since the machine did; nothing where there is no telling, or it is over."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    state, *numbers = status.rpartition(")")[2].split()
    return "" if state in "ZX" else numbers[18]


class Lock:
    """One process at a time writes to a journal.

    Among machines the lock is a symbolic link beside the journal, which network file systems make for one only, and
    which names its owner: an owner of this machine that died leaves it at once, one elsewhere after a while. Among the
    processes of a machine it is the system's own lock on a temporary file, for which they queue without asking again
    and again.
    """

    def __init__(self, path: Path) -> None:
        """For the journal of that name."""
        self._link = path.with_name(path.name + ".lock")
        key = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
        self._queue = (
            Path(tempfile.gettempdir()) / f"chainrule-{os.getuid() if fcntl else 0}-{key}.lock"
        )
        self._place: BinaryIO | None = None
        self._me = this_process()

    def __reduce__(self) -> tuple[type[Lock], tuple[Path]]:
        """In another process it has another owner."""
        return type(self), (self._link.with_name(self._link.name.removesuffix(".lock")),)

    def acquire(self) -> bool:
        """Wait for it."""
        if fcntl is not None:
            self._place = self._queue.open("ab")
            fcntl.flock(self._place, fcntl.LOCK_EX)
        try:
            self._link_up()
        except BaseException:
            self._leave_queue()
            raise
        return True

    def _link_up(self) -> None:
        """Wait for the link alone."""
        owner, since = "", monotonic()
        while True:
            try:
                return self._link.symlink_to(self._me)
            except FileExistsError:
                now = self._owner()
            if now != owner:
                owner, since = now, monotonic()
            if self._is_left(owner, since):
                self._remove()
            else:
                sleep(_POLL)

    def release(self) -> None:
        """Let the next one have it."""
        self._remove()
        self._leave_queue()

    def _owner(self) -> str:
        try:
            return os.readlink(self._link)
        except FileNotFoundError:
            return ""

    def _is_left(self, owner: str, since: float) -> bool:
        """Whether the link's owner is gone; where it is elsewhere, after a while without another owner."""
        if is_here(owner):
            return owner == self._me or not lives(owner)
        return bool(owner) and monotonic() - since > _LOCKED

    def _remove(self) -> None:
        self._link.unlink(missing_ok=True)

    def _leave_queue(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None
