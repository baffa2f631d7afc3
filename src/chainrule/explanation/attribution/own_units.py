"""A row as its table writes it: read back from the numbers that the network sees."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from chainrule.arrays import Array
from chainrule.tables import Encoder
from chainrule.tables.features import (
    MISSING,
    RISE,
    VALUE,
    Category,
    Date,
    Dropped,
    Feature,
    Number,
)
from chainrule.tables.scaling import Scale

Cell: TypeAlias = float | str

_ROUNDING = 4 * float(np.finfo(np.float32).eps)
_LEAST_KNOWN = 0.1  # a number is not said where its rounding is a larger share of it
_FARTHEST = 2_000_000.0  # days from 1970 that are written as a date
PRESENT, ABSENT = "present", "missing"


def cells(encoder: Encoder | None, x: Array) -> tuple[Cell, ...]:
    """What stands in each column for a row (d,) of a network's numbers, or for a mean of rows.

    A number or a text; of a mean, the most frequent value and its share, as "yes 62 %". Without an
    encoder, the numbers themselves.
    """
    if encoder is None:
        return tuple(x.tolist())
    return tuple(_cell(feature, part) for feature, part in _parts(encoder, x))


def slopes(encoder: Encoder | None, gradient: Array, x: Array) -> Array:
    """The gradient (d,) as change for each unit of a column; nan where it has no unit.

    Text has none, nor has a value that is missing in the row x. Of a date it is the change a day,
    while month, weekday and time stay as they are.
    """
    if encoder is None:
        return gradient
    both = zip(_parts(encoder, gradient), _parts(encoder, x), strict=True)
    return np.array([_slope(feature, part, here) for (feature, part), (_, here) in both])


def _parts(encoder: Encoder, x: Array) -> list[tuple[Feature, Array]]:
    """Each column that the network sees, with its numbers."""
    kept = [feature for feature in encoder.features if feature.names]
    ends = np.cumsum([len(feature.names) for feature in kept])
    return list(zip(kept, np.split(x, ends[:-1]), strict=True))


def _cell(feature: Feature, x: Array) -> Cell:
    match feature:
        case Number():
            return _number(feature, dict(zip(feature.outputs, x.tolist(), strict=False)))
        case Category():
            return _category(feature, x)
        case Date():
            return _date(feature, dict(zip(feature.names, x.tolist(), strict=True)))
        case Dropped():
            raise AssertionError(f"the network sees nothing of the column {feature.name!r}")


def _number(feature: Number, x: dict[str, float]) -> Cell:
    if x.get(MISSING) == 1:
        return ABSENT
    if VALUE not in x:
        return _share(PRESENT, 1 - x[MISSING])
    if feature.kind == "boolean":
        return {0.0: "false", 1.0: "true"}.get(x[VALUE]) or _share("true", x[VALUE])
    return _unscaled(feature.scale, x[VALUE])


def _unscaled(scale: Scale, scaled: float) -> Cell:
    """The number that was scaled, without the digits that are only float32's rounding of it."""
    apart, error = scale.apart(scaled), _error(scale, scaled)
    if not math.isfinite(apart) or error > _ROUNDING * abs(scale.center) + _LEAST_KNOWN * abs(
        apart
    ):
        return "far above" if scaled > 0 else "far below"
    return round(scale.center + apart, -math.ceil(math.log10(error))) + 0.0 if error else 0.0


def _error(scale: Scale, scaled: float) -> float:
    """What float32's rounding of a scaled number leaves open of the number."""
    slope = scale.slope(scaled)
    return _ROUNDING * (abs(scale.center) + abs(scaled) / slope) if slope else math.inf


def _category(feature: Category, x: Array) -> str:
    values = [*feature.values, *["(other)"] * feature.other, *[ABSENT] * feature.missing]
    if not x.any():
        return "none known"
    best = int(x.argmax())
    return values[best] if x[best] == 1 else _share(values[best], float(x[best]))


def _date(feature: Date, x: dict[str, float]) -> str:
    absent = x.get(f"{feature.name} is missing", 0.0)
    if absent == 1:
        return ABSENT
    if VALUE not in feature.outputs:
        return _share(PRESENT, 1 - absent)
    days = feature.scale.center + feature.scale.apart(x[feature.name])
    if not abs(days) < _FARTHEST:
        return f"day {days:.6g}"
    if "time" not in feature.outputs:
        return str(np.datetime64(round(days), "D"))
    return str(np.datetime64(round(days * 1440), "m")).replace("T", " ")


def _share(value: str, share: float) -> str:
    return value if share == 1 else f"{value} {100 * share:.0f} %"


def _slope(feature: Feature, gradient: Array, x: Array) -> float:
    if isinstance(feature, (Category, Dropped)) or VALUE not in feature.outputs:
        return np.nan
    bins = feature.bins if isinstance(feature, Number) else 0
    if MISSING in feature.outputs and x[len(x) - bins - 1] == 1:  # stands last, but for the bins
        return np.nan
    slope = float(gradient[0]) * feature.scale.slope(float(x[0]))
    return slope + _slope_of_bins(feature, gradient, x) if isinstance(feature, Number) else slope


def _slope_of_bins(feature: Number, gradient: Array, x: Array) -> float:
    """What the bin that holds a number adds to its slope; at an edge it is the one above."""
    scale, scaled = feature.scale, float(x[0])
    at, error = scale.center + scale.apart(scaled), _error(scale, scaled)
    i = int(np.searchsorted(feature.edges, at + error, side="right")) - 1
    if not 0 <= i < feature.bins:
        return 0.0
    width = feature.edges[i + 1] - feature.edges[i]
    return float(gradient[len(feature.outputs) + i]) * RISE / width
