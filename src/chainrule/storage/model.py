"""What a training leaves: a network with everything that a prediction needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import Array
from chainrule.errors import DataError, InvalidValue, ShapeError
from chainrule.losses import Quantile
from chainrule.network import Network
from chainrule.plan import Plan
from chainrule.storage.trained import Trained
from chainrule.tables import Encoder, Table, TargetEncoder
from chainrule.tables.target import Label, Task
from chainrule.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chainrule.explanation import Explanation, Subject
    from chainrule.explanation.attribution import Attribution
    from chainrule.explanation.health import Health
    from chainrule.explanation.verification import Verification

RowNumber: TypeAlias = Callable[[int], int]
Summary: TypeAlias = dict[str, Any]

# The root names every room, if only for type checkers: importing from it would be an arrow upwards.

_CLASS_LOSSES = ("binary_cross_entropy", "cross_entropy")
_DEPTH = 8  # levels of lists and objects in a summary


@dataclass(eq=False)
class Model:
    """A network, how it was trained, and what turns a table into its rows and its outputs into
    answers; or several networks, whose answers are averaged.

    Two models are equal if their files would be.

    Attributes:
        network: the first network's layers; may be trained on, the next prediction sees it.
        plan: how it was trained.
        encoder: from a table to rows; None where the network takes rows as they are.
        target: from outputs to labels, or to numbers in their own unit; None where the answer is a
            class number, or what the network gives.
        history: a summary of the training, in JSON's terms; see `plain`.
        engine: what trained it: name, reason, instruction set, threads; also in JSON's terms.
        version: of the library that trained it.
        share: of the first network in the answer.
        others: the other networks, each with its plan and its share; the shares' sum is 1.

    Raises:
        ShapeError, InvalidValue: the parts contradict each other.
    """

    network: Network
    plan: Plan = field(repr=False)
    encoder: Encoder | None = field(default=None, repr=False)
    target: TargetEncoder | None = None
    history: Summary = field(default_factory=dict, repr=False)
    engine: Summary = field(default_factory=dict, repr=False)
    version: str = __version__
    share: float = 1.0
    others: tuple[Trained, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        self._first = Trained(self.network, self.plan, self.share)
        self.history, self.engine = plain(self.history), plain(self.engine)
        _check_others(self.members)
        if self.encoder is not None and self.encoder.width != self.plan.layer_sizes[0]:
            raise ShapeError(
                f"the encoder makes rows of {self.encoder.width} numbers, "
                f"the network takes {self.plan.layer_sizes[0]}"
            )
        if self.target is not None:
            _check_target(self.target, self.plan)

    @classmethod
    def of(cls, network: Network) -> Model:
        """The model of a network alone; its plan is the one that training it would begin with."""
        return cls(network, Plan.of(network, losses.default(network.activations[-1]).name))

    @property
    def task(self) -> Task:
        """What the model does; without a target's encoder, what its loss is for."""
        if self.target is not None:
            return self.target.task
        return "classification" if self.plan.loss in _CLASS_LOSSES else "regression"

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels, in the order of the columns of `predict_probability`.

        Without a target's encoder they are the numbers 0 … k−1 that the loss takes. There are none
        where numbers are learned, and where each output answers a question of its own.
        """
        if self.target is not None:
            return self.target.classes
        k = self.plan.layer_sizes[-1]
        if self.plan.loss == "cross_entropy":
            return tuple(range(k))
        return (0, 1) if self.plan.loss == "binary_cross_entropy" and k == 1 else ()

    @property
    def target_name(self) -> str | None:
        """The name of the column that was learned."""
        return self.target.name if self.target is not None else None

    @property
    def fallback_reason(self) -> str | None:
        """Why predictions come from the reference, not the compiled engine; None where they do not."""
        reasons = (member.fallback_reason for member in self.members)
        return next((reason for reason in reasons if reason), None)

    @property
    def members(self) -> tuple[Trained, ...]:
        """Its networks, the first one first."""
        first = self._first
        if first.network is not self.network or first.plan is not self.plan:
            first = self._first = Trained(self.network, self.plan, self.share)
        return first, *self.others

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the quantiles that it predicts; none where it predicts something else."""
        loss = losses.get(self.plan.loss)
        return loss.levels if isinstance(loss, Quantile) else ()

    @property
    def middle(self) -> int:
        """Which of `levels`, from 0, is nearest to the median's."""
        return int(np.abs(np.subtract(self.levels, 0.5)).argmin())

    def member(self, number: int) -> Model:
        """The model of one of its networks alone.

        Args:
            number: from 1.

        Raises:
            InvalidValue: there is no such network.
        """
        count = len(self.members)
        if not 1 <= number <= count:
            raise InvalidValue(f"the model has networks 1 to {count}, there is none {number}")
        one = self.members[number - 1]
        return replace(self, network=one.network, plan=one.plan, share=1.0, others=())

    def predict(self, data: object) -> npt.NDArray[Any]:
        """Labels, or numbers in their own unit.

        Args:
            data: with an encoder: a DataFrame, a mapping of columns, a Table, or a 2-D array with
                the columns of the training data in their order, the target's column left out.
                Without: rows, (n, d).

        Returns:
            (n,), of quantiles the one nearest to the median; for several numbers a row (n, k), and
            for several outputs under binary_cross_entropy (n, k) of 0 and 1.

        Raises:
            DataError: the table does not fit the training data (as `Encoder.transform`), or a row
                leads to numbers that are not finite.
            ShapeError, InvalidValue: the rows are not (n, d), or no numbers.
        """
        if self.task == "regression":
            z = self._outputs(data)
            if self.levels:
                z = z[:, [self.middle]]
            answers = z[:, 0] if z.shape[1] == 1 else z
            return answers if self.target is None else self.target.decode(answers.astype(float))
        p = self.predict_probability(data)
        if not self.classes:
            return (p > 0.5).astype(np.int64)
        numbers = p.argmax(axis=1)
        return numbers if self.target is None else self.target.decode(numbers)

    def predict_probability(self, data: object) -> Array:
        """The probability of each class, shape (n, classes), in the order of `classes`.

        Several outputs under binary_cross_entropy have a probability of their own each.

        Args:
            data: as `predict`.

        Raises:
            InvalidValue: the model predicts numbers.
            DataError, ShapeError, InvalidValue: as `predict`.
        """
        if self.task != "classification":
            raise InvalidValue("this model predicts numbers, not classes: it has no probabilities")
        p = self._outputs(data)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_quantiles(self, data: object) -> npt.NDArray[Any]:
        """The quantiles of the target at each of `levels`, (n, levels), ascending.

        Args:
            data: as `predict`.

        Raises:
            InvalidValue: the model did not learn quantiles.
            DataError, ShapeError, InvalidValue: as `predict`.
        """
        if not self.levels:
            raise InvalidValue(f"this model learned by {self.plan.loss}: it predicts no quantiles")
        z = self._outputs(data).astype(float)
        return z if self.target is None else self.target.decode(z)

    def explain(
        self, data: object, rows: int | Sequence[int] = 1, layer: int | None = None
    ) -> Explanation:
        """Every matrix on the way from rows of a table to their loss, and on the way back.

        Args:
            data: as `predict`; with the target's column there is a way back.
            rows: the number of the row, from 1, or of a few.
            layer: the lecture's number of the one layer to show; all without it.

        Raises:
            InvalidValue: there is no such row or layer.
            DataError: the table does not fit the training data.
        """
        from chainrule.explanation import explain_subject

        return explain_subject(self._seen(data, [rows] if isinstance(rows, int) else rows), layer)

    def attribute(
        self,
        data: object,
        row: int = 1,
        output: int | str | None = None,
        baseline: str | None = None,
        of: str | None = None,
    ) -> Attribution:
        """What the answer for a row of a table rests on, column by column.

        Args:
            data: as `predict`.
            row: its number, from 1.
            output: the class, by its name or number from 0; the one that the model says without it.
            baseline: "mean" of the rows, "zero", or "row:5"; the mean without it, and zero where
                there is one row only.
            of: of a class the "probability", as without it, or the "logit".

        Raises:
            InvalidValue: there is no such row, baseline or output, or the integral was not reached.
            UnknownName: no class is called so.
            DataError: the table does not fit the training data.
        """
        from chainrule.explanation.attribution import attribute_table

        table = self._seeable(data)
        return attribute_table(self, table, row, output=output, baseline=baseline, of=of)

    def verify(self, data: object, tolerance: float = 1e-6) -> Verification:
        """The gradient on a table with targets in independent ways: see `verify_gradients`."""
        from chainrule.explanation.verification import verify_subject

        return verify_subject(self._seen(data), tolerance=tolerance)

    def health(self, data: object) -> Health:
        """Units that do no work and gradients that do not arrive, on a table's rows: see `examine`."""
        from chainrule.explanation.health import examine_subject

        return examine_subject(self._seen(data))

    def draw(
        self,
        data: object,
        what: str = "network",
        *,
        layer: int | None = None,
        unit: int | None = None,
        size: str = "page",
    ) -> Figure:
        """A picture of the network and the rows of a table: as `Network.draw`."""
        from chainrule.explanation.drawing import draw_subject

        return draw_subject(self._seen(data), what, layer=layer, unit=unit, size=size)

    def _seeable(self, data: object) -> Table:
        return Table.of(data) if self.encoder is None else self._table(data, self.encoder)

    def _seen(self, data: object, rows: Sequence[int] | None = None) -> Subject:
        """The rows of a table as the network sees them."""
        from chainrule.explanation import Subject

        return Subject.of(self, self._seeable(data), rows=rows)

    def __eq__(self, other: object) -> bool:
        """Whether the two predict the same and say the same of themselves."""
        if not isinstance(other, Model):
            return NotImplemented
        return self._parts() == other._parts() and all(
            a.same(b) for a, b in zip(self.members, other.members, strict=True)
        )

    def _parts(self) -> tuple[object, ...]:
        parts = self.encoder, self.target, self.history, self.engine, self.version
        return *parts, len(self.members)

    def _outputs(self, data: object) -> Array:
        """The mean of the networks' outputs for each row by their shares, (n, k), finite."""
        X, row_number = self._rows(data)
        first, *others = self.members
        z = first.outputs(X)
        if others:
            z = z * z.dtype.type(first.share)
            for other in others:
                z += z.dtype.type(other.share) * other.outputs(X)
        if not np.isfinite(z).all():
            row = row_number(int(np.argwhere(~np.isfinite(z))[0, 0]))
            raise DataError(f"row {row} leads to numbers that are not finite")
        return z

    def _rows(self, data: object) -> tuple[Array, RowNumber]:
        if self.encoder is not None:
            table = self._table(data, self.encoder)
            ignore = () if self.target is None else (self.target.name,)
            return self.encoder.transform(table, self.plan.dtype, ignore), table.row_number
        width = self.plan.layer_sizes[0]
        if isinstance(data, (Mapping, Table)):
            raise InvalidValue(f"this model knows no columns: it takes rows of {width} numbers")
        X = np.asarray(data)
        if X.ndim != 2:
            raise ShapeError(f"data are rows (n, {width}), got shape {X.shape}")
        return self.network.rows(X), lambda i: i + 1

    def _table(self, data: object, encoder: Encoder) -> Table:
        """The data as a table; the columns of an array are those of the training data, in order."""
        table = Table.of(data)
        if not isinstance(data, (np.ndarray, list, tuple)):
            return table
        names = [feature.name for feature in encoder.features]
        if len(names) != len(table.names):
            raise ShapeError(f"the training data had {len(names)} columns, got {len(table.names)}")
        return Table(dict(zip(names, table.columns.values(), strict=True)))


