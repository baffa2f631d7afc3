"""A table made ready for networks: encoded, and split into rows to learn from and rows to check on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array, DType
from chainrule.network import Network
from chainrule.tables import Encoder, Supervised, Table, TargetEncoder, split_target
from chainrule.tables.kinds import missing
from chainrule.training import rows


@dataclass(frozen=True)
class Problem:
    """What a network is to learn from a table.

    Attributes:
        encoder: of the features, fitted on the rows to learn from.
        target: the encoder of the target; its list of classes is taken from all rows.
        learn: the rows to learn from.
        check: other rows, to validate on, or None.
        X, y: `learn`, encoded: (n, d) and (n,).
        validation: `check`, encoded in the same way, or None.
        rows: how many of the table's rows have a target.
    """

    encoder: Encoder
    target: TargetEncoder
    learn: Supervised
    check: Supervised | None
    X: Array
    y: npt.NDArray[Any]
    validation: tuple[Array, npt.NDArray[Any]] | None
    rows: int

    @classmethod
    def of(
        cls,
        table: Table,
        target: str | None = None,
        task: str | None = None,
        validation: float = 0.2,
        held_out: Table | None = None,
        seed: int = 0,
        dtype: DType = "float32",
        encoder: Callable[[Table], Encoder] = Encoder.fit,
    ) -> Problem:
        """The problem that a table poses.

        Args:
            table: with the target among its columns.
            target: its name; the last column's without it.
            task: "classification" or "regression"; inferred from the target without it.
            validation: share of the rows set aside to validate on; 0 for none.
            held_out: other rows to validate on, instead of a share of the table's.
            seed: of the choice of these rows.
            dtype: of the matrices.
            encoder: fits one to a table without its target.

        Raises:
            ChainruleError: the table or the target cannot be used; the text says why.
        """
        given = split_target(table, target)
        return cls._made(given, *_parts(given, held_out, validation, seed), task, dtype, encoder)

    @classmethod
    def of_marked(
        cls,
        table: Table,
        target: str,
        checked: npt.NDArray[np.bool_],
        task: str | None = None,
        dtype: DType = "float32",
    ) -> Problem:
        """The same where it is marked which rows validate, (n,); none of them, or some."""
        given, marks = split_target(table, target), checked[~missing(table[target])]
        learn = _take(given, np.flatnonzero(~marks))
        check = _take(given, np.flatnonzero(marks)) if marks.any() else None
        return cls._made(given, learn, check, task, dtype)

    @classmethod
    def _made(
        cls,
        given: Supervised,
        learn: Supervised,
        check: Supervised | None,
        task: str | None,
        dtype: DType,
        fit: Callable[[Table], Encoder] = Encoder.fit,
    ) -> Problem:
        encoder, encoded = fit(learn.features), _target_encoder(given, learn, task)
        X, y = _matrices(learn, encoder, encoded, dtype)
        checked = None if check is None else _matrices(check, encoder, encoded, dtype)
        return cls(encoder, encoded, learn, check, X, y, checked, len(given.target))

    def network(self, hidden: Sequence[int], activation: str, seed: int) -> Network:
        """A fresh network: one logistic output for two classes, softmax for more, identity for numbers."""
        dtype: DType = "float64" if self.X.dtype == "float64" else "float32"
        return network_for(self.encoder, self.target, hidden, activation, seed, dtype)


def network_for(
    encoder: Encoder,
    target: TargetEncoder,
    hidden: Sequence[int],
    activation: str,
    seed: int,
    dtype: DType,
) -> Network:
    """The network of `Problem.network`, for what two encoders make."""
    classes = len(target.classes)
    return Network.of_sizes(
        [encoder.width, *hidden, classes if classes > 2 else 1],
        activation=activation,
        output={0: "identity", 2: "logistic"}.get(classes, "softmax"),
        seed=seed,
        dtype=dtype,
    )


def _parts(
    given: Supervised, held_out: Table | None, share: float, seed: int
) -> tuple[Supervised, Supervised | None]:
    """The rows to learn from, and those to validate on."""
    if held_out is not None:
        return given, split_target(held_out, given.name)
    if share == 0:
        return given, None
    learn, check = rows.split(len(given.target), share, seed)
    return _take(given, learn), _take(given, check)


def _take(given: Supervised, which: npt.NDArray[np.int64]) -> Supervised:
    return replace(given, features=given.features.take(which), target=given.target[which])


def _target_encoder(given: Supervised, learn: Supervised, task: str | None) -> TargetEncoder:
    encoded = TargetEncoder.fit(given.target, task, given.name, given.features.row_number)
    if encoded.task == "classification":
        return encoded
    row = learn.features.row_number
    return TargetEncoder.fit(learn.target, "regression", given.name, row)


def _matrices(
    part: Supervised, encoder: Encoder, target: TargetEncoder, dtype: DType
) -> tuple[Array, npt.NDArray[Any]]:
    X = encoder.transform(part.features, dtype)
    return X, target.encode(part.target, part.features.row_number)
