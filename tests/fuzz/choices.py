"""Bytes as a row of choices: what calls a function with odd arguments takes its bytes for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Choices that bytes make, one after another; all are 0 once the bytes are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, count: int) -> int:
        """A number from 0 to count − 1."""
        pair = self._data[self._at : self._at + 2]
        self._at += 2
        return int.from_bytes(pair, "little") % count

    def of(self, among: Sequence[T]) -> T:
        """One of some things."""
        return among[self.below(len(among))]

    def mostly(self, usual: T, among: Sequence[T], share: int = 8) -> T:
        """What is usual, but one time in `share` one of some other things."""
        return among[self.below(len(among))] if self.below(share) == share - 1 else usual
