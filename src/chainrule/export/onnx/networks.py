"""Networks as nodes, and what their mean says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import InvalidValue
from chainrule.export.formula import Formula
from chainrule.export.onnx.graph import Graph
from chainrule.export.onnx.operators import Argument, Expression, Op, written
from chainrule.network import Network

_CASTS = {"Cast32": "float32", "Cast64": "float64"}
_LABELS = {"O": "object", "b": "bool", "i": "int64", "f": "float64"}


def mean(graph: Graph, formula: Formula, x: str) -> str:
    """Σ share · network(x), (n, k)."""
    each = [
        _forward(graph, network, x, number) for number, network in enumerate(formula.networks, 1)
    ]
    if formula.answer == "quantiles":
        each = [_ascending(graph, z, len(formula.levels)) for z in each]
    if len(each) == 1:
        return each[0]
    shares = [graph.constant(np.array(s, formula.dtype), "share") for s in formula.shares]
    return graph.node(
        "Sum", *(graph.node("Mul", z, s) for z, s in zip(each, shares, strict=True)), name="mean"
    )


def answer(graph: Graph, formula: Formula, z: str) -> list[str]:
    """Give out what the mean of the networks' outputs says; the names of the outputs."""
    match formula.answer:
        case "classes":
            return _classes(graph, formula, z)
        case "questions":
            half = graph.constant(np.array(0.5, formula.dtype), "half")
            yes = graph.cast(graph.node("Greater", z, half), "int64", "label")
            graph.output(
                yes, "int64", ["rows", formula.outputs], "1 where the probability is above ½"
            )
            p = _named(graph, z, "probabilities")
            graph.output(p, formula.dtype, ["rows", formula.outputs], "of yes, for each question")
            return [yes, p]
        case "outputs":
            out = _named(graph, z, "output")
            graph.output(out, formula.dtype, ["rows", formula.outputs], "what the network gives")
            return [out]
    return _numbers(graph, formula, z)


def _forward(graph: Graph, network: Network, x: str, number: int) -> str:
    z = x
    for i, layer in enumerate(network.layers):
        r = len(network.layers) - i
        W = graph.constant(np.ascontiguousarray(layer.W), f"network {number}: W_{r}")
        b = graph.constant(np.ascontiguousarray(layer.b), f"network {number}: b_{r}")
        u = graph.node("Gemm", z, W, b, name=f"network {number}: u_{r + 1}")
        z = _applied(graph, written(layer.activation.name, network.dtype), u, network.dtype)
    return z


def _applied(graph: Graph, expression: Expression, u: str, dtype: str) -> str:
    """The value of an expression of u."""
    if isinstance(expression, Argument):
        return u
    if not isinstance(expression, Op):
        return graph.constant(np.array(expression, dtype))
    of = [_applied(graph, part, u, dtype) for part in expression.of]
    if expression.name in _CASTS:
        return graph.cast(of[0], _CASTS[expression.name])
    settings: dict[str, Any] = dict(expression.settings)
    return graph.node(expression.name, *of, **settings)


def _ascending(graph: Graph, z: str, levels: int) -> str:
    """The k numbers of each row in ascending order."""
    count = graph.constant(np.array([levels], np.int64), "levels")
    return graph.node("TopK", z, count, name="ascending", count=2, largest=0, sorted=1)


def _classes(graph: Graph, formula: Formula, z: str) -> list[str]:
    if formula.outputs == 1:
        one = graph.constant(np.array(1, formula.dtype), "one")
        p = graph.node("Concat", graph.node("Sub", one, z), z, name="probabilities", axis=1)
    else:
        p = _named(graph, z, "probabilities")
    best = graph.node("ArgMax", p, name="class number", axis=1, keepdims=0)
    labels = _labels(formula)
    label = graph.node("Gather", graph.constant(labels, "labels"), best, name="label", axis=0)
    graph.output(label, _LABELS[labels.dtype.kind], ["rows"], "the most probable class")
    shown = ", ".join(map(str, formula.classes))
    shape: list[str | int] = ["rows", len(formula.classes)]
    graph.output(p, formula.dtype, shape, f"of the classes {shown}")
    return [label, p]


def _labels(formula: Formula) -> npt.NDArray[Any]:
    """The labels in a type that ONNX has, as text if any of them is.

    Raises:
        InvalidValue: it has none.
    """
    classes = formula.classes
    if any(isinstance(label, str) for label in classes):
        return np.array([*map(str, classes)], dtype=object)
    labels = np.array(classes)
    if labels.dtype.kind not in "bif":
        raise InvalidValue(f"ONNX has no type for classes such as these: {classes!r}"[:120])
    return labels


def _numbers(graph: Graph, formula: Formula, z: str) -> list[str]:
    dtype = formula.dtype
    if formula.mean is not None:
        dtype = "float64"  # as a table's own
        z = graph.cast(z, dtype)
        spread = graph.constant(np.array(formula.spread), "spread")
        center = graph.constant(np.array(formula.mean), "mean of the target")
        z = graph.node("Add", graph.node("Mul", z, spread), center)
    if formula.answer == "quantiles":
        q, middle = _named(graph, z, "quantiles"), _column(graph, z, formula.middle)
        graph.output(middle, dtype, ["rows"], "the quantile nearest to the median")
        graph.output(q, dtype, ["rows", len(formula.levels)], f"at the levels {formula.levels}")
        return [middle, q]
    single = formula.outputs == 1
    prediction = _column(graph, z, 0) if single else _named(graph, z, "prediction")
    graph.output(
        prediction, dtype, ["rows"] if single else ["rows", formula.outputs], "in its own unit"
    )
    return [prediction]


def _column(graph: Graph, z: str, j: int) -> str:
    """Column j of (n, k), (n,)."""
    return graph.node("Gather", z, graph.constant(np.array(j), "column"), name="prediction", axis=1)


def _named(graph: Graph, value: str, name: str) -> str:
    return graph.node("Identity", value, name=name)
