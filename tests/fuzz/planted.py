"""Targets that break on purpose: what the runner has to see."""

from __future__ import annotations

import ctypes
import random
import time
from pathlib import Path

from chainrule.errors import InvalidValue

from .target import Target


def _goes_wrong(data: bytes, folder: Path) -> None:
    """Break in a way that the first byte says."""
    match data[0]:
        case 1:
            ctypes.string_at(0)
        case 2:
            time.sleep(60)
        case 3:
            bytearray(1 << 31)
        case 4:
            raise KeyError("no words for the user")
        case 5:
            raise InvalidValue("")
        case 6:
            raise InvalidValue("x" * 10_000)
        case 7:
            try:
                bytearray(1 << 31)
            except MemoryError as error:
                raise InvalidValue("this is said, and for want of memory") from error
        case odd if odd % 2:
            raise InvalidValue("an odd number")


def _cannot(chance: random.Random) -> bytes:
    raise KeyError("no seeds")


TARGETS = {
    "wrong": Target("wrong", lambda chance: chance.randbytes(1), _goes_wrong),
    "broken": Target("broken", _cannot, _goes_wrong),
}
