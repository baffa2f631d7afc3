"""What a page shows, as plain data: the address of the page holds it, and it says all that a run depends on."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Self, TypeVar

from chainrule.activations import ACTIVATIONS
from chainrule.errors import InvalidValue, unknown
from chainrule.initializers import INITIALIZERS
from chainrule.optimizers import OPTIMIZERS, BatchOptimizer
from chainrule.tables import BUILTIN
from chainrule.web import limits

# What steps batch by batch: L-BFGS decides over whole descents and cannot be stopped between two steps.
STEPPING: Mapping[str, BatchOptimizer] = MappingProxyType(
    {name: rule for name, rule in OPTIMIZERS.items() if isinstance(rule, BatchOptimizer)}
)
HIDDEN_ACTIVATIONS = tuple(name for name in ACTIVATIONS if name not in ("softmax", "exponential"))
_SEEDS = 2**32
_FAR = 1e6  # how far from 0 a point may lie that is added by hand

T = TypeVar("T")
Point = tuple[float, float, float]  # x_1, x_2 and the number of the class, or what is to be learned


@dataclass(frozen=True)
class Data:
    """What is learned.

    Attributes:
        name: a built-in table; or what a file was called.
        file: the digest of a file's content; empty for a built-in table.
        target: the column to learn; the last one without it.
        rows, noise, seed: of the shapes that are drawn at will.
        validation: share of a table's rows set aside; a shape is drawn a second time instead, unless
            it is 0.
        added: points added by hand.
        removed: the numbers, from 0, of the points taken away; those added by hand count on.
    """

    name: str = "moons"
    file: str = ""
    target: str | None = None
    rows: int = 500
    noise: float = 0.1
    seed: int = 0
    validation: float = 0.2
    added: tuple[Point, ...] = ()
    removed: tuple[int, ...] = ()

    @classmethod
    def of(cls, given: Given) -> Self:
        """As the page describes it."""
        file = given.text("file", "", 64)
        name = given.text("name", cls.name, 200)
        if not file and name not in BUILTIN:
            raise unknown("built-in table", name, BUILTIN)
        return cls(
            name=name,
            file=file,
            target=given.text_or_none("target", 1000),
            rows=given.whole("rows", cls.rows, 2, 5000),
            noise=given.number("noise", cls.noise, 0, 1),
            seed=given.whole("seed", cls.seed, 0, _SEEDS),
            validation=given.number("validation", cls.validation, 0, 0.9),
            added=given.each("added", limits.POINTS, _point),
            removed=given.each("removed", limits.POINTS + limits.ROWS, lambda v: _whole("removed", v, 0, limits.ROWS + limits.POINTS)),
        )  # fmt: skip


@dataclass(frozen=True)
class Net:
    """The network of every lane.

    Attributes:
        hidden: the sizes of the hidden layers, from input to output.
        activations: the activation of each.
        initializer: where the weights begin.
        dropout: share of each hidden layer's outputs that a step drops.
        weight_decay: λ; ½λΣW² is added to the loss.
        weights: (W, b) of each layer, from input to output, to begin with, or () for a layer whose
            weights the initializer draws; it draws all of them where there are none.
    """

    hidden: tuple[int, ...] = (20, 40, 20)
    activations: tuple[str, ...] = ("relu", "relu", "relu")
    initializer: str = "auto"
    dropout: float = 0.0
    weight_decay: float = 0.0
    weights: tuple[tuple[Any, ...], ...] = ()

    @classmethod
    def of(cls, given: Given) -> Self:
        """As the page describes it."""
        hidden = given.each("hidden", limits.LAYERS, lambda v: _whole("hidden", v, 1, limits.UNITS), cls.hidden)  # fmt: skip
        activations = given.each("activations", limits.LAYERS, _one_of("activation", HIDDEN_ACTIVATIONS), ("relu",) * len(hidden))  # fmt: skip
        if len(activations) != len(hidden):
            raise InvalidValue(f"{len(hidden)} hidden layers, {len(activations)} activations")
        return cls(
            hidden=hidden,
            activations=activations,
            initializer=given.one_of("initializer", cls.initializer, INITIALIZERS),
            dropout=given.number("dropout", cls.dropout, 0, 0.9),
            weight_decay=given.number("weight_decay", cls.weight_decay, 0, 10),
            weights=given.each("weights", limits.LAYERS + 1, _pair),
        )


@dataclass(frozen=True)
class Rule:
    """The optimizer of one lane.

    Attributes:
        optimizer: a name from `STEPPING`.
        learning_rate: α.
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.1

    @classmethod
    def of(cls, value: Any) -> Self:
        """As the page describes it."""
        given = Given.of("a lane", value, cls)
        name = given.one_of("optimizer", cls.optimizer, STEPPING)
        return cls(name, given.number("learning_rate", STEPPING[name].learning_rate, 0, 1e6))


