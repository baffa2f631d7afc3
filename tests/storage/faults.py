"""A disk that fails: the calls of the system by which `replacing` writes, of which one answers with an error."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chainrule.storage import atomic

CALLS = ("open", "write", "fsync", "rename", "fsync of the folder")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


@contextmanager
def failing(call: str, number: int, after: int = 0) -> Iterator[list[str]]:
    """Let a call fail; what is given is the list of the calls that did.

    Args:
        call: one of CALLS.
        number: of the error.
        after: how many bytes are written before a write fails.
    """
    failed: list[str] = []

    def fail(this: str) -> None:
        if this == call:
            failed.append(call)
            raise OSError(number, os.strerror(number))

    class Disk(io.FileIO):
        def write(self, data: Any) -> int:
            room = after - self.tell()
            if call == "write" and room <= 0:
                fail("write")
            return super().write(memoryview(data)[:room] if call == "write" else data)

    def opened(path: Path, mode: str) -> io.BufferedWriter:
        fail("open")
        return io.BufferedWriter(Disk(path, mode.replace("b", "")))

    def synced(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        fail("fsync of the folder" if is_folder else "fsync")
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        fail("rename")
        replace(source, target)

    fsync, replace = os.fsync, os.replace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "open", opened, raising=False)
        patch.setattr(os, "fsync", synced)
        patch.setattr(os, "replace", renamed)
        yield failed
