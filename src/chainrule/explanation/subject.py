"""What is explained: rows of a table, as the network of a model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import Array
from chainrule.errors import ChainruleError, DataError, InvalidValue, ShapeError, unknown
from chainrule.network import Network
from chainrule.storage import Model
from chainrule.tables import Encoder, Table, TargetEncoder
from chainrule.tables.kinds import kind_of, missing
from chainrule.tables.scaling import as_numbers

if TYPE_CHECKING:
    from chainrule.training.problem import Problem


@dataclass(frozen=True)
class Subject:
    """Rows, with the names that belong to their numbers.

    Attributes:
        network: what they go through.
        loss: the name of the loss that is explained.
        X: (n, d), of the network's type.
        t: what they should lead to, as `losses.targets` gives it; None where that is not known.
        inputs: the names of the d numbers of a row.
        columns: the columns of the table that these come from, each once.
        column_of: (d,), for each number of a row the index of its column.
        classes: the labels, in the order of the classes' numbers; none where numbers are learned.
        target: the name of the target's column; None where it has none.
        labels: of each row, what the target's column says; empty where that is not known.
        numbers: (n,), the rows' numbers in their table, from 1.
        mean, spread: an output z stands for mean + spread·z in the target's own unit; 0 and 1 for
            classes, and for a network alone.
        encoder: what made X of the table's columns; None where they went in as they stand.
    """

    network: Network
    loss: str
    X: Array
    t: Array | None
    inputs: tuple[str, ...]
    columns: tuple[str, ...]
    column_of: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    target: str | None
    labels: tuple[str, ...]
    numbers: npt.NDArray[np.int64]
    mean: float = 0.0
    spread: float = 1.0
    encoder: Encoder | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        table: Table,
        target: str | None = None,
        loss: str | None = None,
        rows: Sequence[int] | None = None,
    ) -> Subject:
        """The rows of a table as a model's network sees them.

        A model that was fitted to a table knows its columns. A network alone takes the columns as
        they stand, all of them numbers; one more, the last, is the target.

        Args:
            model: whose network it is.
            table: with the target's column or without it.
            target: the name of the target's column, for a network alone.
            loss: its name, for a network alone; else the one that the model was trained with.
            rows: numbers of the rows that are taken, from 1; all of them without it. Where all are
                taken, those without a target are left out if others have one.

        Raises:
            DataError: the table does not fit, or a label is one that the model does not know.
            InvalidValue: there is no such row, or the loss does not go with the network.
            UnknownName: no column or loss is called so.
        """
        taken = _taken(table, rows)
        if model.encoder is None:
            return _of_network(model, taken, target, loss)
        return _of_model(model, taken, target, loss)

    @classmethod
    def of_rows(
        cls,
        network: Network,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        loss: str | None = None,
    ) -> Subject:
        """Rows as they are, without a table.

        Args:
            network: any.
            X: rows (n, d), or one (d,).
            y: what they should lead to, as `train` takes it.
            loss: its name; the one that goes with the output's activation without it.

        Raises:
            ShapeError, InvalidValue: X or y does not fit the network, or the loss its output.
            UnknownName: no loss is called so.
        """
        rows = np.atleast_2d(network.rows(X))
        name = loss or losses.default(network.activations[-1]).name
        losses.check_output(name, network.activations[-1])
        d, k = network.sizes[0], network.sizes[-1]
        said = None if y is None else np.atleast_1d(np.asarray(y))
        t = None if said is None else losses.targets(said, name, k, network.dtype)
        if t is not None and len(t) != len(rows):
            raise ShapeError(f"X has {len(rows)} rows, y has {len(t)}")
        inputs = tuple(f"x_{i + 1}" for i in range(d))
        return cls(
            network=network,
            loss=name,
            X=rows,
            t=t,
            inputs=inputs,
            columns=inputs,
            column_of=np.arange(d),
            classes=_class_numbers(name, k),
            target=None,
            labels=() if said is None else tuple(map(_spelled, said.tolist())),
            numbers=np.arange(1, len(rows) + 1),
        )

    @classmethod
    def of_problem(cls, problem: Problem, network: Network) -> Subject:
        """The rows that a network learned from, as a problem holds them."""
        loss, k = losses.default(network.activations[-1]).name, network.sizes[-1]
        return encoded_rows(
            network,
            loss,
            problem.encoder,
            problem.target,
            X=problem.X,
            t=losses.targets(problem.y, loss, k, network.dtype),
            labels=tuple(map(_spelled, problem.learn.target.tolist())),
            numbers=_numbers(problem.learn.features),
        )

    def some(self, count: int) -> Subject:
        """So many of the rows, evenly chosen; all of them where there are no more."""
        if len(self) <= count:
            return self
        chosen = np.linspace(0, len(self) - 1, count).astype(np.int64)
        return replace(
            self,
            X=self.X[chosen],
            t=None if self.t is None else self.t[chosen],
            labels=tuple(self.labels[i] for i in chosen) if self.labels else (),
            numbers=self.numbers[chosen],
        )

    def __len__(self) -> int:
        return len(self.X)


def _taken(table: Table, rows: Sequence[int] | None) -> Table:
    """The rows of these numbers, from 1."""
    if rows is None:
        return table
    for row in rows:
        if not 1 <= row <= len(table):
            raise InvalidValue(f"there is no row {row}: the table has rows 1 to {len(table)}")
    return table.take(np.array(rows, dtype=np.int64) - 1)


def _labelled(table: Table, target: str) -> Table:
    """The rows that have a target; all of them if none has."""
    known = ~missing(table[target])
    return table.take(known) if known.any() and not known.all() else table


def _of_model(model: Model, table: Table, target: str | None, loss: str | None) -> Subject:
    encoder, encoded = model.encoder, model.target
    assert encoder is not None
    if encoded is None:
        raise InvalidValue("the model knows its columns, but not its target: it is not whole")
    for what, asked, known in (("target", target, encoded.name), ("loss", loss, model.plan.loss)):
        if asked not in (None, known):
            raise InvalidValue(f"the model was trained with the {what} {known!r}, not {asked!r}")
    has_target = encoded.name in table
    if has_target:
        table = _labelled(table, encoded.name)
        has_target = not missing(table[encoded.name]).any()
    t, labels = None, np.array([], dtype=object)
    if has_target:
        labels = table[encoded.name]
        y = encoded.encode(labels, table.row_number)
        t = losses.targets(y, model.plan.loss, model.plan.layer_sizes[-1], model.plan.dtype)
    return encoded_rows(
        model.network,
        model.plan.loss_name,
        encoder,
        encoded,
        X=encoder.transform(table, model.plan.dtype, ignore=(encoded.name,)),
        t=t,
        labels=tuple(map(_spelled, labels.tolist())),
        numbers=_numbers(table),
    )


def encoded_rows(
    network: Network,
    loss: str,
    encoder: Encoder,
    target: TargetEncoder,
    *,
    X: Array,
    t: Array | None,
    labels: tuple[str, ...],
    numbers: npt.NDArray[np.int64],
) -> Subject:
    """Rows that went through an encoder, with the names and the unit that it knows."""
    kept = [feature for feature in encoder.features if feature.names]
    return Subject(
        network=network,
        loss=loss,
        X=X,
        t=t,
        inputs=tuple(encoder.feature_names),
        columns=tuple(feature.name for feature in kept),
        column_of=np.repeat(np.arange(len(kept)), [len(feature.names) for feature in kept]),
        classes=tuple(map(str, target.classes)),
        target=target.name,
        labels=labels,
        numbers=numbers,
        mean=target.mean,
        spread=target.spread,
        encoder=encoder,
    )


def _of_network(model: Model, table: Table, target: str | None, loss: str | None) -> Subject:
    network, name = model.network, loss or model.plan.loss_name
    losses.check_output(name, network.activations[-1])
    d, k = network.sizes[0], network.sizes[-1]
    if target is not None and target not in table:
        raise unknown("column", target, table.names)
    if target is None and len(table.names) == d + 1:
        target = table.names[-1]
    inputs = [column for column in table.names if column != target]
    if len(inputs) != d:
        raise DataError(
            f"the network takes rows of {d} numbers, the table has {len(table.names)} columns; "
            f"it needs {d}, or {d + 1} with the target as the last"
        )
    t, labels = None, np.array([], dtype=object)
    if target is not None:
        table = _labelled(table, target)
    if target is not None and not missing(table[target]).any():
        labels = table[target]
        t = _targets(table, target, name, k, network)
    return Subject(
        network=network,
        loss=name,
        X=np.stack([_column(table, column) for column in inputs], axis=1).astype(network.dtype),
        t=t,
        inputs=tuple(inputs),
        columns=tuple(inputs),
        column_of=np.arange(d),
        classes=_class_numbers(name, k),
        target=target,
        labels=tuple(map(_spelled, labels.tolist())),
        numbers=_numbers(table),
    )


def _targets(table: Table, target: str, loss: str, outputs: int, network: Network) -> Array:
    """The targets of a network alone: numbers, or the numbers of classes."""
    column = table[target]
    if kind_of(column) == "text":
        raise DataError(
            f"the network knows no label {column[0]!r}: for a network alone the target {target!r} "
            f"holds numbers{', those of the classes' if _class_numbers(loss, outputs) else ''}"
        )
    y = as_numbers(column, target, table.row_number)
    try:
        return losses.targets(y, loss, outputs, network.dtype)
    except ChainruleError as error:
        raise DataError(f"the target {target!r} does not fit: {error}") from error


def _class_numbers(loss: str, outputs: int) -> tuple[str, ...]:
    """The names of the classes of a network alone."""
    if loss == "cross_entropy":
        return tuple(map(str, range(outputs)))
    return ("0", "1") if loss == "binary_cross_entropy" and outputs == 1 else ()


def _column(table: Table, name: str) -> npt.NDArray[np.float64]:
    column = as_numbers(table[name], name, table.row_number)
    wrong = ~np.isfinite(column)
    if wrong.any():
        row = table.row_number(int(wrong.argmax()))
        raise DataError(f"column {name!r} must be finite, but row {row} holds {column[wrong][0]}")
    return column


def _numbers(table: Table) -> npt.NDArray[np.int64]:
    return np.array([table.row_number(i) for i in range(len(table))], dtype=np.int64)


def _spelled(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
