"""The health of a network on rows of data: units that do no work, gradients that do not arrive.

Of each layer, with u_{r+1} and z_r on n rows and the gradient of the mean loss over them:

    dead        φ′(u) = 0 on every row, as of a ReLU that never fires (Maas, Hannun & Ng 2013)
    saturated   φ′(u) < 5 % of its largest value on 95 % of the rows or more, for the bounded φ,
                logistic and tanh (what Glorot & Bengio 2010, section 3, watch during training)
    constant    the same z on every row, up to rounding, and neither dead nor saturated
    gradient    ‖(∂L/∂W_r, ∂L/∂b_r)‖, and its ratio to that of layer 1

An output that is the link of its loss, logistic, softmax or exponential, is never dead or saturated:
there ∂L/∂u = φ(u) − t needs no φ′. Of another bounded output only the rows count that it misses by
more than half of its range, if these are more than 5 %: to be sure and right is no fault.

The bounds are this library's. They are wide: a network within them may still learn badly, one beyond
them deserves a look.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError
from chainrule.explanation.health.findings import FEW, FLAT, MOSTLY, Finding, findings
from chainrule.explanation.subject import Subject
from chainrule.gradients import backprop
from chainrule.network import Layer, Network, Trace
from chainrule.views import words
from chainrule.views.report import Report

_STEEPEST = {"logistic": 0.25, "tanh": 1.0}  # the largest φ′ of what is bounded
_HALF = {"logistic": 0.5, "tanh": 1.0}  # of the range of φ
_ROUNDING = 8  # a unit is constant if its z differ by up to so many ε of the largest

Units: TypeAlias = npt.NDArray[np.bool_]  # (e,)


@dataclass(frozen=True)
class LayerHealth:
    """The numbers of one layer.

    Attributes:
        layer: the lecture's number, 1 for the output layer.
        activation: its name.
        inputs, units: d and e.
        dead, saturated: how many units; None where the activation cannot be.
        constant: how many units.
        not_finite: how many of its d·e + e parameters.
        overflow: on how many rows u is not finite.
        gradient: the norm of ∂L/∂W and ∂L/∂b together; nan without targets.
        ratio: that over the norm of layer 1; nan where there is none, or it is 0.
    """

    layer: int
    activation: str
    inputs: int
    units: int
    dead: int | None
    saturated: int | None
    constant: int
    not_finite: int
    overflow: int
    gradient: float
    ratio: float

    @property
    def mute(self) -> bool:
        """Whether no unit tells the rows apart, or as good as none."""
        return (self.dead or 0) + (self.saturated or 0) + self.constant == self.units


@dataclass(frozen=True)
class Health:
    """What `examine` found.

    Attributes:
        rows: how many.
        loss: its name; None where the rows had no targets.
        value: of the loss; nan without targets.
        layers: from input to output.
    """

    rows: int
    loss: str | None
    value: float
    layers: tuple[LayerHealth, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Each number out of bounds: layer by layer from the input, then between layers."""
        return findings(self)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Those of the findings; one that says so where there are none."""
        found = tuple(f"{finding.sentence}." for finding in self.findings)
        without = "" if self.loss else " Without targets no gradient was judged."
        return found or (f"The network is healthy: no number is out of bounds.{without}",)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; None for what there is not."""
        return {
            "healthy": not self.findings,
            "rows": self.rows,
            "loss": self.loss,
            "value": _plain(self.value),
            "layers": [
                {name: _plain(value) for name, value in asdict(layer).items()}
                for layer in self.layers
            ],
            "findings": [asdict(finding) for finding in self.findings],
        }

    @property
    def report(self) -> Report:
        """The table, and the sentences."""
        judged = f"{self.loss} {words.number(self.value)}" if self.loss else "without targets"
        return Report(
            f"Health on {self.rows:,} rows, {judged}",
            ["layer", "W", "dead", "saturated", "constant", "gradient", "÷ layer 1's"],
            [
                [
                    f"{each.layer} {each.activation}",
                    f"{each.inputs}×{each.units}",
                    *map(
                        cell, (each.dead, each.saturated, each.constant, each.gradient, each.ratio)
                    ),
                ]
                for each in self.layers
            ],
            verdict=self.sentences,
        )

    def __str__(self) -> str:
        return self.report.text()

    def _repr_html_(self) -> str:
        return self.report.html()


def examine(
    network: Network,
    X: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    loss: str | None = None,
) -> Health:
    """Look for units that do no work, and for gradients that vanish or explode.

    Args:
        network: any.
        X: rows (n, d), two at least; a unit is dead or not on these.
        y: what they should lead to, as `train` takes it; without it no gradient is judged.
        loss: its name; the one that goes with the output's activation without it.

    Raises:
        ShapeError, InvalidValue: X or y does not fit the network, the loss does not go with its
            output, there are fewer than two rows, or one is not finite.
        UnknownName: no loss is called so.
    """
    return examined(network, *prepared(network, X, y, loss))


