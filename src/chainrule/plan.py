"""A plain description of what to train: engines take it, model files store it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from chainrule import optimizers
from chainrule.activations import get as get_activation
from chainrule.arrays import DType, dtype_named
from chainrule.errors import InvalidValue, unknown
from chainrule.losses import Own, Quantile, check_output
from chainrule.losses import get as get_loss
from chainrule.network import Network
from chainrule.optimizers import TOGETHER, Groups, Optimizer, Rule


@dataclass(frozen=True)
class Plan:
    """What to train and how; hashable, checked when it is made.

    Attributes:
        layer_sizes: inputs, hidden sizes …, outputs.
        activations: the name of each layer's activation, from input to output.
        loss: the name of the loss, or one of the user's own.
        optimizer: the update rule with its hyperparameters.
        dropout: for each hidden layer, from input to output, the share of its outputs that a step
            drops, in [0, 1).
        batch_size: rows in a step; the last batch of an epoch may have fewer.
        dtype: float32 or float64.
        seed: keys the order of rows and the dropout, in [0, 2⁶⁴).
        shuffle: whether each epoch takes the rows in an order of its own.
        penalty: α in what is descended for a batch, (Σ wᵢ ℓᵢ + ½ α ΣW²) / Σ wᵢ, the sum over the weights
            of all layers but not over b: scikit-learn's L2 penalty, which weighs more in smaller
            batches. The loss of an epoch counts it; `evaluate` does not.
        groups: which parameters learn at rates of their own; see `Groups`.

    Raises:
        InvalidValue: a field out of its range, or fields that contradict each other.
        UnknownName: an activation, loss or type that is not there.
    """

    layer_sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str | Own
    optimizer: Optimizer
    dropout: tuple[float, ...]
    batch_size: int
    dtype: DType
    seed: int
    shuffle: bool = True
    penalty: float = 0.0
    groups: Groups = TOGETHER

    def __post_init__(self) -> None:
        """Bring every field to its plain form."""
        loss = get_loss(self.loss)
        sizes = tuple(_whole("a layer size", size, 1) for size in self.layer_sizes)
        dropout = tuple(_share(p) for p in self.dropout)
        plain: dict[str, Any] = {
            "layer_sizes": sizes,
            "activations": tuple(get_activation(a).name for a in self.activations),
            "loss": loss if isinstance(loss, Own) else loss.name,
            "dropout": dropout,
            "batch_size": _whole("batch_size", self.batch_size, 1),
            "dtype": dtype_named(self.dtype),
            "seed": _whole("seed", self.seed, 0, (1 << 64) - 1),
            "penalty": _penalty(self.penalty, self.optimizer),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        _require(isinstance(self.optimizer, Optimizer), "optimizer is an update rule")
        _require(isinstance(self.shuffle, bool), "shuffle is true or false")
        _require(isinstance(self.groups, Groups), "groups are factors of the learning rate")
        self.groups.of_weights(len(sizes) - 1)
        _require(
            self.groups == TOGETHER or isinstance(self.optimizer, Rule),
            "groups go with rules that step once a batch",
        )
        self._check_layers()

    def _check_layers(self) -> None:
        layers = len(self.layer_sizes) - 1
        _require(layers >= 1, "layer_sizes has the inputs and the outputs at least")
        _require(
            len(self.activations) == layers,
            f"{layers} layers, {len(self.activations)} activations",
        )
        _require(
            len(self.dropout) == layers - 1,
            f"{layers - 1} hidden layers, {len(self.dropout)} shares of dropout",
        )
        check_output(self.loss, self.activations[-1])
        loss, outputs = get_loss(self.loss), self.layer_sizes[-1]
        if isinstance(loss, Quantile):
            _require(len(loss.levels) == outputs, f"{loss.name} takes an output for each level, not {outputs}")  # fmt: skip
        _require(
            self.loss != "cross_entropy" or self.layer_sizes[-1] > 1,
            "cross_entropy takes an output for each class, two or more; "
            "for one output there is binary_cross_entropy",
        )

    @property
    def loss_name(self) -> str:
        """The name of the loss."""
        return self.loss.name if isinstance(self.loss, Own) else self.loss

    @classmethod
    def of(
        cls,
        network: Network,
        loss: str | Own,
        optimizer: str | Optimizer = "adam",
        *,
        dropout: float | Sequence[float] = 0.0,
        batch_size: int = 32,
        seed: int = 0,
        shuffle: bool = True,
        penalty: float = 0.0,
        groups: Groups = TOGETHER,
    ) -> Plan:
        """The plan to train a network; one share of dropout stands for every hidden layer."""
        hidden = len(network.layers) - 1
        shares = [dropout] * hidden if isinstance(dropout, (int, float)) else dropout
        return cls(
            layer_sizes=network.sizes,
            activations=network.activations,
            loss=loss,
            optimizer=optimizers.make(optimizer),
            dropout=tuple(shares),
            batch_size=batch_size,
            dtype=network.dtype,
            seed=seed,
            shuffle=shuffle,
            penalty=penalty,
            groups=groups,
        )

    def as_dict(self) -> dict[str, Any]:
        """The plan as numbers, strings, lists and dicts.

        Raises:
            InvalidValue: the loss is one of the user's own.
        """
        if isinstance(self.loss, Own):
            raise InvalidValue(
                f"the loss {self.loss.name!r} is a function of your own: no file can hold it"
            )
        return self.described()

    def described(self) -> dict[str, Any]:
        """The same to be read by people; of a loss of the user's own, its name."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
        } | {
            "loss": self.loss_name,
            "optimizer": optimizers.as_dict(self.optimizer),
            "groups": self.groups.as_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `as_dict` described.

        Raises:
            InvalidValue, UnknownName: it is not a plan: a field is missing, unknown, or not what it
                should be.
        """
        names = [field.name for field in fields(cls)]
        for name in data:
            if name not in names:
                raise unknown("field of a plan", name, names)
        missing = [
            field.name
            for field in fields(cls)
            if field.default is MISSING and field.name not in data
        ]
        _require(not missing, f"a plan without {', '.join(missing)}")
        for name in ("layer_sizes", "activations", "dropout"):
            _require(isinstance(data[name], (list, tuple)), f"{name} is a list")
        _require(isinstance(data["optimizer"], Mapping), "optimizer is a name with its settings")
        made: dict[str, Any] = {"optimizer": optimizers.from_dict(data["optimizer"])}
        if "groups" in data:
            made["groups"] = _groups(data["groups"])
        return cls(**{**data, **made})

    def to_json(self) -> str:
        """The plan as JSON text."""
        return json.dumps(self.as_dict())

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that `to_json` wrote.

        Raises:
            InvalidValue, UnknownName: as `from_dict`; the former also for text that is not a JSON
                object.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidValue(f"a plan is JSON text: {error}") from error
        _require(isinstance(data, dict), "a plan is a JSON object")
        return cls.from_dict(data)


def _whole(what: str, value: Any, least: int, most: int | None = None) -> int:
    """The value as an int in [least, most]; booleans and floats are refused."""
    try:
        number = None if isinstance(value, bool) else int(value.__index__())
    except AttributeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        upper = "" if most is None else f" and {most}"
        rule = f"between {least}{upper}" if most is not None else f"{least} or more"
        raise InvalidValue(f"{what} is a whole number, {rule}, got {value!r}")
    return number


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise InvalidValue(f"dropout is a share in [0, 1), got {value!r}")
    return float(value)


def _groups(data: Any) -> Groups:
    names = [field.name for field in fields(Groups)]
    _require(isinstance(data, Mapping), "groups are factors by name")
    for name in data:
        if name not in names:
            raise unknown("group", name, names)
    weights = data.get("weights", 1.0)
    return Groups(**{**data, "weights": tuple(weights) if isinstance(weights, list) else weights})


def _penalty(value: Any, optimizer: Optimizer) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= sys.float_info.max:
        raise InvalidValue(f"penalty is a finite number, 0 or more, got {value!r}")
    _require(
        not value or isinstance(optimizer, Rule), "a penalty goes with rules that step once a batch"
    )
    return float(value)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InvalidValue(otherwise)
