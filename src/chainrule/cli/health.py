"""`chainrule health`: which units do no work, and where the gradient does not arrive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from chainrule.cli.subject import row_numbers, subject

MOST_ROWS = 500  # that are taken without --rows


def health(
    model: Path,
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    rows: str | None = None,
    target: str | None = None,
    loss: str | None = None,
    member: int | None = None,
    na: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Examine the health of a network: dead, saturated and constant units, gradients that vanish.

    Each number out of bounds has a sentence that says what would help. That is advice and no check:
    the exit code is 0 with findings too, 2 for wrong use. Without targets no gradient is judged.

    Args:
        model: a file that `chainrule fit` saved, or a network written as JSON.
        data: a file, - for standard input, or the name of built-in data; a network alone takes its
            columns as they stand, and the last as the target if there is one more.
        rows: which rows, as 1,4 or 2-50; 500 of them, evenly chosen, without it.
        target: the column of the target, for a network alone.
        loss: the loss, for a network alone: squared_error, binary_cross_entropy, cross_entropy,
            absolute_error, huber, poisson.
        member: which of several networks, from 1; the first without it.
        na: texts that mean a missing value, with commas between; those of `chainrule fit` without it.
        json_: print the result as one JSON object.
    """
    from chainrule.explanation.health import examine_subject

    chosen = None if rows is None else row_numbers(rows)
    seen = subject(model, data, target=target, loss=loss, na=na, rows=chosen, member=member)
    some = seen if rows else seen.some(MOST_ROWS)
    found = examine_subject(some)
    if json_:
        print(json.dumps(found.as_dict(), ensure_ascii=False))
        return
    print(found)
    if len(some) < len(seen):
        print(f"({len(some):,} of {len(seen):,} rows, evenly chosen; --rows takes others.)")
