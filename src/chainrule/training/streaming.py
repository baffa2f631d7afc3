"""Rows that are read as they are trained on: encoded block by block, and shuffled inside the blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule import chance, losses
from chainrule.arrays import Array, DType
from chainrule.errors import DataError, InvalidValue
from chainrule.tables import Encoder, Table, TargetEncoder
from chainrule.tables.kinds import missing
from chainrule.tables.row_groups import AT_ONCE, Piece, RowGroup, RowGroups, naming, read
from chainrule.tables.scaling import refuse

Indices: TypeAlias = npt.NDArray[np.int64]

SAMPLE = 200_000  # rows that the encoders are fitted on, and validation rows are taken from
TO_VALIDATE = 50_000  # about so many of these are validated on at most; they stay in memory
_TO_READ = 1 << 24  # about so many rows are read for the sample, of
_FEWEST_GROUPS = 64  # so many row groups at least
BLOCK = 65_536  # rows that are shuffled among each other, as far as they take
BLOCK_BYTES = 64 << 20  # so many bytes encoded
_VALIDATE, _SAMPLED = 1, 2  # words after the stream of a key, which keep its uses apart
_GROUPS, _ROWS = 2, 3


class Drawn:
    """Which rows are in the sample, and which of these are validated on.

    The sample is what encoders are fitted on: their means, spreads, categories and classes are
    those of the sample. A category that is not in it is encoded as an unseen one; a class that is
    not in it is an error (`Stream.count`).

    It has up to SAMPLE rows, spread evenly over the files, their row groups, and the rows of each.
    Row groups of about 16 million rows are read for it, 64 at least. All is drawn from the seed and
    the footers of all files, so that every process finds the same rows without asking the others.
    """

    def __init__(self, groups: RowGroups, validation: float, seed: int) -> None:
        """Take the row groups of all files, the share to validate on, and the seed."""
        to_read = _TO_READ * len(groups.groups) // len(groups)
        self.groups = groups.some(min(len(groups.groups), max(_FEWEST_GROUPS, to_read)))
        self._seed = seed
        ends = np.cumsum([0, *(group.rows for group in self.groups.groups)])
        ends = np.rint(ends * min(1.0, SAMPLE / ends[-1])).astype(int)
        counts = [int(end - start) for start, end in pairwise(ends)]
        self._counts = dict(zip(self.groups.groups, counts, strict=True))
        self._share = min(validation, TO_VALIDATE / int(ends[-1]))

    def sampled(self, group: RowGroup) -> Indices:
        """Which rows of a row group are in the sample: numbers from 0, rising.

        One is drawn from each of m equal stretches, m being the row group's part of the sample.
        """
        m = self._counts.get(group, 0)
        bounds = np.arange(m + 1) * group.rows // max(1, m)
        u = chance.uniform(m, self._key(_SAMPLED, group))
        return bounds[:-1] + (u * np.diff(bounds)).astype(np.int64)

    def checked(self, group: RowGroup) -> Indices:
        """Which of them are validated on: numbers from 0, rising."""
        sampled = self.sampled(group)
        return sampled[chance.uniform(len(sampled), self._key(_VALIDATE, group)) < self._share]

    def sample(self) -> tuple[Table, npt.NDArray[np.bool_]]:
        """Its rows, and which of them are validated on, (n,).

        Raises:
            DataError: a number is infinite; with the file and the row.
        """
        tables, marks = [], []
        for piece in read(self.groups.groups, self.groups.names):
            rows = piece.within(self.sampled(piece.group))
            table = piece.table.take(rows)
            with naming(piece.group):
                _refuse_infinite(table)
            tables.append(table)
            marks.append(np.isin(rows, piece.within(self.checked(piece.group))))
        return Table.joined(tables), np.concatenate(marks)

    def _key(self, use: int, group: RowGroup) -> int:
        return chance.key(self._seed, chance.Stream.SPLIT, use, group.first)


@dataclass(frozen=True)
class Stream:
    """The rows of one process, in an order of its own for each epoch.

    Its row groups are read in an order drawn for the epoch. As their rows come they are encoded and
    fill a block, whose rows are drawn in any order; then it is filled anew. So rows meet those of
    the same block alone: files whose rows are sorted should be mixed before.

    Attributes:
        groups: this process's.
        drawn: which rows are left out, as they are validated on.
        target: the encoder of the target.
        encoder: of the features.
        loss: the name of the loss.
        outputs: of the network.
        seed: of the order.
        dtype: of the numbers.
        rank: which process this is.
    """

    groups: RowGroups
    drawn: Drawn
    target: TargetEncoder
    encoder: Encoder
    loss: str
    outputs: int
    seed: int
    dtype: DType = "float32"
    rank: int = 0

    def count(self) -> int:
        """How many rows there are to train on: those with a target, and not validated on.

        The targets of all rows are read for it, the features of none.

        Raises:
            DataError: a target is none that the encoder knows; with the file and the row.
        """
        total = 0
        for piece in read(self.groups.groups, [self.target.name]):
            table = self._to_train(piece)
            self._targets(table, piece.group)
            total += len(table)
        return total

    def batches(self, epoch: int, size: int) -> Iterator[tuple[Array, Array]]:
        """Rows (size, d) and targets (size, 1); the last of them may be fewer.

        They depend on the seed, the epoch, the rank and the size, and on nothing that was read
        before.

        Args:
            epoch: from 0.
            size: rows of a batch.

        Raises:
            DataError: a row holds what the encoders do not know; with the file and the row.
            InvalidValue: size is below 1.
        """
        if size < 1:
            raise InvalidValue(f"a batch has 1 row or more, got {size}")
        for number, (X, t) in enumerate(self._blocks(epoch, size)):
            key = chance.key(self.seed, chance.Stream.ORDER, epoch, _ROWS, self.rank, number)
            order = chance.permutation(len(X), key)
            for first in range(0, len(X), size):
                rows = order[first : first + size]
                yield X[rows], t[rows]

    def _blocks(self, epoch: int, size: int) -> Iterator[tuple[Array, Array]]:
        """Encoded rows, as many whole batches at a time as make a block; the last may be short.

        All blocks are the same memory: a block is overwritten by the next.
        """
        block = max(1, self._most() // size) * size
        X = np.empty((block, self.encoder.width), self.dtype)
        t = np.empty((block, 1), self.dtype)
        filled = 0
        for X_new, t_new in self._encoded(epoch):
            first = 0
            while first < len(X_new):
                n = min(block - filled, len(X_new) - first)
                X[filled : filled + n] = X_new[first : first + n]
                t[filled : filled + n] = t_new[first : first + n]
                first, filled = first + n, filled + n
                if filled == block:
                    yield X, t
                    filled = 0
        if filled:
            yield X[:filled], t[:filled]

    def _most(self) -> int:
        """How many rows a block has at most."""
        row = (self.encoder.width + 1) * np.dtype(self.dtype).itemsize
        return max(1, min(BLOCK, BLOCK_BYTES // row))

    def _encoded(self, epoch: int) -> Iterator[tuple[Array, Array]]:
        key = chance.key(self.seed, chance.Stream.ORDER, epoch, _GROUPS, self.rank)
        order = chance.permutation(len(self.groups.groups), key)
        groups = (self.groups.groups[i] for i in order)
        columns = [*self.encoder.kinds, self.target.name]
        for piece in read(groups, columns, min(AT_ONCE, -(-self._most() // 4))):
            table = self._to_train(piece)
            yield self._features(table, piece.group), self._targets(table, piece.group)

    def _to_train(self, piece: Piece) -> Table:
        """The rows of a piece that have a target and are not validated on."""
        kept = ~missing(piece.table[self.target.name])
        kept[piece.within(self.drawn.checked(piece.group))] = False
        return piece.table if kept.all() else piece.table.take(kept)

    def _features(self, table: Table, group: RowGroup) -> Array:
        with naming(group):
            return self.encoder.transform(table, self.dtype, ignore=[self.target.name])

    def _targets(self, table: Table, group: RowGroup) -> Array:
        with naming(group):
            try:
                y = self.target.encode(table[self.target.name], table.row_number)
            except DataError as error:
                if self.target.task == "regression":
                    raise
                raise DataError(
                    f"{error}: these are the classes of a sample of the rows; rows of rarer classes"
                    " are left out where their target is empty"
                ) from error
        return losses.targets(y, self.loss, self.outputs, self.dtype)


def _refuse_infinite(table: Table) -> None:
    for name, column in table.columns.items():
        if column.dtype.kind == "f":
            refuse(np.isinf(column), column, name, table.row_number, "must be finite")
