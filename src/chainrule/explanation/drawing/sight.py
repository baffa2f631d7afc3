"""What one unit sees: the weights that lead to it, and what it does with the rows."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chainrule.activations import Softmax
from chainrule.explanation.drawing.diagram import stage_name, unit_names
from chainrule.explanation.drawing.plane import Lookout
from chainrule.explanation.drawing.units import check_unit, layer_maps
from chainrule.explanation.subject import Subject
from chainrule.views.data import Bars, Numbers, UnitMaps, UnitSight
from chainrule.views.layout import lowered, signed

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
        u = network.trace(subject.X).u[layer + 1].astype(np.float64)
    names = subject.inputs if first else unit_names(len(W))
    classes, values = _classes(subject)
    image = _image(subject, W[:, j]) if first else None
    return UnitSight(
        title=_title(subject, layer, unit),
        weights=Bars("", lowered(f"column {unit} of W_{layer}"), tuple(names), W[:, j]),
        image=image,
        u=u[:, j],
        values=values,
        classes=classes,
        fires=_fires(_on(subject, layer, u, j), values, classes),
        note=_note(float(network.layer(layer).b[j]), image),
        plane=None if lookout is None else lookout.plane,
        map=None if lookout is None else _map(subject, lookout, layer, j),
    )


def _title(subject: Subject, layer: int, unit: int) -> str:
    """Which unit it is; one of several outputs has the name of its class."""
    name = lowered(stage_name(subject.network, layer))
    several = layer == 1 and len(subject.classes) == subject.network.sizes[-1]
    of_class = f", for class {subject.classes[unit - 1]}" if several else ""
    return f"Unit {unit} of layer {layer}{of_class}: {name}"


def _classes(subject: Subject) -> tuple[tuple[str, ...], Numbers]:
    """The names of the classes, and the number of each row's; no names where they are not known."""
    if subject.t is None or not subject.classes:
        return (), np.zeros(len(subject))
    return subject.classes, subject.t[:, 0].astype(np.float64)


def _note(b: float, image: Numbers | None) -> str:
    """The bias; and what is grey in an image."""
    gaps = image is not None and bool(np.isnan(image).any())
    return f"b = {signed(b)}" + ("\ngrey: the same in all rows" if gaps else "")


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


def _on(subject: Subject, layer: int, u: Numbers, j: int) -> tuple[str, npt.NDArray[np.bool_]]:
    """What it is for unit j to fire, and on which rows it does, given its layer's u (n, m)."""
    phi = subject.network.layer(layer).activation
    if isinstance(phi, Softmax):
        return "u is the largest of its layer", u.argmax(axis=1) == j
    return "u is above 0", u[:, j] > 0


def _fires(
    said: tuple[str, npt.NDArray[np.bool_]], values: Numbers, classes: tuple[str, ...]
) -> tuple[str, ...]:
    """The share of all rows, then those of the rows of each class."""
    words, on = said
    each = (f"{name}: {_percent(on[values == k])}" for k, name in enumerate(classes))
    return (f"{words} on {int(on.sum()):,} of {len(on):,} rows, {_percent(on)}", *each)


def _percent(on: npt.NDArray[np.bool_]) -> str:
    """A share; 0 % and 100 % are none and all."""
    if not len(on):
        return "no rows"
    share = 100 * float(on.mean())
    if 0 < share < 0.1 or 99.9 < share < 100:
        return "under 0.1 %" if share < 1 else "over 99.9 %"
    return f"{share:.1f} %" if 0 < share < 1 or 99 < share < 100 else f"{share:.0f} %"
