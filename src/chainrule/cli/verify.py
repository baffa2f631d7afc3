"""`chainrule verify`: is the gradient right?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from chainrule.cli.subject import row_numbers, subject

FAILED = 1
MOST_ROWS = 100  # that are taken without --rows


def verify(
    model: Path,
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    rows: str | None = None,
    tolerance: float = 1e-6,
    target: str | None = None,
    loss: str | None = None,
    member: int | None = None,
    na: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Prove the gradient: compute it in independent ways, and compare them layer by layer.

    The ways are the explicit factors of the chain rule, the backprop of each engine, PyTorch's
    autograd if that is installed, and central differences of the loss. The exit code is 0 if they
    agree, 1 if they do not or if nothing independent could judge, 2 for wrong use.

    Args:
        model: a file that `chainrule fit` saved, or a network written as JSON.
        data: a file, - for standard input, or the name of built-in data; a network alone takes its
            columns as they stand, and the last as the target if there is one more.
        rows: which rows, as 1,4 or 2-50; 100 of them, evenly chosen, without it.
        tolerance: the largest relative difference that passes.
        target: the column of the target, for a network alone.
        loss: the loss, for a network alone: squared_error, binary_cross_entropy, cross_entropy,
            absolute_error, huber, poisson.
        member: which of several networks, from 1; the first without it.
        na: texts that mean a missing value, with commas between; those of `chainrule fit` without it.
        json_: print the result as one JSON object.
    """
    from chainrule.explanation.verification import verify_subject

    chosen = None if rows is None else row_numbers(rows)
    seen = subject(model, data, target=target, loss=loss, na=na, rows=chosen, member=member)
    some = seen if rows else seen.some(MOST_ROWS)
    found = verify_subject(some, tolerance=tolerance)
    print(json.dumps(found.as_dict(), ensure_ascii=False) if json_ else found)
    if len(some) < len(seen) and not json_:
        print(f"({len(some):,} of {len(seen):,} rows, evenly chosen; --rows takes others.)")
    return 0 if found.passed else FAILED
