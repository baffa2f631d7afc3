"""`chainrule draw`: pictures of one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from chainrule.cli.subject import one_network, row_numbers, subject

if TYPE_CHECKING:
    from chainrule.views.data import Diagram


def draw(
    model: Path,
    data: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    out: Path,
    what: Literal["network", "regions", "units", "bending", "unit"] = "network",
    layer: int | None = None,
    unit: int | None = None,
    row: str | None = None,
    size: Literal["page", "slide"] = "page",
    target: str | None = None,
    loss: str | None = None,
    member: int | None = None,
    na: str | None = None,
) -> None:
    """Draw a network, its units, or how it sees the data.

    network: circles and lines with the real weights. regions: what it says over the plane of the
    data. units: what each unit gives there. bending: the plane as each layer bends it. unit: what
    one unit sees. The plane is that of two columns, or of two principal components of more.

    Args:
        model: a file that `chainrule fit` saved, or a network written as JSON.
        data: a file, - for standard input, or the name of built-in data; all but network need it.
        out: where to draw, .png or .svg.
        what: network, regions, units, bending or unit.
        layer: its number, counted from the output; for units and unit.
        unit: its number, counted from 1; for unit.
        row: one row, counted from 1, whose numbers fill the circles of network, where else the
            biases do.
        size: page or slide.
        target: the column of the target, for a network alone.
        loss: the loss, for a network alone: squared_error, binary_cross_entropy, cross_entropy,
            absolute_error, huber, poisson.
        member: which of several networks, from 1; the first without it.
        na: texts that mean a missing value, with commas between; those of `chainrule fit` without it.
    """
    from chainrule.errors import InvalidValue
    from chainrule.explanation import drawing
    from chainrule.storage import check_target
    from chainrule.views.files import check_picture
    from chainrule.views.pictures import save

    if out.suffix.lower() not in (".png", ".svg"):
        raise InvalidValue(f"a picture's name ends in .png or .svg, got {str(out)!r}")
    if what == "network" and out.suffix.lower() == ".svg":
        check_target(out)  # drawn without matplotlib
    else:
        check_picture(out)
    if row is not None and what != "network":
        raise InvalidValue("--row is for the picture network; the others show all rows")
    if layer is not None and what not in ("units", "unit"):
        raise InvalidValue(f"--layer is for the pictures units and unit, not {what}")
    if unit is not None and what != "unit":
        raise InvalidValue(f"--unit is for the picture unit, not {what}")
    if data is None:
        if what != "network" or row is not None:
            raise InvalidValue(
                f"the picture {what} needs DATA" if row is None else "--row needs DATA"
            )
        _draw_network(drawing.diagram_of_model(one_network(model, member)), out, size)
    else:
        rows = None if row is None else row_numbers(row)
        if rows is not None and len(rows) > 1:
            raise InvalidValue(f"the circles have room for one row, got --row {row}")
        seen = subject(model, data, target=target, loss=loss, na=na, rows=rows, member=member)
        if what == "network":
            _draw_network(drawing.diagram_of_subject(seen), out, size)
        else:
            save(drawing.draw_subject(seen, what, layer=layer, unit=unit, size=size), out)
    print(f"drawn    {out}")


def _draw_network(diagram: Diagram, out: Path, size: str) -> None:
    """As an SVG of our own, which says each weight under the pointer, or by matplotlib."""
    from chainrule.storage import replacing
    from chainrule.views.pictures import save
    from chainrule.views.pictures.network import network
    from chainrule.views.svg import network_svg

    if out.suffix.lower() == ".svg":
        with replacing(out) as file:
            file.write(network_svg(diagram).encode())
    else:
        save(network(diagram, size), out)
