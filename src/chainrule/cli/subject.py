"""MODEL and DATA as the commands that look into a network take them."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.cli.data import check_there, missing_values
from chainrule.errors import InvalidValue

if TYPE_CHECKING:
    from chainrule.explanation.subject import Subject
    from chainrule.storage import Model
    from chainrule.tables import Table

MOST_ROWS = 10_000_000  # that can be asked for by their numbers


def subject(
    model: Path,
    data: str,
    *,
    target: str | None = None,
    loss: str | None = None,
    na: str | None = None,
    rows: Sequence[int] | None = None,
    member: int | None = None,
) -> Subject:
    """The rows of DATA as the network in MODEL sees them.

    Args:
        model: a file that `chainrule fit` saved, or a network as JSON.
        data: a file, - for standard input, or the name of a built-in table.
        target: the target's column, for a network alone.
        loss: the loss, for a network alone.
        na: texts that mean a missing value; those of `chainrule fit` without it.
        rows: the numbers of the rows to take, from 1; all without it.
        member: which network of several, from 1; the first without it.

    Raises:
        ChainruleError: the text says what is wrong with which of them.
    """
    from chainrule.explanation.subject import Subject

    check_there(data)
    loaded = one_network(model, member)
    return Subject.of(loaded, read(loaded, data, na), target, loss, rows)


def one_network(path: Path, member: int | None) -> Model:
    """The model in a file, or of several networks one alone; standard error says which.

    Args:
        path: the file.
        member: the number of the network, from 1; the first without it.

    Raises:
        InvalidValue: there is no such network.
        ChainruleError: as `load`.
    """
    from chainrule.storage import load

    loaded = load(path)
    count = len(loaded.members)
    if member is None and count > 1:
        print(
            f"chainrule: the first of {count} networks, {100 * loaded.share:.0f} % of the answer; "
            "--member N shows another",
            file=sys.stderr,
        )
    return loaded.member(1 if member is None else member)


def row_numbers(text: str) -> tuple[int, ...]:
    """The numbers in "3", "1,4" or "2-5".

    Raises:
        InvalidValue: it is something else.
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if match is None:
            raise InvalidValue(f"rows are numbers from 1, as 3 or 1,4 or 2-5; got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < MOST_ROWS:
            raise InvalidValue(f"rows run upwards, {MOST_ROWS:,} at most; got {part.strip()!r}")
        numbers += range(first, last + 1)
    return tuple(numbers)


def read(model: Model, data: str, na: str | None) -> Table:
    """DATA, with the kinds of columns and the texts for missing values that the model knows."""
    from chainrule.tables import builtin, is_builtin, read_table

    if is_builtin(data):
        return builtin(data)
    spellings = tuple(model.history.get("na") or ()) if na is None else missing_values(na)
    kinds = {} if model.encoder is None else model.encoder.kinds
    return read_table(data, na=spellings, kinds=kinds)
