"""A dense graph of ONNX as a network: walked from its output to its input, layer by layer."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from chainrule.activations import ACTIVATIONS, Activation
from chainrule.activations import get as get_activation
from chainrule.errors import ChainruleError, InvalidValue
from chainrule.export.onnx.loading import Graph, load, said, settings
from chainrule.export.onnx.operators import Argument, Expression, Op, recognised
from chainrule.network import Layer, Network

_MOST_OPERATORS = 64  # of an activation
_CASTS = {onnx.TensorProto.FLOAT: "Cast32", onnx.TensorProto.DOUBLE: "Cast64"}
_HINTS = {
    "BatchNormalization": "merge it into the layer before it, as exporters do with a trained one",
    "LogSoftmax": 'leave it out, and give output="softmax"',
    "Conv": "networks here are feed-forward; its dense part can be read from a file of its own",
}


def network_of(path: str | os.PathLike[str], output: str | Activation | None = None) -> Network:
    """The network in a file: see `Network.from_onnx`."""
    try:
        layers = _layers(load(path))
        if output is not None:
            layers[-1] = _ending_in(layers[-1], output)
        return Network(layers)
    except ChainruleError as error:
        place = f"{os.fspath(path)}: "
        text = str(error)
        raise type(error)(text if os.fspath(path) in text else place + text) from error


def _ending_in(last: Layer, output: str | Activation) -> Layer:
    if last.activation.name != "identity":
        raise InvalidValue(
            f"the graph ends in {last.activation.name}, so it has no room for the output {output!r}"
        )
    return Layer(last.W, last.b, get_activation(output))


def _layers(graph: Graph) -> list[Layer]:
    """The layers, from input to output.

    Raises:
        InvalidValue: it is no chain of them.
    """
    layers: list[Layer] = []
    value, size = graph.output, 0
    while (begun := _start(graph, value)) is None:
        phi, u = _activated(graph, value)
        W, b, value = _affine(graph, u)
        size += W.nbytes + b.nbytes
        if size > 2 * graph.bytes:  # the same numbers over and over
            raise InvalidValue(
                "its layers hold more numbers than the file: they share their weights"
            )
        layers.append(Layer(W, b, phi))
    if not begun or not layers:
        raise InvalidValue("the graph does not lead from its input to its output over layers")
    return layers[::-1]


def _start(graph: Graph, value: str) -> bool | None:
    """Whether a value is the graph's input, made flat or not; None while it is neither."""
    value = graph.through(value)
    node = graph.nodes.get(value)
    if node is not None and node.op_type == "Flatten" and settings(node).get("axis", 1) == 1:
        value = graph.through(node.input[0])
        if value != graph.input:
            raise InvalidValue(f"{said(node)} stands between layers, whose rows are flat")
    if value == graph.input:
        return True
    return None if value in graph.nodes else False


def _activated(graph: Graph, value: str) -> tuple[str, str]:
    """The activation that ends in a value, and the pre-activation that it is of."""
    walk = _Walk(graph)
    phi = recognised(walk.expression(value))
    if phi is None or walk.u is None:
        raise _refusal(graph.nodes[graph.through(value)])
    return phi, walk.u


class _Walk:
    """From a value back to the one pre-activation that it is made of.

    Attributes:
        u: its name, once it was met.
    """

    def __init__(self, graph: Graph) -> None:
        self.u: str | None = None
        self._graph, self._left = graph, _MOST_OPERATORS

    def expression(self, value: str) -> Expression:
        """What a value is of u.

        Raises:
            InvalidValue: it is made of two values, or of more operators than any activation.
        """
        value = self._graph.through(value)
        node = self._graph.nodes.get(value)
        if node is None or _is_affine(self._graph, node):
            if node is None or self.u not in (None, value):
                raise InvalidValue(
                    "the graph branches, or does more than activate before its first layer"
                )
            self.u = value
            return Argument()
        self._left -= 1
        if self._left < 0:
            raise _refusal(node)
        return _op(node, tuple(self._part(node, name) for name in node.input if name))

    def _part(self, node: onnx.NodeProto, name: str) -> Expression:
        """What a node takes: a number of the file, or something of u."""
        constant = self._graph.array(name)
        if constant is None:
            return self.expression(name)
        if constant.size != 1:
            raise _refusal(node)
        return float(constant.reshape(()))


def _op(node: onnx.NodeProto, of: tuple[Expression, ...]) -> Op:
    given, name = settings(node), node.op_type
    if name == "Cast":
        return Op(_CASTS.get(given.get("to", 0), name), of)
    if name == "Softmax" and given.get("axis") == 1:  # of rows, the last one
        del given["axis"]
    return Op(name, of, tuple(sorted(given.items())))


def _is_affine(graph: Graph, node: onnx.NodeProto) -> bool:
    return node.op_type in ("Gemm", "MatMul") or _product_under(graph, node) is not None


def _product_under(graph: Graph, node: onnx.NodeProto) -> tuple[onnx.NodeProto, str] | None:
    """The MatMul, and the name of the constant, that an Add adds; None where it does not."""
    if node.op_type != "Add" or len(node.input) != 2:
        return None
    for one, other in (node.input, reversed(node.input)):
        product = graph.nodes.get(graph.through(one))
        if product is not None and product.op_type == "MatMul" and graph.array(other) is not None:
            return product, other
    return None


def _affine(graph: Graph, u: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any], str]:
    """W, b and the value that they are applied to."""
    node = graph.nodes[u]
    if node.op_type == "Gemm":
        return _gemm(graph, node)
    product, bias = _product_under(graph, node) or (node, "")
    if len(product.input) != 2:
        raise _refusal(product)
    W = _matrix(graph, product, product.input[1])
    return W, _bias(graph, product, bias, W), product.input[0]


def _gemm(graph: Graph, node: onnx.NodeProto) -> tuple[npt.NDArray[Any], npt.NDArray[Any], str]:
    given = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **settings(node)}
    plain = (given["alpha"], given["beta"], given["transA"]) == (1.0, 1.0, 0)
    if not plain or len(node.input) not in (2, 3):
        raise _refusal(node, "a layer is zW + b, without factors")
    W = _matrix(graph, node, node.input[1])
    W = W.T if given["transB"] else W
    return W, _bias(graph, node, node.input[2] if len(node.input) == 3 else "", W), node.input[0]


def _matrix(graph: Graph, node: onnx.NodeProto, name: str) -> npt.NDArray[Any]:
    W = graph.array(name)
    if W is None or W.ndim != 2 or 0 in W.shape:
        raise _refusal(node, "what it multiplies by is no matrix of numbers in the file")
    return W


def _bias(graph: Graph, node: onnx.NodeProto, name: str, W: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """b, (e,): 0 where there is none."""
    b = graph.array(name) if name else np.zeros((), W.dtype)
    if b is None or b.size not in (1, W.shape[1]) or b.ndim > 2 or b.shape[:-1] not in ((), (1,)):
        raise _refusal(node, "what it adds is no row of numbers in the file")
    return np.array(np.broadcast_to(b.reshape(-1), (W.shape[1],)))


def _refusal(node: onnx.NodeProto, why: str = "") -> InvalidValue:
    known = f"a network is a chain of Gemm, or MatMul and Add, with {', '.join(ACTIVATIONS)}"
    return InvalidValue(f"{said(node)} has no twin here: {why or _HINTS.get(node.op_type, known)}")
