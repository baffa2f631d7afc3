"""The rows of a cache in groups that memory holds, in an order of their own for each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule import chance
from chainrule.arrays import Array
from chainrule.engines import Engine
from chainrule.errors import InvalidValue
from chainrule.training.cache import Cache

_USED = 0.8  # of the rest, for rows; what the system's allocator keeps is in neither
_ORDER = 48  # bytes of a row's place in the order, while that is drawn
_TO_CHECK = 0.15  # of the memory for rows, for those to validate on
_BLOCKS = 32  # in a group, at least as far as they have a whole batch each
_BLOCK_BYTES = 1 << 20  # of a block, about: it is read at once
_KEY_BLOCKS, _KEY_ROWS = 2, 3  # words of a key, which keep its uses apart


@dataclass(frozen=True)
class Groups:
    """The rows of a cache in groups that memory holds.

    Attributes:
        cache: the rows.
        batch: rows of a step.
        spare: bytes for rows.
        seed: of the orders.
    """

    cache: Cache
    batch: int
    spare: int
    seed: int

    @property
    def row(self) -> int:
        """Bytes of a row and its target."""
        return (self.cache.contents.encoder.width + 1) * self.cache.contents.size

    @property
    def whole(self) -> bool:
        """Whether memory holds all rows, those to validate on included."""
        contents = self.cache.contents
        return (contents.rows + contents.checked) * self.row <= _USED * self.spare

    @property
    def block(self) -> int:
        """Rows of a block, which are whole batches."""
        most = min(self._most // _BLOCKS, _BLOCK_BYTES // self.row)
        return max(1, most // self.batch) * self.batch

    @property
    def blocks(self) -> int:
        """Blocks of a group.

        Raises:
            InvalidValue: not even one.
        """
        found = self._most // self.block - 1  # the last group may have a short block besides
        if found < 1:
            raise InvalidValue(f"memory for {self._most:,} rows holds no batches of {self.batch:,}")
        return found

    @property
    def count(self) -> int:
        """How many groups there are."""
        if self.whole:
            return 1
        return max(1, -(-(self.cache.contents.rows // self.block) // self.blocks))

    @property
    def _most(self) -> int:
        return int((1 - _TO_CHECK) * _USED * self.spare / (self.row + _ORDER))

    def memory(self) -> tuple[Array, Array]:
        """Memory for the rows of a group, and their targets."""
        return self._rows((self.blocks + 1) * self.block)

    def orders(self, X: Array, t: Array) -> Callable[[int], Iterator[npt.NDArray[np.int64]]]:
        """From the number of an epoch to its groups: each is read into X and t; given is its order.

        The blocks of the file are dealt to the groups anew in each epoch; what is left of the rows
        after the last whole block is in the last group.
        """
        n, block, count, blocks = self.cache.contents.rows, self.block, self.count, self.blocks

        def groups(epoch: int) -> Iterator[npt.NDArray[np.int64]]:
            order = chance.permutation(n // block, self._key(epoch, _KEY_BLOCKS))
            for number in range(count):
                starts = (order[number * blocks : (number + 1) * blocks] * block).tolist()
                if number == count - 1:
                    starts.append(n - n % block)
                at = 0
                for start in starts:
                    end = at + min(block, n - start)
                    self.cache.read("", start, X[at:end], t[at:end])
                    at = end
                yield chance.permutation(at, self._key(epoch, _KEY_ROWS, number))

        return groups

    def _key(self, epoch: int, *words: int) -> int:
        return chance.key(self.seed, chance.Stream.ORDER, epoch, *words)

    def all(self, part: str = "") -> tuple[Array, Array]:
        """All rows of a part at once."""
        X, t = self._rows(self.cache.contents.shapes[f"{part}X"][0])
        self.cache.read(part, 0, X, t)
        return X, t

    def to_check(self) -> Iterator[tuple[Array, Array]]:
        """The rows to validate on, in pieces of one memory."""
        n = self.cache.contents.checked
        X, t = self._rows(min(n, max(1, int(_TO_CHECK * _USED * self.spare / (2 * self.row)))))
        for start in range(0, n, max(1, len(X))):
            count = min(len(X), n - start)
            self.cache.read("check.", start, X[:count], t[:count])
            yield X[:count], t[:count]

    def validation_loss(self, engine: Engine) -> float:
        """The mean loss over the rows to validate on."""
        total = sum(len(X) * engine.evaluate(X, t) for X, t in self.to_check())
        return total / self.cache.contents.checked

    def _rows(self, count: int) -> tuple[Array, Array]:
        contents = self.cache.contents
        return (
            np.zeros((count, contents.encoder.width), contents.dtype),
            np.zeros((count, 1), contents.dtype),
        )
