"""What is fed: a name, valid inputs and how they are damaged, and the function that takes the bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import ChainruleError, OutOfMemory

LONGEST_REFUSAL = 2000  # letters


@dataclass(frozen=True)
class Target:
    """Something that takes bytes from outside.

    Attributes:
        name: as `scripts/fuzz --target` takes it.
        make: an input, by chance.
        feed: takes an input and a folder that it may write to; refuses with a ChainruleError.
    """

    name: str
    make: Callable[[random.Random], bytes]
    feed: Callable[[bytes, Path], object]

    def input(self, seed: int, number: int) -> bytes:
        """The input of a number; the same seed gives the same inputs."""
        return self.make(random.Random(f"{self.name} {seed} {number}"))

    def takes(self, data: bytes, folder: Path) -> bool:
        """Whether an input is taken; False if it is refused in words.

        Raises:
            Exception: whatever else happens; a defect.
        """
        try:
            self.feed(data, folder)
        except ChainruleError as refusal:
            _check(refusal)
            return False
        return True


def _check(refusal: ChainruleError) -> None:
    """A refusal has words, not too many, and was not for want of memory, unless that is what it says."""
    words = str(refusal)
    if not words or len(words) > LONGEST_REFUSAL:
        raise AssertionError(f"a refusal of {len(words)} letters: {words[:200]!r}") from refusal
    cause: BaseException | None = None if isinstance(refusal, OutOfMemory) else refusal
    while cause is not None:
        if isinstance(cause, MemoryError):
            raise cause
        cause = cause.__cause__ or cause.__context__
