"""A model as a file of ONNX."""

from __future__ import annotations

import os

from chainrule.export.formula import Formula
from chainrule.export.onnx import columns, networks
from chainrule.export.onnx.graph import OPSET, Graph
from chainrule.export.written import Written, listed
from chainrule.storage.atomic import write
from chainrule.tables.features import Category, Date


def to_onnx(given: object, path: str | os.PathLike[str]) -> Written:
    """Write a model with all that it does to a table, or a network alone: see `chainrule.export`."""
    formula = Formula.of(given)
    names = [column.name for column in formula.columns or ()]
    graph = Graph(names)
    x = columns.rows(graph, formula)
    outputs = networks.answer(graph, formula, networks.mean(graph, formula, x))
    content = graph.model(formula.title).SerializeToString(deterministic=True)
    shown = listed([f"{name!r} ({_type(formula, j)})" for j, name in enumerate(names)])
    facts = (
        ("inputs", shown or f"rows of {formula.inputs} numbers ({formula.dtype})"),
        ("outputs", listed(list(outputs))),
        ("opset", str(OPSET)),
    )
    return Written((write(path, content),), facts)


def _type(formula: Formula, j: int) -> str:
    assert formula.columns is not None
    match formula.columns[j]:
        case Category():
            return "string"
        case Date():
            return "double, days since 1970-01-01"
    return "double"
