"""Pictures of one network: its weights, what it says, how its units and layers see the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy.typing as npt

from chainrule.errors import InvalidValue, unknown
from chainrule.explanation.drawing.diagram import diagram
from chainrule.explanation.drawing.plane import Lookout, look
from chainrule.explanation.subject import Subject
from chainrule.network import Network
from chainrule.storage import Model
from chainrule.views.data import Diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHAT = ("network", "regions", "units", "bending", "unit")


def draw(
    network: Network,
    X: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    what: str = "network",
    *,
    layer: int | None = None,
    unit: int | None = None,
    size: str = "page",
) -> Figure:
    """A picture of a network: see `Network.draw`, which this is."""
    check_what(what)
    if what == "network":
        from chainrule.views.pictures.network import network as picture

        row = None if X is None else network.rows(X)
        if row is not None and row.ndim == 2 and len(row) == 1:
            row = row[0]
        return picture(diagram(network, row=row, row_name="the row"), size)
    if X is None:
        raise InvalidValue(f"the picture {what!r} needs rows of data")
    return draw_subject(Subject.of_rows(network, X, y), what, layer=layer, unit=unit, size=size)


def draw_subject(
    subject: Subject,
    what: str = "network",
    *,
    layer: int | None = None,
    unit: int | None = None,
    size: str = "page",
) -> Figure:
    """A picture of a network and rows of a table; a single row fills the circles of "network".

    Arguments and errors as for `Network.draw`.
    """
    check_what(what)
    if what == "network":
        from chainrule.views.pictures.network import network as picture

        return picture(diagram_of_subject(subject), size)
    lookout = look(subject) if what != "unit" or len(subject) > 1 else None
    if what == "unit":
        from chainrule.explanation.drawing.sight import unit as sight

        return sight(
            subject, 1 if layer is None else layer, 1 if unit is None else unit, lookout, size
        )
    if lookout is None:
        raise InvalidValue(
            f"the picture {what!r} needs rows of two numbers at least: these have one"
        )
    return _over_the_plane(subject, lookout, what, layer, size)


def _over_the_plane(
    subject: Subject, lookout: Lookout, what: str, layer: int | None, size: str
) -> Figure:
    if what == "units":
        from chainrule.explanation.drawing.units import units

        return units(subject, lookout, layer, size)
    if what == "bending":
        from chainrule.explanation.drawing.bending import bending

        return bending(subject, lookout, size)
    from chainrule.views.pictures.regions import decision

    title = f"What the network {_sizes(subject.network)} says"
    return decision(lookout.plane, lookout.region(subject, "", ""), title, size)


def diagram_of_model(model: Model) -> Diagram:
    """A model's network, with the names that the model knows."""
    encoder, target = model.encoder, model.target
    return diagram(
        model.network,
        inputs=() if encoder is None else encoder.feature_names,
        outputs=()
        if target is None
        else _outputs(model.network, tuple(map(str, target.classes)), target.name),
    )


def diagram_of_subject(subject: Subject) -> Diagram:
    """The network of some rows; one row alone fills the circles."""
    return diagram(
        subject.network,
        inputs=subject.inputs,
        outputs=_outputs(subject.network, subject.classes, subject.target),
        row=subject.X[0] if len(subject) == 1 else None,
        row_name=f"row {subject.numbers[0]}" if len(subject) == 1 else "",
    )


def check_what(what: str) -> None:
    """Refuse a picture that there is not.

    Raises:
        UnknownName: it is none of `WHAT`.
    """
    if what not in WHAT:
        raise unknown("picture", what, WHAT)


def _outputs(network: Network, classes: Sequence[str], target: str | None) -> tuple[str, ...]:
    k = network.sizes[-1]
    if len(classes) == k:
        return tuple(classes)
    if k == 1 and len(classes) == 2:
        return (f"{target or 'class'} = {classes[1]}",)
    return (target,) if k == 1 and target else ()


def _sizes(network: Network) -> str:
    return "-".join(map(str, network.sizes))
