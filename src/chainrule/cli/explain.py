"""`chainrule explain`: every matrix on the way from a row to its loss, and on the way back."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from chainrule.cli.subject import row_numbers, subject

if TYPE_CHECKING:
    from chainrule.explanation.explainer import Explanation

NARROWEST, WIDEST = 60, 120


def explain(
    model: Path,
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    row: str = "1",
    layer: int | None = None,
    format: Literal["text", "markdown", "latex", "html", "json"] = "text",
    edge: int = 3,
    target: str | None = None,
    loss: str | None = None,
    member: int | None = None,
    na: str | None = None,
    out: Path | None = None,
) -> None:
    """Show how a network comes to its answer for a row, and how the gradient comes back.

    Layers are numbered from the output: 1 is the last. What is too large is cut: a format that cuts
    nothing is json.

    Args:
        model: a file that `chainrule fit` saved, or a network written as JSON.
        data: a file, - for standard input, or the name of built-in data; a network alone takes its
            columns as they stand, and the last as the target if there is one more.
        row: which row, counted from 1; or a few, as 1,4 or 2-5.
        layer: only the layer of this number.
        format: text, markdown, latex, html or json.
        edge: numbers shown at each end of what is too long.
        target: the column of the target, for a network alone.
        loss: the loss, for a network alone: squared_error, binary_cross_entropy, cross_entropy,
            absolute_error, huber, poisson.
        member: which of several networks, from 1; the first without it.
        na: texts that mean a missing value, with commas between; those of `chainrule fit` without it.
        out: where to write; standard output without it.
    """
    from chainrule.errors import InvalidValue
    from chainrule.explanation.explainer import explain_subject
    from chainrule.storage import check_target, replacing

    if edge < 1:
        raise InvalidValue(f"edge is 1 or more, got {edge}")
    if out is not None:
        check_target(out)
    rows = row_numbers(row)
    seen = subject(model, data, target=target, loss=loss, na=na, rows=rows, member=member)
    said = _said(explain_subject(seen, layer), format, edge)
    if out is None:
        print(said)
        return
    with replacing(out) as file:
        file.write(f"{said}\n".encode())


def _said(explanation: Explanation, format_: str, edge: int) -> str:
    match format_:
        case "markdown":
            return explanation.markdown(edge).rstrip()
        case "latex":
            return explanation.latex(edge).rstrip()
        case "html":
            return explanation.html(edge).rstrip()
        case "json":
            return explanation.json()
    columns = shutil.get_terminal_size((80, 24)).columns
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    width = min(max(columns, NARROWEST), WIDEST)
    text = explanation.text(width, edge, unicode)
    if max(explanation.network.sizes) <= 2 * edge + 1:
        return text
    note = (
        f"The network is too large to print whole: of long rows and columns the first and last {edge}"
        f" numbers are shown. --edge {2 * edge} shows more, --layer one layer, --format json every number."
    )
    return f"{text}\n\n{textwrap.fill(note, width)}"