@dataclass(frozen=True)
class Stop:
    """When to pause by itself.

    Attributes:
        step: after so many steps.
        loss: when the mean loss over the rows is no higher at the end of an epoch; that lane stops.
    """

    step: int | None = None
    loss: float | None = None

    @classmethod
    def of(cls, given: Given) -> Self:
        """As the page describes it."""
        return cls(
            given.whole_or_none("step", 1, limits.STEPS),
            given.number_or_none("loss", 0, math.inf),
        )


@dataclass(frozen=True)
class View:
    """The plane that the networks are seen in.

    Attributes:
        axes: two columns of numbers; without them two principal components, or the two there are.
        held: where the other columns are held; at their median without it.
        aside: whether the rows set aside are drawn, too.
    """

    axes: tuple[str, ...] = ()
    held: Mapping[str, float] = field(default_factory=dict)
    aside: bool = False

    @classmethod
    def of(cls, given: Given) -> Self:
        """As the page describes it."""
        axes = given.each("axes", 2, lambda v: _text("axes", v, 1000))
        if len(axes) == 1 or len(set(axes)) < len(axes):
            raise InvalidValue("a plane has two axes, two different columns")
        return cls(axes, given.numbers("held", limits.COLUMNS), given.flag("aside"))


@dataclass(frozen=True)
class Change:
    """What was changed by hand while the networks learned.

    Attributes:
        step: before which step, counted from 0.
        what: "rate", "weight" or "points".
        lane: whose rate or weight, from 0.
        value: the new rate or weight.
        layer, row, column: which weight: the layer counted from the input, from 0; the row is None
            for the bias.
        added, removed: the points from there on, as in `Data`.
    """

    step: int
    what: str
    lane: int = 0
    value: float = 0.0
    layer: int = 0
    row: int | None = None
    column: int = 0
    added: tuple[Point, ...] = ()
    removed: tuple[int, ...] = ()

    @classmethod
    def of(cls, value: Any) -> Self:
        """As the page describes it."""
        given = Given.of("a change", value, cls)
        what = given.one_of("what", "", ("rate", "weight", "points"))
        points = Data.of(Given("the points", {k: given.values[k] for k in ("added", "removed") if k in given.values}))  # fmt: skip
        return cls(
            step=given.whole("step", 0, 0, limits.STEPS),
            what=what,
            lane=given.whole("lane", 0, 0, limits.LANES - 1),
            value=given.number("value", 0.0, 0 if what == "rate" else -_FAR, _FAR),
            layer=given.whole("layer", 0, 0, limits.LAYERS),
            row=given.whole_or_none("row", 0, 1 << 20),
            column=given.whole("column", 0, 0, 1 << 20),
            added=points.added,
            removed=points.removed,
        )