def examine_subject(subject: Subject) -> Health:
    """The same for rows of a table; an InvalidValue where they are fewer than two."""
    _check(subject.X)
    return examined(subject.network, subject.X, subject.t, subject.loss)


def prepared(
    network: Network,
    X: npt.ArrayLike,
    y: npt.ArrayLike | None,
    loss: str | None,
    most: int | None = None,
) -> tuple[Array, Array | None, str]:
    """X, the targets and the loss as `examined` takes them; so many rows at most, evenly chosen."""
    rows, phi = np.atleast_2d(network.rows(X)), network.activations[-1]
    _check(rows)
    chosen = losses.default(phi) if loss is None else losses.get(loss)
    losses.check_output(chosen, phi)
    t = None if y is None else losses.targets(y, chosen, network.sizes[-1], network.dtype)
    if t is not None and len(t) != len(rows):
        raise ShapeError(f"X has {len(rows)} rows, y has {len(t)}")
    if most is not None and len(rows) > most:
        some = np.linspace(0, len(rows) - 1, most).astype(np.int64)
        rows, t = rows[some], None if t is None else t[some]
    return rows, t, chosen.name


def _check(X: Array) -> None:
    if len(X) < 2:
        raise InvalidValue(f"health is judged over two rows or more, got {len(X)}")
    wrong = ~np.isfinite(X).all(axis=1)
    if wrong.any():
        raise InvalidValue(f"the rows must be finite, but row {wrong.argmax() + 1} is not")


def examined(network: Network, X: Array, t: Array | None, loss: str) -> Health:
    """The health on rows (n, d) with targets as `losses.targets` gives them, or None."""
    value, norms = np.nan, [np.nan] * len(network.layers)
    with np.errstate(all="ignore"):  # what overflows is among the findings
        trace = network.trace(X)
        if t is not None:
            value, gradients = backprop(network, X, t, loss)
            norms = [float(np.hypot(np.linalg.norm(W), np.linalg.norm(b))) for W, b in gradients]
        layers = tuple(
            LayerHealth(
                layer=r,
                activation=network.layer(r).activation.name,
                inputs=network.layer(r).inputs,
                units=network.layer(r).outputs,
                **_counts(network, r, trace, t, loss),
                gradient=norms[-r],
                ratio=norms[-r] / norms[-1] if norms[-1] else np.nan,
            )
            for r in range(len(network.layers), 0, -1)
        )
    return Health(len(X), None if t is None else loss, value, layers)


def _counts(network: Network, r: int, trace: Trace, t: Array | None, loss: str) -> dict[str, Any]:
    """The counts of layer r, by the names of their fields."""
    layer, u, z = network.layer(r), trace.u[r + 1], trace.z[r]
    flat = _flat(layer, u) if r > 1 else _flat_output(layer, u, z, t, loss)
    told: dict[str, Units | None] = {"dead": None, "saturated": None} | flat
    rounding = _ROUNDING * np.finfo(z.dtype).eps * np.abs(z).max(axis=0)
    constant = np.ptp(z, axis=0) <= rounding
    for units in told.values():
        constant &= True if units is None else ~units
    return {
        **{kind: None if units is None else int(units.sum()) for kind, units in told.items()},
        "constant": int(constant.sum()),
        "not_finite": int((~np.isfinite(layer.W)).sum() + (~np.isfinite(layer.b)).sum()),
        "overflow": int((~np.isfinite(u)).any(axis=1).sum()),
    }


def _flat(layer: Layer, u: Array) -> dict[str, Units]:
    """Which units have no slope, (e,), under the name that this has; nothing where φ always has."""
    phi = layer.activation
    if not phi.elementwise or phi.name == "identity":
        return {}
    slope = phi.derivative(u)
    if phi.name in _STEEPEST:
        return {"saturated": (slope < FLAT * _STEEPEST[phi.name]).mean(axis=0) >= MOSTLY}
    return {"dead": (slope == 0).all(axis=0)}


def _flat_output(layer: Layer, u: Array, z: Array, t: Array | None, loss: str) -> dict[str, Units]:
    """The same of the output layer, where a slope is missed only on the way to a target."""
    phi = layer.activation
    if losses.get(loss).link == phi.name:
        return {}
    if phi.name not in _STEEPEST:
        return _flat(layer, u)
    if t is None:
        return {}
    missed = np.abs(z - t) > _HALF[phi.name]  # (n, k)
    flat = missed & (phi.derivative(u) < FLAT * _STEEPEST[phi.name])
    return {
        "saturated": (missed.mean(axis=0) > FEW) & (flat.sum(axis=0) >= MOSTLY * missed.sum(axis=0))
    }


def cell(value: float | None) -> str:
    """A count, or a number to two figures; a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2g}"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
