"""The rows that all lanes learn from, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.activations import Activation
from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.explanation.subject import Subject, encoded_rows
from chainrule.network import Layer, Network
from chainrule.tables import SHAPES, Encoder, Table, TargetEncoder, builtin
from chainrule.training.problem import Problem
from chainrule.web import limits
from chainrule.web.experiment import Data, Net

Find = Callable[[str], Table]  # from a digest to the table of a file


@dataclass(frozen=True)
class Scene:
    """What is learned, as matrices.

    Attributes:
        title: what the data are called.
        X, t: the rows to learn from, (n, d), and what they should lead to, as `losses.targets` gives it.
        validation: other rows and targets, or None.
        aside: the columns that these rows were made of, or None.
        inputs: the names of the d numbers of a row.
        target: what the outputs mean.
        encoder: what made X of a table's columns; None for points in the plane, which go in as they are.
        features: the columns that X was made of.
        labels: of each row, what the target's column says.
    """

    title: str
    X: Array
    t: Array
    validation: tuple[Array, Array] | None
    aside: Table | None
    inputs: tuple[str, ...]
    target: TargetEncoder
    encoder: Encoder | None
    features: Table
    labels: tuple[str, ...]

    @classmethod
    def of(cls, data: Data, find: Find) -> Scene:
        """The scene that an experiment describes.

        Args:
            data: the experiment's.
            find: from the digest of a file to its table; raises UnknownName for one that is not there.

        Raises:
            ChainruleError: the table or its target cannot be used; the text says why.
        """
        if data.file:
            return _of_table(data, find(data.file))
        if data.name in SHAPES:
            return _of_shape(data)
        return _of_table(data, builtin(data.name))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of their numbers; none where numbers are learned."""
        return tuple(map(str, self.target.classes))

    @property
    def outputs(self) -> int:
        """How many numbers a network gives: one for two classes, as many as there are for more."""
        return _loss_of(self.target)[1]

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """(n,), the number of each row's class, or what is to be learned in its own unit."""
        return self._in_its_unit(self.t)

    @property
    def values_aside(self) -> npt.NDArray[np.float64]:
        """The same of the rows that validate; none without them."""
        return self._in_its_unit(self.t[:0] if self.validation is None else self.validation[1])

    def _in_its_unit(self, t: Array) -> npt.NDArray[np.float64]:
        return np.asarray(self.target.mean + self.target.spread * t[:, 0].astype(np.float64))

    def network(self, net: Net, seed: int) -> Network:
        """The network that every lane begins with.

        Raises:
            ShapeError: weights of its own do not fit.
        """
        drawn = Network.of_sizes(
            [self.X.shape[1], *net.hidden, self.outputs],
            activation=net.activations,
            output=losses.get(self.loss).link or "identity",
            seed=seed,
            initializer=net.initializer,
        )
        if not net.weights:
            return drawn
        if len(net.weights) != len(drawn.layers):
            raise ShapeError(f"{len(drawn.layers)} layers, weights for {len(net.weights)}")
        given = [
            _layer(pair[0], pair[1], layer.activation) if pair else layer
            for pair, layer in zip(net.weights, drawn.layers, strict=True)
        ]
        made = Network(given)
        if made.sizes != drawn.sizes:
            raise ShapeError(f"the network is {_by(drawn.sizes)}, the weights are for {_by(made.sizes)}")  # fmt: skip
        return made

    @property
    def loss(self) -> str:
        """The loss that goes with the outputs."""
        return _loss_of(self.target)[0]

    def subject(self, network: Network, row: int) -> Subject:
        """One of the rows, counted from 0, as a network sees it."""
        return self._subject(network, self.X[row : row + 1], self.t[row : row + 1], row)

    def place(self, network: Network, x: Array) -> Subject:
        """Any row (1, d), of which it is not known what it should lead to."""
        return self._subject(network, x, None, None)

    def _subject(self, network: Network, X: Array, t: Array | None, row: int | None) -> Subject:
        labels = () if row is None else (self.labels[row],)
        numbers = np.array([1 if row is None else self.features.row_number(row)])
        if self.encoder is not None:
            return encoded_rows(
                network, self.loss, self.encoder, self.target,
                X=X, t=t, labels=labels, numbers=numbers,
            )  # fmt: skip
        return Subject(
            network=network,
            loss=self.loss,
            X=X,
            t=t,
            inputs=self.inputs,
            columns=self.inputs,
            column_of=np.arange(len(self.inputs)),
            classes=self.classes,
            target=self.target.name,
            labels=labels,
            numbers=numbers,
        )


