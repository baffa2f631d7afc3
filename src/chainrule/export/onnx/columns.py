"""The columns of a table as inputs, and the nodes that make x of them.

Numbers stand side by side in one matrix of float64, as do dates, so that there are few nodes, however
many columns; in the end the columns of x are picked from all that was made, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from chainrule.errors import InvalidValue
from chainrule.export.formula import Column, Formula
from chainrule.export.onnx.graph import ML, Graph
from chainrule.tables.features import MISSING, RISE, VALUE, Category, Date, Number
from chainrule.tables.scaling import SMOOTH

_MEANINGS = {
    "text": 'text; "" where it is missing',
    "date": "days since 1970-01-01 in universal time; NaN where it is missing",
    "boolean": "boolean, 0 or 1; NaN where it is missing",
    "number": "number; NaN where it is missing",
}
_Key = tuple[str, str, int]  # a column's name, what of it, and the number of that


def rows(graph: Graph, formula: Formula) -> str:
    """The matrix x (n, d) of new inputs, in the type of the networks.

    Raises:
        InvalidValue: a column's name or its values cannot be said in ONNX.
    """
    if formula.columns is None:
        name = graph.fresh("rows")
        return graph.input(
            name, formula.dtype, ["rows", formula.inputs], "a row is the network's x"
        )
    blocks = _Blocks(graph, formula.dtype)
    columns = formula.columns
    for column in columns:
        _take(graph, column)
    _numbers(graph, blocks, [c for c in columns if isinstance(c, Number)])
    _dates(graph, blocks, [c for c in columns if isinstance(c, Date)])
    for column in columns:
        if isinstance(column, Category):
            _category(graph, blocks, column)
    return blocks.picked([key for column in columns for key in _keys(column)])


class _Blocks:
    """Matrices (n, …) with a key for each of their columns."""

    def __init__(self, graph: Graph, dtype: str) -> None:
        self._graph, self._dtype = graph, dtype
        self._values: list[str] = []
        self._keys: list[_Key] = []

    def add(self, value: str, keys: Iterable[_Key]) -> None:
        self._values.append(self._graph.cast(value, self._dtype))
        self._keys += keys

    def picked(self, keys: list[_Key]) -> str:
        """The columns of these keys, in this order."""
        whole = _beside(self._graph, self._values)
        if keys == self._keys:
            return whole
        places = {key: place for place, key in enumerate(self._keys)}
        order = self._graph.constant(np.array([places[key] for key in keys]), "order")
        return self._graph.node("Gather", whole, order, name="x", axis=1)


def _keys(column: Column) -> list[_Key]:
    """What the encoder makes of a column, in its order."""
    if isinstance(column, Category):
        return [(column.name, VALUE, j) for j in range(len(column.names))]
    if isinstance(column, Number):
        own = [(column.name, output, 0) for output in column.outputs]
        return own + [(column.name, "bin", j) for j in range(column.bins)]
    counts = {VALUE: 1, MISSING: 1}  # of a turn, a sine and a cosine
    return [(column.name, o, j) for o in column.outputs for j in range(counts.get(o, 2))]


def _take(graph: Graph, column: Column) -> None:
    """The column's input.

    Raises:
        InvalidValue: its name is none.
    """
    if not column.name:
        raise InvalidValue(
            "a column without a name cannot be an input of ONNX: give it one, and fit anew"
        )
    dtype = "object" if isinstance(column, Category) else "float64"
    graph.input(column.name, dtype, ["rows", 1], _MEANINGS[column.kind])


def _numbers(graph: Graph, blocks: _Blocks, columns: list[Number]) -> None:
    if not columns:
        return
    x = _beside(graph, [column.name for column in columns])
    filled = _filled_and_scaled(graph, blocks, columns, x)
    edges = [pair for column in columns for pair in pairwise(column.edges)]
    if not edges:
        return
    of = [j for j, column in enumerate(columns) for _ in range(column.bins)]
    each = graph.node("Gather", filled, graph.constant(np.array(of), "column of a bin"), axis=1)
    low, high = np.array(edges).T[:, None]
    t = graph.node("Sub", each, graph.constant(low, "low"))
    t = graph.node("Div", t, graph.constant(high - low, "width"))
    t = graph.node("Clip", t, _scalar(graph, 0), _scalar(graph, 1))
    t = graph.node("Sub", t, _scalar(graph, 0.5))
    t = graph.node("Mul", t, _scalar(graph, RISE), name="bins")
    blocks.add(t, [key for column in columns for key in _keys(column) if key[1] == "bin"])


def _filled_and_scaled(
    graph: Graph, blocks: _Blocks, columns: Sequence[Number | Date], x: str
) -> str:
    """Add gaps and scaled numbers (n, m); gives x with the gaps filled."""
    scales = [column.scale for column in columns]

    def row(what: str) -> str:
        return graph.constant(np.array([[getattr(scale, what) for scale in scales]]), what)

    gaps = graph.node("IsNaN", x, name="gaps")
    filled = graph.node("Where", gaps, row("fill"), x, name="filled")
    blocks.add(gaps, [(column.name, MISSING, 0) for column in columns])
    z = graph.node("Div", graph.node("Sub", filled, row("center")), row("spread"), name="scaled")
    blocks.add(z, [(c.name, "plain" if c.scale.smooth else VALUE, 0) for c in columns])
    if any(scale.smooth for scale in scales):
        t = graph.node("Div", z, _scalar(graph, SMOOTH))
        root = graph.node("Sqrt", graph.node("Add", _scalar(graph, 1), graph.node("Mul", t, t)))
        smooth = graph.node("Div", z, root, name="smooth")
        blocks.add(smooth, [(c.name, VALUE if c.scale.smooth else "smooth", 0) for c in columns])
    return filled


def _dates(graph: Graph, blocks: _Blocks, columns: list[Date]) -> None:
    if not columns:
        return
    days = _beside(graph, [column.name for column in columns])
    t = _filled_and_scaled(graph, blocks, columns, days)
    for part, turn in (("month", _month), ("weekday", _weekday), ("time", _time)):
        if any(part in column.outputs for column in columns):
            angle = graph.node("Mul", turn(graph, t), _scalar(graph, 2 * np.pi))
            for j, wave in enumerate(("Sin", "Cos")):
                value = graph.node(wave, angle, name=f"{part} {wave.lower()}")
                blocks.add(value, [(column.name, part, j) for column in columns])


def _time(graph: Graph, days: str) -> str:
    """The time as a share of the day."""
    return graph.node("Sub", days, graph.node("Floor", days))


def _weekday(graph: Graph, days: str) -> str:
    """(day + 3) mod 7, as a share of the week: 1970-01-01 was a Thursday."""
    d = graph.node("Add", graph.node("Floor", days), _scalar(graph, 3))
    d = graph.node("Sub", d, graph.node("Mul", _floored(graph, d, 7), _scalar(graph, 7)))
    return graph.node("Div", d, _scalar(graph, 7))


def _month(graph: Graph, days: str) -> str:
    """The month from 0 as a share of the year.

    Source: Hinnant 2021, chrono-Compatible Low-Level Date Algorithms, civil_from_days: years that
    begin in March, in eras of 400 years.
    """
    floor, add, sub = _floored, "Add", "Sub"

    def node(operator: str, a: str, b: str | float) -> str:
        return graph.node(operator, a, b if isinstance(b, str) else _scalar(graph, b))

    z = node(add, graph.node("Floor", days), 719_468)
    of_era = node(sub, z, node("Mul", floor(graph, z, 146_097), 146_097))
    leaps = node(sub, of_era, floor(graph, of_era, 1_460))
    leaps = node(sub, node(add, leaps, floor(graph, of_era, 36_524)), floor(graph, of_era, 146_096))
    year = floor(graph, leaps, 365)
    before = node(
        sub, node(add, node("Mul", year, 365), floor(graph, year, 4)), floor(graph, year, 100)
    )
    of_year = node(sub, of_era, before)
    march = floor(graph, node(add, node("Mul", of_year, 5), 2), 153)
    month = node(add, march, 2)
    return node("Div", node(sub, month, node("Mul", floor(graph, month, 12), 12)), 12)


def _category(graph: Graph, blocks: _Blocks, column: Category) -> None:
    """1 where the value's code is the number of the column of x, else 0."""
    if column.missing and "" in column.values:
        raise InvalidValue(
            f'column {column.name!r} has both "" and missing values, which ONNX cannot tell apart;'
            ' take "" for missing, and fit anew'
        )
    codes = {value: j for j, value in enumerate(column.values)}
    unknown = len(column.values) if column.other else -1
    codes.setdefault("", len(column.values) + column.other if column.missing else unknown)
    code = graph.node(
        "LabelEncoder", column.name, name=f"code of {column.name}", domain=ML,
        keys_strings=list(codes), values_int64s=list(codes.values()), default_int64=unknown,
    )  # fmt: skip
    numbers = graph.constant(np.arange(len(column.names))[None], "codes")
    blocks.add(graph.node("Equal", code, numbers), _keys(column))


def _beside(graph: Graph, values: list[str]) -> str:
    return values[0] if len(values) == 1 else graph.node("Concat", *values, axis=1)


def _floored(graph: Graph, value: str, by: float) -> str:
    """⌊value / by⌋."""
    return graph.node("Floor", graph.node("Div", value, _scalar(graph, by)))


def _scalar(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, np.float64))
