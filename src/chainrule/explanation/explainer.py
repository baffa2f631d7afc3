"""A network explained at a row: every number on the way to the loss, and on the way back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.explanation.backward import backward
from chainrule.explanation.chain import Chain, chain
from chainrule.explanation.forward import forward
from chainrule.explanation.names import Names
from chainrule.explanation.subject import Subject
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.views import mathematics
from chainrule.views.mathematics import EDGE, Document, Item, Sentence

MOST_NUMBERS = 2_000_000  # in JSON


@dataclass(frozen=True, eq=False)
class Explanation:
    """A network at a row, or at a few: forward and backward, as the lecture writes them.

    Printed, it is text; a notebook shows it as HTML. All numbers are float64.

    Attributes:
        network: the network, in float64.
        chain: what was computed.
        loss: the loss.
        names: of what the numbers mean.
        layer: the lecture's number of the one layer that is shown, or None for all.
    """

    network: Network
    chain: Chain = field(repr=False)
    loss: Loss
    names: Names = field(repr=False)
    layer: int | None = None

    @cached_property
    def document(self) -> Document:
        """What is said, before it is set in any format."""
        network = self.network
        which = f", {self.names.what}" if self.names.what else ""
        about = (
            f"{network.parameter_count:,} parameters; {', '.join(network.activations)}; "
            f"loss {self.loss.name}."
        )
        items: list[Item] = [
            Sentence(about),
            *forward(self.chain, self.loss, self.names, self.layer),
        ]
        if self.chain.t is not None:
            items += backward(self.chain, self.loss, self.layer)
        return Document(f"Network {'-'.join(map(str, network.sizes))}{which}", tuple(items))

    def text(self, width: int = 80, edge: int = EDGE, unicode: bool = True) -> str:
        """As text for a terminal.

        Args:
            width: columns.
            edge: entries shown at each end of what is too long to be shown whole.
            unicode: whether letters beyond ASCII may be used.
        """
        return mathematics.text(self.document, width, edge, unicode)

    def markdown(self, edge: int = EDGE) -> str:
        """As Markdown with LaTeX between double dollars."""
        return mathematics.markdown(self.document, edge)

    def latex(self, edge: int = EDGE) -> str:
        """As a piece of LaTeX; it needs amsmath."""
        return mathematics.latex(self.document, edge)

    def html(self, edge: int = EDGE) -> str:
        """As a page for a browser; nothing in it is loaded from elsewhere."""
        return mathematics.page(self.document, edge)

    def as_dict(self) -> dict[str, Any]:
        """Every number, none left out.

        Raises:
            InvalidValue: there are too many; one layer may be asked for.
        """
        numbers = sum(
            2 * link.layer.W.size for link in self.chain.links if self.layer in (None, link.r)
        )
        if numbers > MOST_NUMBERS:
            raise InvalidValue(
                f"the network is too large to be written out whole: {numbers:,} numbers, where "
                f"{MOST_NUMBERS:,} are the most; choose a smaller layer, or a format that cuts"
            )
        return _as_dict(self)

    def json(self) -> str:
        """`as_dict` as JSON; what is not finite is null."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return mathematics.html(self.document)

    def _repr_latex_(self) -> str:
        return mathematics.display(self.document)


def explain(
    network: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    loss: str | Loss | None = None,
    *,
    layer: int | None = None,
    inputs: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> Explanation:
    """Explain a network at a row.

    Args:
        network: any.
        x: a row (d,), or a few, (n, d).
        y: what it should lead to: a number, a class number or an array as `train` takes it, for so
            many rows; without it there is no way back.
        loss: the loss or its name; the one that goes with the output's activation without it.
        layer: the lecture's number of the one layer to show; all without it.
        inputs: names for the d numbers of a row.
        classes: names for the classes, by their numbers.

    Raises:
        ShapeError, InvalidValue: x or y does not fit the network, the loss does not go with its
            output, or there is no such layer.
        UnknownName: no loss is called so.
    """
    X = np.atleast_2d(network.rows(x))
    chosen = losses.default(network.activations[-1]) if loss is None else losses.get(loss)
    losses.check_output(chosen, network.activations[-1])
    k = network.sizes[-1]
    t = None
    if y is not None:
        whole = np.asarray(y)
        t = losses.targets(
            whole.reshape(1, -1) if len(X) == 1 and whole.size in (1, k) else whole,
            chosen,
            k,
            "float64",
        )
    names = Names(
        tuple(inputs),
        tuple(classes),
        labels=(),
        numbers=tuple(range(1, len(X) + 1)) if len(X) > 1 else (),
    )
    return _explained(network, X, t, chosen, names, layer)


def explain_subject(subject: Subject, layer: int | None = None) -> Explanation:
    """Explain the rows of a table, as a model's network sees them; errors as for `explain`."""
    names = Names(
        subject.inputs,
        subject.classes,
        subject.target or "y",
        subject.labels,
        tuple(subject.numbers.tolist()),
        subject.mean,
        subject.spread,
    )
    t = None if subject.t is None else subject.t.astype(np.float64)
    return _explained(subject.network, subject.X, t, losses.get(subject.loss), names, layer)


def _explained(
    network: Network, X: Array, t: Array | None, loss: Loss, names: Names, layer: int | None
) -> Explanation:
    if layer is not None:
        network.layer(layer)  # refuses a number that no layer has
    wide = network.astype("float64")
    found = chain(wide, X.astype(np.float64), t, loss)
    return Explanation(wide, found, loss, names, layer)


def _as_dict(explanation: Explanation) -> dict[str, Any]:
    found, names = explanation.chain, explanation.names
    layers = [
        {
            "layer": link.r,
            "activation": link.phi.name,
            "z_in": _listed(link.z),
            "W": _listed(link.layer.W),
            "b": _listed(link.layer.b),
            "u": _listed(link.u),
            "z": _listed(found.output if link.r == 1 else found.links[link.r - 2].z),
        }
        | (
            {}
            if found.t is None
            else {
                "dL_dz": _listed(link.above),
                "dL_du": _listed(link.delta),
                "dL_dW": _listed(link.by_W),
                "dL_db": _listed(link.by_b),
            }
        )
        for link in reversed(found.links)
        if explanation.layer in (None, link.r)
    ]
    return {
        "sizes": list(explanation.network.sizes),
        "loss": explanation.loss.name,
        "rows": list(names.numbers),
        "inputs": list(names.inputs),
        "classes": list(names.classes),
        "target": None if found.t is None else _listed(found.t),
        "x": _listed(found.x),
        "L": found.value if found.value is None else _listed(np.array([found.value]))[0],
        "layers": layers,
    }


def _listed(values: Array) -> list[Any]:
    """Nested lists; what is not finite is None."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return list(plain.tolist())
