"""What a model computes, in the parts that every form of it is written from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from chainrule import losses
from chainrule.activations import ACTIVATIONS
from chainrule.errors import InvalidValue
from chainrule.losses import Quantile
from chainrule.network import Layer, Network
from chainrule.storage import Model
from chainrule.tables.features import Category, Date, Dropped, Number
from chainrule.tables.target import Label

Kind: TypeAlias = Literal["outputs", "classes", "questions", "numbers", "quantiles"]
Column: TypeAlias = Number | Category | Date


@dataclass(frozen=True)
class Formula:
    """From a row to an answer: columns ↦ x ↦ Σ share · network(x) ↦ answer.

    Attributes:
        title: what it is, in a line.
        columns: what becomes of each column that counts, in the order of x; None where a row is x.
        networks: with the loss's link, if it has one, as their last activation.
        shares: of each in the sum.
        answer: "outputs", a network's own, as they are; "classes", a probability each; "questions",
            a probability each of yes; "numbers"; "quantiles", ascending in each network.
        classes: the labels, for "classes".
        levels: for "quantiles".
        middle: which of them is the prediction.
        mean, spread: an answer in numbers is output · spread + mean; None where it is the output.
    """

    title: str
    columns: tuple[Column, ...] | None
    networks: tuple[Network, ...]
    shares: tuple[float, ...]
    answer: Kind
    classes: tuple[Label, ...] = ()
    levels: tuple[float, ...] = ()
    middle: int = 0
    mean: float | None = None
    spread: float | None = None

    @classmethod
    def of(cls, given: object) -> Formula:
        """The formula of a model, of a network alone, or of an estimator that was fitted.

        Raises:
            InvalidValue: it is none of these, a parameter is not finite, or an activation is the
                user's own.
        """
        if isinstance(given, Network):
            checked = (_checked(given),)
            return cls(f"a network of layers {_by(given)}", None, checked, (1.0,), "outputs")
        if hasattr(given, "to_model"):
            given = given.to_model()
        if not isinstance(given, Model):
            raise InvalidValue(f"a model or a network is exported, not {type(given).__name__}")
        return _of_model(cls, given)

    @property
    def inputs(self) -> int:
        """How many numbers x has."""
        return self.networks[0].sizes[0]

    @property
    def outputs(self) -> int:
        """How many numbers a network gives."""
        return self.networks[0].sizes[-1]

    @property
    def dtype(self) -> str:
        """The type that the networks compute in, float32 or float64."""
        return self.networks[0].dtype


def _of_model(cls: type[Formula], model: Model) -> Formula:
    loss = losses.get(model.plan.loss)
    features = None if model.encoder is None else model.encoder.features
    answer: Kind = "quantiles" if model.levels else "numbers"
    if model.task == "classification":
        answer = "classes" if model.classes else "questions"
    formula = cls(
        title=_title(model),
        columns=None if features is None else tuple(f for f in features if not isinstance(f, Dropped)),
        networks=tuple(_checked(_linked(m.network, loss.link)) for m in model.members),
        shares=tuple(member.share for member in model.members),
        answer=answer,
        classes=model.classes,
        levels=loss.levels if isinstance(loss, Quantile) else (),
        middle=model.middle if model.levels else 0,
    )  # fmt: skip
    _check_texts(formula)
    if model.target is None or model.task == "classification":
        return formula
    return replace(formula, mean=model.target.mean, spread=model.target.spread)


def _linked(network: Network, link: str | None) -> Network:
    """The network with the loss's φ_1 where its own is the identity."""
    *hidden, last = network.layers
    return network if link is None else Network([*hidden, Layer(last.W, last.b, link)])


def _checked(network: Network) -> Network:
    for layer in network.layers:
        phi = layer.activation
        if ACTIVATIONS.get(phi.name) is not phi:
            raise InvalidValue(f"no form has a word for your own activation {phi.name!r}")
        if not (np.isfinite(layer.W).all() and np.isfinite(layer.b).all()):
            raise InvalidValue("a parameter of the network is not finite")
    return network


def _check_texts(formula: Formula) -> None:
    """Refuse texts that no file in UTF-8 can hold."""
    texts = [formula.title, *(label for label in formula.classes if isinstance(label, str))]
    for column in formula.columns or ():
        texts += [column.name, *(column.values if isinstance(column, Category) else ())]
    for text in texts:
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise InvalidValue(f"half a character stands in {ascii(text)[:80]}: no file holds it")


def _title(model: Model) -> str:
    count = len(model.members)
    what = f"{count} networks" if count > 1 else f"a network of layers {_by(model.network)}"
    learned = "" if model.target_name is None else f" of {model.target_name!r}"
    return f"{model.task}{learned} by {what}"


def _by(network: Network) -> str:
    return "-".join(map(str, network.sizes))