@dataclass(frozen=True)
class Experiment:
    """Data, network and lanes.

    Attributes:
        data, net: what is learned, and by what.
        lanes: the optimizers, side by side.
        batch_size: rows in a step.
        seed: of the first weights and the order of rows, the same in every lane.
        stop: when to pause.
        view: what of it is seen.
        changes: made by hand while the networks learned, in the order of their steps.
    """

    data: Data = Data()
    net: Net = Net()
    lanes: tuple[Rule, ...] = (Rule(),)
    batch_size: int = 10
    seed: int = 0
    stop: Stop = Stop()
    view: View = View()
    changes: tuple[Change, ...] = ()

    @classmethod
    def of(cls, value: Any) -> Self:
        """The experiment that a page describes; what it leaves out is as usual.

        Raises:
            InvalidValue, UnknownName: a part is not what it should be, or beyond the limits.
        """
        given = Given.of("an experiment", value, cls)
        lanes = given.each("lanes", limits.LANES, Rule.of, (Rule(),))
        if not lanes:
            raise InvalidValue("there is one lane at least")
        changes = given.each("changes", limits.CHANGES, Change.of)
        return cls(
            data=Data.of(given.part("data", Data)),
            net=Net.of(given.part("net", Net)),
            lanes=lanes,
            batch_size=given.whole("batch_size", cls.batch_size, 1, limits.ROWS),
            seed=given.whole("seed", cls.seed, 0, _SEEDS),
            stop=Stop.of(given.part("stop", Stop)),
            view=View.of(given.part("view", View)),
            changes=tuple(sorted(changes, key=lambda change: change.step)),
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it; `of` makes the same experiment of it."""
        return asdict(self)

    def started(self) -> Experiment:
        """The same without what was changed by hand on the way."""
        return replace(self, changes=())


@dataclass(frozen=True)
class Given:
    """An object from the page, whose fields are taken one by one and checked.

    Attributes:
        what: what it should be, for errors.
        values: its fields.
    """

    what: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, what: str, value: Any, kind: type) -> Given:
        """An object that has the fields of a class and no others.

        Raises:
            InvalidValue: it is no object.
            UnknownName: it has another field.
        """
        if not isinstance(value, Mapping):
            raise InvalidValue(f"{what} is an object, got {_shortened(value)}")
        names = [each.name for each in fields(kind)]
        for name in value:
            if name not in names:
                raise unknown(f"field of {what}", _shortened(name), names)
        return cls(what, value)

    def part(self, name: str, kind: type) -> Given:
        """An object in it; an empty one where there is none."""
        return Given.of(name, self.values.get(name, {}), kind)

    def whole(self, name: str, usual: int, low: int, high: int) -> int:
        """A whole number."""
        return _whole(name, self.values.get(name, usual), low, high)

    def whole_or_none(self, name: str, low: int, high: int) -> int | None:
        """A whole number or nothing."""
        value = self.values.get(name)
        return None if value is None else _whole(name, value, low, high)

    def number(self, name: str, usual: float, low: float, high: float) -> float:
        """A number."""
        return _number(name, self.values.get(name, usual), low, high)

    def number_or_none(self, name: str, low: float, high: float) -> float | None:
        """A number or nothing."""
        value = self.values.get(name)
        return None if value is None else _number(name, value, low, high)

    def numbers(self, name: str, most: int) -> dict[str, float]:
        """Numbers by name."""
        value = self.values.get(name, {})
        if not isinstance(value, Mapping) or len(value) > most:
            raise InvalidValue(f"{name} are numbers by name, {most} at most")
        return {
            _text(name, key, 1000): _number(name, each, -math.inf, math.inf)
            for key, each in value.items()
        }

    def flag(self, name: str) -> bool:
        """Yes or no; no without it."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise InvalidValue(f"{name} is true or false, got {_shortened(value)}")
        return value

    def text(self, name: str, usual: str, longest: int) -> str:
        """Text."""
        return _text(name, self.values.get(name, usual), longest)

    def text_or_none(self, name: str, longest: int) -> str | None:
        """Text or nothing."""
        value = self.values.get(name)
        return None if value is None else _text(name, value, longest)

    def one_of(self, name: str, usual: str, choices: Mapping[str, Any] | Sequence[str]) -> str:
        """One of some names."""
        return _one_of(name, choices)(self.values.get(name, usual))

    def each(
        self, name: str, most: int, made: Callable[[Any], T], usual: tuple[T, ...] = ()
    ) -> tuple[T, ...]:
        """The entries of a list."""
        value = self.values.get(name)
        if value is None:
            return usual
        if not isinstance(value, (list, tuple)) or len(value) > most:
            raise InvalidValue(f"{name} is a list of {most} entries at most")
        return tuple(made(each) for each in value)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a browser tells no 3 from 3.0
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidValue(f"{name} is a whole number from {low} to {high:,}, got {_shortened(value)}")  # fmt: skip
    return value


def _number(name: str, value: Any, low: float, high: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max or not low <= value <= high:
        between = "" if math.isinf(low) else f" from {low:g}" + f" to {high:g}" * math.isfinite(high)  # fmt: skip
        raise InvalidValue(f"{name} is a number{between}, got {_shortened(value)}")
    return float(value)


def _text(name: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidValue(f"{name} is text of {longest} letters at most, got {_shortened(value)}")
    return value


def _one_of(kind: str, choices: Mapping[str, Any] | Sequence[str]) -> Callable[[Any], str]:
    def made(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise unknown(kind, _shortened(value), choices)
        return value

    return made


def _point(value: Any) -> Point:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise InvalidValue(f"a point is three numbers, got {_shortened(value)}")
    x1, x2, y = (_number("a point", each, -_FAR, _FAR) for each in value)
    return x1, x2, y


def _pair(value: Any) -> tuple[Any, ...]:
    """W and b of a layer, or nothing where they are drawn; the network checks the shapes."""
    if value in ([], ()):
        return ()
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise InvalidValue(f"the weights of a layer are W and b, got {_shortened(value)}")
    rows, b = value
    if not isinstance(rows, (list, tuple)) or not rows or len(rows) > 1 << 12:
        raise InvalidValue("W is a list of rows")
    return tuple(_row(row) for row in rows), _row(b)


def _row(value: Any) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > limits.UNITS:
        raise InvalidValue(f"a row of weights is a list of {limits.UNITS} numbers at most")
    return tuple(_number("a weight", each, -_FAR, _FAR) for each in value)


def _shortened(value: Any) -> str:
    """A value as it can stand in a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
