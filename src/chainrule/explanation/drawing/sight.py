"""What one unit sees: the weights that lead to it, and what it does with the rows."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chainrule.explanation.drawing.diagram import stage_name, unit_names
from chainrule.explanation.drawing.plane import Lookout
from chainrule.explanation.drawing.units import check_unit, layer_maps
from chainrule.explanation.subject import Subject
from chainrule.views.data import Bars, Numbers, UnitMaps, UnitSight
from chainrule.views.layout import lowered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SMALLEST_IMAGE = 5  # pixels along a side, from which on a square number of inputs may be an image


def unit(
    subject: Subject, layer: int, unit: int, lookout: Lookout | None = None, size: str = "page"
) -> Figure:
    """Draw what one unit sees.

    Args:
        subject: the network, and the rows.
        layer: the lecture's number.
        unit: its number, from 1.
        lookout: the plane, for the unit's map; there is no map without it.
        size: "page" or "slide".

    Raises:
        InvalidValue: there is no such layer or unit.
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    from chainrule.views.pictures.unit import unit as picture

    return picture(sight(subject, layer, unit, lookout), size)


def sight(subject: Subject, layer: int, unit: int, lookout: Lookout | None = None) -> UnitSight:
    """What one unit sees, as numbers; arguments and errors as for `unit`."""
    check_unit(subject, layer, unit)
    network, j = subject.network, unit - 1
    W, first = network.layer(layer).W.astype(np.float64), layer == len(network.layers)
    with np.errstate(over="ignore", invalid="ignore"):
        u = network.trace(subject.X).u[layer + 1][:, j].astype(np.float64)
    names = subject.inputs if first else unit_names(len(W))
    image = _image(subject, W[:, j]) if first else None
    known = subject.t is not None and bool(subject.classes)
    classes = subject.classes if known else ()
    values = (
        subject.t[:, 0].astype(np.float64) if known and subject.t is not None else np.zeros(len(u))
    )
    return UnitSight(
        title=f"Unit {unit} of layer {layer}: {lowered(stage_name(network, layer))}",
        weights=Bars("", f"column {unit} of W_{layer}", tuple(names), W[:, j]),
        image=image,
        u=u,
        values=values,
        classes=classes,
        fires=_fires(u, values, classes),
        plane=None if lookout is None else lookout.plane,
        map=None if lookout is None else _map(subject, lookout, layer, j),
    )


def _map(subject: Subject, lookout: Lookout, layer: int, j: int) -> UnitMaps:
    m = subject.network.layer(layer).outputs
    with np.errstate(over="ignore", invalid="ignore"):
        all_ = layer_maps(subject, subject.network.trace(lookout.X), lookout.plane, layer, m)
    u = None if all_.u is None else all_.u[j : j + 1]
    return UnitMaps(all_.name, all_.units[j : j + 1], all_.z[j : j + 1], u)


def _image(subject: Subject, w: Numbers) -> Numbers | None:
    """The weights as a square image, where the columns are named as pixels are.

    They are numbered, by row and column as "pixel_3_5" or one after the other as "x17". A pixel that
    the network does not see, because it is the same in all rows, is a gap.
    """
    encoder = subject.encoder
    columns = subject.inputs if encoder is None else tuple(each.name for each in encoder.features)
    places, known = _pixels(columns), dict(zip(subject.inputs, w, strict=True))
    if places is None or not known.keys() <= set(columns):
        return None
    image = np.full((max(row for row, _ in places) + 1,) * 2, np.nan)
    for name, place in zip(columns, places, strict=True):
        image[place] = known.get(name, np.nan)
    return image


def _pixels(names: tuple[str, ...]) -> list[tuple[int, int]] | None:
    """The rows and columns that the names of a square image's pixels say, from 0; else None."""
    side = math.isqrt(len(names))
    said = [tuple(map(int, re.findall(r"\d+", name))) for name in names]
    words = {re.sub(r"\d+", "", name) for name in names}
    if side < _SMALLEST_IMAGE or side * side != len(names) or len(words) > 1:
        return None
    least = min(said)
    if all(len(numbers) == 1 for numbers in said):
        places = [divmod(numbers[0] - least[0], side) for numbers in said]
    elif all(len(numbers) == 2 for numbers in said):
        places = [(row - least[0], column - least[1]) for row, column in said]
    else:
        return None
    square = {(row, column) for row in range(side) for column in range(side)}
    return places if set(places) == square else None


def _fires(u: Numbers, values: Numbers, classes: tuple[str, ...]) -> tuple[str, ...]:
    """On which rows u is above 0."""
    on = u > 0
    lines = [f"u is above 0 on {int(on.sum()):,} of {len(on):,} rows, {_percent(on)}."]
    if classes:
        each = [f"{name}: {_percent(on[values == k])}" for k, name in enumerate(classes)]
        lines.append("Of the rows of each class: " + ", ".join(each) + ".")
    return tuple(lines)


def _percent(on: npt.NDArray[np.bool_]) -> str:
    return f"{100 * on.mean():.0f} %" if len(on) else "no rows"
