"""What Python code calls its data: a file, a built-in table, a frame, or rows and targets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ShapeError
from chainrule.tables.builtin import builtin, is_builtin
from chainrule.tables.reading import read_table
from chainrule.tables.table import Table


def given_table(
    data: object, target: str | npt.ArrayLike | None, seed: int = 0, na: Sequence[str] = ()
) -> tuple[str, Table, str | None]:
    """What to call the data, the data as a table, and the name of the target among its columns.

    Args:
        data: a file, the name of a built-in table, a frame, a mapping of columns, or rows (n, d).
        target: the name of a column, None for the last one; or, beside rows (n, d), targets (n,).
        seed: of the points of a shape that is drawn.
        na: texts that mean a missing value in a file.

    Raises:
        ChainruleError: it cannot be read, or rows and targets do not fit together.
    """
    if isinstance(data, str) and is_builtin(data):
        return data, builtin(data, seed=seed), target if isinstance(target, str) else None
    if isinstance(data, (str, os.PathLike)):
        table, title = read_table(data, na=tuple(na)), Path(data).name
    else:
        table, title = Table.of(data), "the data"
    if target is None or isinstance(target, str):
        return title, table, target
    return title, _with_target(table, target), "target"


def _with_target(table: Table, target: npt.ArrayLike) -> Table:
    y: Any = np.asarray(target)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (len(table),):
        raise ShapeError(f"{len(table)} rows, targets of shape {y.shape}")
    labelled = Table.of({"target": y})
    return Table({**table.columns, "target": labelled["target"]})
