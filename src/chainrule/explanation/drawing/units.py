"""What each unit of a network gives over the plane of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.activations import ACTIVATIONS
from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.explanation.drawing.diagram import stage_name, unit_names
from chainrule.explanation.drawing.plane import Lookout
from chainrule.explanation.subject import Subject
from chainrule.network import Trace
from chainrule.views import words
from chainrule.views.data import Numbers, Plane, UnitMaps
from chainrule.views.layout import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24  # units of one layer
MOST_TOGETHER = (  # of each hidden layer, and of the output's, where all layers are shown
    {"page": 6, "slide": 10},
    {"page": 12, "slide": 10},
)
MOST_LAYERS = {"page": 6, "slide": 4}
_STRAIGHT = ("softmax", "exponential")  # u = 0 divides nothing there


def units(
    subject: Subject, lookout: Lookout, layer: int | None = None, size: str = "page"
) -> Figure:
    """A panel for each unit of a layer, or for some of every layer's.

    Args:
        subject: the network, and the rows.
        lookout: the plane.
        layer: the lecture's number; all layers without it.
        size: "page" or "slide".

    Raises:
        InvalidValue: there is no such layer.
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    from chainrule.views.pictures.units import units as picture

    return picture(lookout.plane, *unit_maps(subject, lookout, layer, size), size)


def unit_maps(
    subject: Subject, lookout: Lookout, layer: int | None, size: str
) -> tuple[list[UnitMaps], str]:
    """The panels, from input to output, and the title."""
    network, count = subject.network, len(subject.network.layers)
    over = f"over {_name_plane(subject, lookout.plane)}"
    with np.errstate(over="ignore", invalid="ignore"):
        trace = network.trace(lookout.X)
    if layer is not None:
        network.layer(layer)  # refuses a number that no layer has
        return [layer_maps(subject, trace, lookout.plane, layer, MOST)], f"Layer {layer} {over}"
    most = MOST_LAYERS.get(size, count)
    kept = [count - int(i) for i in shown(count, most)[0]]
    left = f"; {words.many(count - most, 'layer')} in the middle not shown" if count > most else ""
    maps = [
        layer_maps(subject, trace, lookout.plane, r, MOST_TOGETHER[r == 1].get(size, MOST))
        for r in kept
    ]
    return maps, f"What each unit gives {over}{left}"


def layer_maps(subject: Subject, trace: Trace, plane: Plane, r: int, most: int) -> UnitMaps:
    """Some of layer r's units at the points of the plane's grid."""
    network = subject.network
    phi, m = network.layer(r).activation, network.layer(r).outputs
    which, cut = shown(m, most)
    names = subject.classes if r == 1 and len(subject.classes) == m else unit_names(m)
    shape = (len(which), len(plane.y), len(plane.x))

    def over_the_plane(values: Array) -> Numbers:
        return values[:, which].T.reshape(shape).astype(np.float64)

    straight = phi.name in _STRAIGHT and ACTIVATIONS[phi.name] is phi
    return UnitMaps(
        name=f"layer {r}: {stage_name(network, r)}",
        units=tuple(names[k] for k in which),
        z=over_the_plane(trace.z[r]),
        u=None if straight else over_the_plane(trace.u[r + 1]),
        left_out=m - len(which),
        cut=cut,
    )


def _name_plane(subject: Subject, plane: Plane) -> str:
    if plane.axes == subject.inputs:
        return f"{plane.axes[0]} and {plane.axes[1]}"
    return "the first two principal components"


def check_unit(subject: Subject, layer: int, unit: int) -> None:
    """Refuse a unit that is not there.

    Raises:
        InvalidValue: there is no such layer, or no such unit in it.
    """
    m = subject.network.layer(layer).outputs
    if not 1 <= unit <= m:
        raise InvalidValue(f"there is no unit {unit} in layer {layer}: it has units 1 to {m}")
