"""A file of lines that is whole at any moment, but for its last line."""

from __future__ import annotations

import errno
import os
import secrets
from datetime import datetime
from pathlib import Path
from threading import Lock

try:
    import fcntl
except ImportError:  # not a Unix system
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".jsonl"


class Lines:
    """A new file under a name of its own, to which lines are appended.

    A line is handed to the system in one call: a process that is killed loses none but the one
    that is being written, which the system may tear where a page of memory ends. The file is locked
    until it is closed: while the lock is held, somebody writes.

    Attributes:
        path: where it is.
        locked: whether the file system has locks.
    """

    def __init__(self, folder: Path, when: datetime) -> None:
        """Make the file, and the folder where there is none.

        Raises:
            OSError: the system does not let it be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{when:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}{SUFFIX}"
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
        self._one_at_a_time = Lock()  # networks are trained in threads of their own
        self._broken = False
        self.locked = _lock(self._file)

    def append(self, line: str) -> None:
        """Write a line, without its end; nothing after an error.

        Raises:
            OSError: it cannot be written, or nobody would find it, as the file was removed.
        """
        left = f"{line}\n".encode()
        with self._one_at_a_time:
            if self._broken:
                return
            self._broken = True
            if os.fstat(self._file).st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "the file was removed")
            while left:  # a second turn, on a full disk, says what is wrong
                left = left[os.write(self._file, left) :]
            self._broken = False

    def close(self) -> None:
        """Give the file and its lock away."""
        os.close(self._file)


def is_held(file: int) -> bool:
    """Whether another process, or another part of this one, holds the lock of an open file."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # the file system has no locks, as the file's first line says
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _lock(file: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            return False
        raise
    return True