def plain(value: Any, depth: int = _DEPTH) -> Any:
    """A summary in JSON's terms: tuples and arrays are lists, what is not finite is None.

    Raises:
        InvalidValue: it holds something that JSON has no word for, or nests too deep.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth and isinstance(value, (list, tuple)):
        return [plain(item, depth - 1) for item in value]
    if depth and isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(item, depth - 1) for key, item in value.items()}
    raise InvalidValue(
        f"a summary holds numbers, texts, lists and dicts, up to {_DEPTH} deep; "
        f"not {type(value).__name__}"
    )


def _check_others(members: tuple[Trained, ...]) -> None:
    """Hold the networks' shares, and what they take, give and learn, against each other's."""
    total = math.fsum(member.share for member in members)
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise InvalidValue(f"the shares of a model's networks add up to 1, got {total:g}")
    first, *others = (member.plan for member in members)
    for plan in others:
        for what, has, wanted in (
            ("inputs", plan.layer_sizes[0], first.layer_sizes[0]),
            ("outputs", plan.layer_sizes[-1], first.layer_sizes[-1]),
            ("the loss", plan.loss, first.loss),
            ("the type", plan.dtype, first.dtype),
        ):
            if has != wanted:
                raise ShapeError(f"a model's networks are alike: {what} {has} and {wanted}")


def _check_target(target: TargetEncoder, plan: Plan) -> None:
    outputs, classes = plan.layer_sizes[-1], len(target.classes)
    if not math.isfinite(target.mean) or not 0 < target.spread < math.inf:
        raise InvalidValue(f"no target has mean {target.mean} and spread {target.spread}")
    if target.task == "regression":
        loss = losses.get(plan.loss)
        if outputs != (len(loss.levels) if isinstance(loss, Quantile) else 1):
            raise ShapeError(f"the target is one number, the network gives {outputs}")
    elif plan.loss not in _CLASS_LOSSES:
        raise InvalidValue(
            f"classes are learned with {' or '.join(_CLASS_LOSSES)}, not {plan.loss}"
        )
    elif outputs != (1 if plan.loss == "binary_cross_entropy" and classes == 2 else classes):
        raise ShapeError(
            f"the target has {classes} classes, the network {outputs} outputs under {plan.loss}"
        )
