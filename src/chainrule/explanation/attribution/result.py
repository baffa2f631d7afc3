"""An attribution: what was found, and its faces."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.explanation.attribution import table
from chainrule.explanation.attribution.own_units import Cell
from chainrule.views.data import Bars

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Attribution:
    """A number F that a network gives for a row, shared out among the columns.

    The shares are the integrated gradients from a baseline to the row; their sum is what F changes
    by from the one to the other. Where a column of the table became several numbers of the network,
    theirs are summed. All numbers are float64.

    Attributes:
        what: what F is, as "probability of setosa".
        row: its number in the table, from 1; None for a row without a table.
        label: what its target is, as "species = setosa"; nothing where that is not known.
        baseline_name: as "the mean of 150 rows".
        columns: the m columns.
        row_cells, baseline_cells: what stands in each of them, m numbers or texts.
        slopes: (m,), ∂F/∂x at the row for each unit of the column; nan where it has no unit.
        inputs: the names of the d numbers that the network sees.
        column_of: (d,), the column of each of them.
        x, baseline: (d,), the row and the baseline as the network sees them.
        gradient: (d,), ∂F/∂x at the row.
        integrated: (d,), the integrated gradients.
        value, baseline_value: F at the row and at the baseline.
        points: how many points of the line between them the gradient was computed at.
        remainder: what is between the sum of the integrated gradients and the change of F.
    """

    what: str
    row: int | None
    label: str
    baseline_name: str
    columns: tuple[str, ...]
    row_cells: tuple[Cell, ...] = field(repr=False)
    baseline_cells: tuple[Cell, ...] = field(repr=False)
    slopes: Array = field(repr=False)
    inputs: tuple[str, ...] = field(repr=False)
    column_of: npt.NDArray[np.int64] = field(repr=False)
    x: Array = field(repr=False)
    baseline: Array = field(repr=False)
    gradient: Array = field(repr=False)
    integrated: Array = field(repr=False)
    value: float
    baseline_value: float
    points: int
    remainder: float

    @property
    def by_column(self) -> Array:
        """The integrated gradients summed by column, (m,)."""
        return self._summed(self.integrated)

    @property
    def products(self) -> Array:
        """Gradient × (x − baseline) summed by column, (m,): the shares, were F a straight line."""
        return self._summed(self.gradient * (self.x - self.baseline))

    @property
    def order(self) -> list[int]:
        """The columns by the size of their share, the largest first."""
        return [int(i) for i in np.argsort(-np.abs(self.by_column), kind="stable")]

    @property
    def title(self) -> str:
        """What is shared out, and for which row."""
        return self.which + (f" (in the table {self.label})" if self.label else "")

    @property
    def which(self) -> str:
        """What is shared out, as "probability of setosa at row 5"."""
        return self.what if self.row is None else f"{self.what} at row {self.row}"

    @property
    def total(self) -> str:
        """The sum in a line: "baseline 0.31 + sum 0.62 = 0.93: probability of setosa at row 5"."""
        values = (self.baseline_value, float(self.by_column.sum()), self.value)
        start, change, end = table.alike(values)
        return f"baseline {start} + sum {change} = {end}: {self.which}"

    def text(self, width: int = 80, unicode: bool = True) -> str:
        """As a table with bars, in so many columns of characters.

        Args:
            width: of the lines; 60 at least.
            unicode: whether letters beyond ASCII may be used.
        """
        return table.text(self, width, unicode)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; columns by size, None where there is no number."""
        return {
            "what": self.what,
            "row": self.row,
            "label": self.label,
            "value": self.value,
            "baseline": self.baseline_name,
            "baseline_value": self.baseline_value,
            "sum": float(self.by_column.sum()),
            "remainder": self.remainder,
            "points": self.points,
            "columns": self._records(),
            "inputs": {
                "names": list(self.inputs),
                "x": self.x.tolist(),
                "baseline": self.baseline.tolist(),
                "gradient": self.gradient.tolist(),
                "integrated": self.integrated.tolist(),
            },
        }

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame with a row for each column, by size."""
        import pandas as pd

        return pd.DataFrame(self._records())

    def plot(self, path: str | os.PathLike[str] | None = None, size: str = "page") -> Figure | None:
        """Draw the shares as bars.

        Args:
            path: .png or .svg for a picture, .html for a page with the table. Without it the
                picture is returned, and a notebook shows it.
            size: "page" or "slide", of a picture.

        Raises:
            MissingExtra: what draws is not installed.
            InvalidValue: another suffix.
            UnknownName: another size.
        """
        from chainrule.views import files
        from chainrule.views.pictures.bars import bars

        return files.put(path, lambda: bars(self.bars, size=size), lambda: table.page(self))

    @property
    def bars(self) -> Bars:
        """The shares, for drawing."""
        return Bars(
            title=self.title,
            label=f"integrated gradient, from {self.baseline_name}",
            names=tuple(
                f"{self.columns[i]} = {table.written(self.row_cells[i])}" for i in self.order
            ),
            values=self.by_column[self.order].astype(np.float64),
            total=self.total,
        )

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return table.html(self)

    def _summed(self, values: Array) -> Array:
        return np.asarray(np.bincount(self.column_of, values, len(self.columns)), np.float64)

    def _records(self) -> list[dict[str, Any]]:
        shares, products = self.by_column, self.products
        return [
            {
                "column": self.columns[i],
                "value": self.row_cells[i],
                "baseline": self.baseline_cells[i],
                "gradient": None if math.isnan(self.slopes[i]) else float(self.slopes[i]),
                "gradient_times_difference": float(products[i]),
                "integrated": float(shares[i]),
            }
            for i in self.order
        ]


def mean_of(each: Sequence[Attribution], shares: Sequence[float]) -> Attribution:
    """The attribution of Σ s_k F_k from those of F_k, for the same row and baseline.

    Args:
        each: of every F_k.
        shares: s_k, with the sum 1.
    """

    def mean(name: str) -> Any:
        return np.average([getattr(one, name) for one in each], axis=0, weights=shares)

    value, baseline_value, integrated = mean("value"), mean("baseline_value"), mean("integrated")
    return replace(
        each[0],
        slopes=mean("slopes"),
        gradient=mean("gradient"),
        integrated=integrated,
        value=float(value),
        baseline_value=float(baseline_value),
        points=sum(one.points for one in each),
        remainder=float(abs(integrated.sum() - (value - baseline_value))),
    )
