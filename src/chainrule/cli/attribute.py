"""`chainrule attribute`: what each column of a row contributes to what the network says."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from chainrule.cli.data import check_there
from chainrule.cli.subject import read

NARROWEST, WIDEST = 60, 120


def attribute(
    model: Path,
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    row: int = 1,
    class_: Annotated[str | None, Parameter(name="--class", allow_leading_hyphen=True)] = None,
    of: Literal["probability", "logit"] | None = None,
    baseline: str | None = None,
    target: str | None = None,
    loss: str | None = None,
    member: int | None = None,
    na: str | None = None,
    plot: Path | None = None,
    size: Literal["page", "slide"] = "page",
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Show what each column of a row contributes to what the network says of it.

    The contributions are integrated gradients: on the straight line from a baseline to the row they
    add up to what the answer changes by. The target's column is not needed.

    Args:
        model: a file that `chainrule fit` saved, or a network written as JSON.
        data: a file, - for standard input, or the name of built-in data; a network alone takes its
            columns as they stand, and the last as the target if there is one more.
        row: which row, counted from 1.
        class_: whose probability is shared out; the class that the network says without it.
        of: probability or logit, the output before φ_1.
        baseline: what the row is compared with: mean, of all rows; zero, the mean of the training
            data for columns of numbers; or row:N, another row. The mean without it, and zero where
            there is one row only.
        target: the column of the target, for a network alone.
        loss: the loss, for a network alone: squared_error, binary_cross_entropy, cross_entropy,
            absolute_error, huber, poisson.
        member: one of several networks, from 1; their mean without it, as they answer.
        na: texts that mean a missing value, with commas between; those of `chainrule fit` without it.
        plot: draw it to a .png, .svg or .html file.
        size: of a picture: page or slide.
        json_: print the result as one JSON object.
    """
    from chainrule.explanation.attribution import attribute_table
    from chainrule.storage import load
    from chainrule.views.files import check_picture

    if plot is not None:
        check_picture(plot)  # before the work, not after it
    check_there(data)
    loaded = load(model)
    if member is not None:
        loaded = loaded.member(member)
    found = attribute_table(
        loaded, read(loaded, data, na), row, target=target, loss=loss, baseline=baseline,
        output=class_, of=of,
    )  # fmt: skip
    if plot is not None:
        found.plot(plot, size)
    if json_:
        print(json.dumps(found.as_dict(), ensure_ascii=False))
        return
    columns = shutil.get_terminal_size((80, 24)).columns
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    print(found.text(min(max(columns, NARROWEST), WIDEST), unicode))
    if plot is not None:
        print(f"\ndrawn    {plot}")
