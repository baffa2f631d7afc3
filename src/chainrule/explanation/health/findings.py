"""What is out of bounds in a network's health: a sentence each, with what would help."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.views import words

if TYPE_CHECKING:
    from chainrule.explanation.health.examination import Health, LayerHealth

FEW = 0.05  # up to this share of a layer's units may be dead, saturated or constant
ENOUGH = 100  # rows: one that fires on 5 % of all rows is silent on these once in 170 times
FLAT, MOSTLY = 0.05, 0.95  # of the largest φ′, and of the rows, for a saturated unit
VANISHING, EXPLODING = 1e-3, 1e3  # of the gradient norm of layer 1


@dataclass(frozen=True)
class Finding:
    """A number that is out of bounds.

    Attributes:
        layer: the lecture's number.
        kind: one word or two, as "dead" or "not finite".
        sentence: what is so, and what would help.
    """

    layer: int
    kind: str
    sentence: str


def findings(health: Health) -> tuple[Finding, ...]:
    """Each number out of bounds: layer by layer from the input, then between layers."""
    return (*_in_layers(health), *_between_layers(health))


def too_many(units: int | None, layer: LayerHealth) -> bool:
    """Whether so many units of a layer are out of bounds."""
    return units is not None and units > FEW * layer.units


def _in_layers(health: Health) -> Iterator[Finding]:
    """What is out of bounds within a layer; what only follows from the layer before says so."""
    here, finite, mute = f"these {health.rows:,} rows", True, False
    for layer in health.layers:
        for kind, said in (
            ("not finite", _not_finite(layer)),
            ("overflow", _overflow(layer, here) if finite else ""),
            ("dead", _dead(layer, health.rows)),
            ("saturated", _saturated(layer, health.rows)),
            ("constant", _constant(layer, here, mute)),
        ):
            if said:
                yield Finding(layer.layer, kind, f"layer {layer.layer}: {said}")
        finite = finite and not layer.not_finite and not layer.overflow
        mute = layer.mute


def _of_units(count: int | None, layer: LayerHealth) -> str:
    return f"{count or 0:,} of {words.many(layer.units, 'unit')}"


def _not_finite(layer: LayerHealth) -> str:
    if not layer.not_finite:
        return ""
    parameters = words.many((layer.inputs + 1) * layer.units, "parameter")
    verb = "is" if layer.not_finite == 1 else "are"
    return (
        f"{layer.not_finite:,} of {parameters} {verb} not finite;"
        " a new training with a smaller learning rate would help"
    )


def _overflow(layer: LayerHealth, here: str) -> str:
    if layer.not_finite or not layer.overflow:
        return ""
    return (
        f"u_{layer.layer + 1} is not finite on {layer.overflow:,} of {here};"
        " smaller weights or scaled inputs would help"
    )


def _dead(layer: LayerHealth, rows: int) -> str:
    if not too_many(layer.dead, layer):
        return ""
    fire, let = ("fires", "lets") if layer.dead == 1 else ("fire", "let")
    does = fire if layer.activation == "relu" else f"{let} a gradient through"
    doubt = ", if it is so on more rows" if rows < ENOUGH else ""
    return (
        f"{_of_units(layer.dead, layer)} never {does} on these {rows:,} rows;"
        f" a smaller learning rate or leaky ReLU would help{doubt}"
    )


def _saturated(layer: LayerHealth, rows: int) -> str:
    if not too_many(layer.saturated, layer):
        return ""
    under = f"{layer.activation}′ under {FLAT:g} of its largest on"
    where = (
        f"where it is wrong on these {rows:,} rows ({under} {MOSTLY:.0%} of those that it misses by"
        " half its range)"
        if layer.layer == 1
        else f"on these {rows:,} rows ({under} {math.ceil(MOSTLY * rows):,} or more)"
    )
    return (
        f"{_of_units(layer.saturated, layer)} saturated {where};"
        " smaller weights, scaled inputs or a smaller learning rate would help"
    )


def _constant(layer: LayerHealth, here: str, mute: bool) -> str:
    if not too_many(layer.constant, layer):
        return ""
    why = (
        f"nothing comes through layer {layer.layer + 1}"
        if mute
        else "first weights drawn by chance, or inputs that vary, would help"
    )
    return f"{_of_units(layer.constant, layer)} constant on {here}; {why}"


def _between_layers(health: Health) -> Iterator[Finding]:
    """Where the gradient vanishes and where it explodes: the worst layer, and which others."""
    small = [layer for layer in health.layers if layer.ratio < VANISHING]
    large = [layer for layer in health.layers if layer.ratio > EXPLODING]
    if small:
        worst = min(small, key=lambda layer: (layer.ratio, layer.layer))
        yield _between("vanishing", worst, small, _what_brings_it_back(worst))
    if large:
        worst = max(large, key=lambda layer: layer.ratio)
        helps = "smaller first weights or fewer layers would help"
        yield _between("exploding", worst, large, helps)


def _between(kind: str, worst: LayerHealth, found: Sequence[LayerHealth], helps: str) -> Finding:
    others = ", ".join(str(layer.layer) for layer in found if layer is not worst)
    too = f" (out of bounds in layer{'s' * (len(found) > 2)} {others} too)" if others else ""
    sentence = f"its gradient is {worst.ratio:.2g} times that of layer 1{too}; {helps}"
    return Finding(worst.layer, kind, f"layer {worst.layer}: {sentence}")


def _what_brings_it_back(layer: LayerHealth) -> str:
    if layer.ratio == 0:
        return "dead units, weights of 0 or too many layers let none through"
    other = (
        "ReLU or tanh for logistic" if layer.activation == "logistic" else "larger first weights"
    )
    return f"{other}, or fewer layers, would help"