def _of_shape(data: Data) -> Scene:
    """Points in the plane, which go into the network as they are; a second draw validates."""
    table = builtin(data.name, data.rows, data.noise, data.seed)
    fresh = builtin(data.name, data.rows, data.noise, data.seed + 1)
    # A few points may lack a class: many have them all.
    classes = np.unique(builtin(data.name)["class"]).astype(int).tolist()
    target = TargetEncoder("class", "classification", tuple(classes))
    points, y = _points(table, data, len(classes))
    X, t = _matrices(points, y, target)
    others = _points(fresh, Data(), len(classes)) if data.validation else None
    labels = tuple(str(int(label)) for label in y)
    return Scene(
        title=data.name,
        X=X,
        t=t,
        validation=others and _matrices(*others, target),
        aside=others and _columns(others[0]),
        inputs=("x1", "x2"),
        target=target,
        encoder=None,
        features=_columns(points),
        labels=labels,
    )


def _columns(points: npt.NDArray[np.float64]) -> Table:
    return Table({"x1": points[:, 0], "x2": points[:, 1]})


def _matrices(X: npt.ArrayLike, y: npt.ArrayLike, target: TargetEncoder) -> tuple[Array, Array]:
    """Rows and targets as the engine takes them."""
    rows: Array = np.ascontiguousarray(X, np.float32)
    return rows, losses.targets(y, *_loss_of(target), "float32")


def _points(
    table: Table, data: Data, classes: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A shape's points with those added by hand and less those taken away: (n, 2) and (n,)."""
    rows = np.column_stack([table["x1"], table["x2"], table["class"]]).astype(np.float64)
    rows = np.concatenate([rows, np.array(data.added, np.float64).reshape(-1, 3)])
    wrong = [y for *_, y in data.added if y not in range(classes)]
    if wrong:
        raise InvalidValue(f"there is no class {wrong[0]:g}: {data.name} has {classes}, from 0")
    kept = np.ones(len(rows), bool)
    beyond = [i for i in data.removed if i >= len(rows)]
    if beyond:
        raise InvalidValue(f"there is no point {beyond[0]} to take away: there are {len(rows)}")
    kept[list(data.removed)] = False
    if not kept.any():
        raise InvalidValue("there is no point left to learn from")
    return rows[kept, :2], rows[kept, 2]


def _of_table(data: Data, table: Table) -> Scene:
    """A table's rows, encoded; a share of them validates."""
    if data.added or data.removed:
        raise InvalidValue("points are added to the shapes, not to a table")
    target = data.target if data.target is not None else table.names[-1]
    if target not in table:
        raise UnknownName(f"{data.name} has no column {target!r}")
    problem = Problem.of(table, target, validation=data.validation, seed=data.seed)
    if len(problem.target.classes) > limits.CLASSES:
        raise InvalidValue(f"{target!r} has {len(problem.target.classes)} classes, {limits.CLASSES} are the most here")  # fmt: skip
    if len(problem.X) < 2:
        raise InvalidValue("there are too few rows to learn from")
    X, t = _matrices(problem.X, problem.y, problem.target)
    checked = problem.validation
    return Scene(
        title=data.name,
        X=X,
        t=t,
        validation=None if checked is None else _matrices(*checked, problem.target),
        aside=None if problem.check is None else problem.check.features,
        inputs=tuple(problem.encoder.feature_names),
        target=problem.target,
        encoder=problem.encoder,
        features=problem.learn.features,
        labels=tuple(_spelled(label) for label in problem.learn.target.tolist()),
    )  # fmt: skip


def _loss_of(target: TargetEncoder) -> tuple[str, int]:
    """The loss, and the number of outputs."""
    match len(target.classes):
        case 0:
            return "squared_error", 1
        case 2:
            return "binary_cross_entropy", 1
        case k:
            return "cross_entropy", k


def _layer(W: Any, b: Any, activation: Activation) -> Layer:
    """A layer whose weights are given.

    Raises:
        ShapeError: the rows of W are not of one length.
    """
    if len({len(row) for row in W}) > 1:
        raise ShapeError("the rows of W are of one length")
    return Layer(np.array(W, np.float32, ndmin=2), np.array(b, np.float32), activation)


def _spelled(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))
