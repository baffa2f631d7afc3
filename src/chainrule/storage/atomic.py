"""A file is the old one or the new one, never half of it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chainrule.errors import InvalidValue, MissingFile, ModelFileError


def check_target(path: str | os.PathLike[str]) -> Path:
    """The file that would be written under a name, links followed.

    Raises:
        MissingFile: its folder is not there.
        InvalidValue: the name is that of a folder or a device.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise MissingFile(
            f"{os.fspath(path)} cannot be written: there is no folder {target.parent}"
        )
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        raise InvalidValue(f"{os.fspath(path)} cannot be written: it is a folder or a device")
    return target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file that takes the place of another, or of none, when all is written.

    The bytes go into a temporary file in the same folder, on to the disk, and then under the name.
    Whatever is raised meanwhile, the temporary file goes, and what was there stays as it was. The
    new file has the permissions of the old one.

    Raises:
        MissingFile, InvalidValue: as `check_target`.
        OSError: the system refuses.
    """
    target = check_target(path)
    temporary = target.with_name(f"{_mark(target)}{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def write(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file; until it is whole, what was there stays.

    Raises:
        MissingFile, InvalidValue: as `check_target`.
        ModelFileError: the system refuses.
    """
    try:
        with replacing(path) as file:
            file.write(content)
    except MissingFile:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(f"{os.fspath(path)}: it cannot be written ({reason})") from error
    return Path(path)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files of a target that processes left when they were killed.

    Args:
        target: as `check_target` gives it; nobody else may be writing it.
    """
    for left in target.parent.glob(f"{_mark(target)}*.tmp"):
        left.unlink(missing_ok=True)


def _mark(target: Path) -> str:
    """What the names of a target's temporary files begin with; short, for the target's own may be long."""
    return f".chainrule-{hashlib.blake2b(os.fsencode(target.name), digest_size=4).hexdigest()}-"


def sync_folder(folder: Path) -> None:
    """Bring a new name in the folder on to the disk."""
    if os.name == "nt":  # no folder can be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
