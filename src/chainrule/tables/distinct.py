"""Which rows of a table are the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.tables.table import Rows, Table


@dataclass(frozen=True)
class Distinct:
    """The different rows of a table, in an order that their content decides.

    A row that stands twice becomes one of weight 2. So a training does not depend on the order of
    the rows, weights mean what repetition means, and a row that is checked has no twin among those
    that are trained on.

    Attributes:
        rows: of each different row, where it stands first, (m,).
        of: of each row of the table the number of its like in `rows`, −1 where its weight is 0, (n,).
        weights: the sum of the weights of each, (m,); None where all count the same.
        digest: a fingerprint of the rows, whatever their order in the table was.
    """

    rows: Rows
    of: Rows
    weights: npt.NDArray[np.float64] | None
    digest: str

    @classmethod
    def of_table(
        cls,
        table: Table,
        targets: npt.NDArray[Any],
        weights: npt.NDArray[np.float64] | None = None,
    ) -> Distinct:
        """The different rows, targets included.

        Args:
            table: n rows.
            targets: (n,) or (n, k).
            weights: (n,), 0 or more, some above 0; None for equal ones.
        """
        keys = _keys(table, targets.reshape(len(targets), -1))
        used = np.arange(len(keys)) if weights is None else np.flatnonzero(weights)
        different, first, which = np.unique(keys[used], return_index=True, return_inverse=True)
        of = np.full(len(keys), -1)
        of[used] = which
        total = np.bincount(which, None if weights is None else weights[used]).astype(np.float64)
        found = hashlib.blake2b(different.tobytes() + total.tobytes(), digest_size=16)
        weights = None if (total == total[0]).all() else total
        return cls(used[first], of, weights, found.hexdigest())


def _keys(table: Table, targets: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A number for each row, the same for equal rows; different ones share one by chance, once in 2⁶⁴ pairs."""
    import pandas as pd

    if targets.dtype.kind in "iub":  # 1 and 1.0 are the same target
        targets = targets.astype(np.float64)
    columns = {**table.columns, **{f"target {j}": t for j, t in enumerate(targets.T)}}
    keys = np.zeros(len(table), np.uint64)
    for column in columns.values():
        kind = object if column.dtype.kind == "O" else None
        hashed = pd.util.hash_array(np.asarray(column, kind), categorize=True)
        keys = (keys ^ hashed) * np.uint64(0x9E3779B97F4A7C15)  # the order of columns counts
        keys ^= keys >> np.uint64(29)
    return keys
