"""A graph of ONNX from a file that nobody vouches for: parsed, and held against what a chain of layers can be."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from chainrule.errors import InvalidValue, MissingFile, ModelFileError

MOST_BYTES = 2**31 - 1  # of a file: the format's own limit
MOST_NODES = 10_000
_TYPES = {TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64"}
_STANDARD = ("", "ai.onnx")
_UNCHANGING = ("Identity", "Dropout")


@dataclass(frozen=True)
class Graph:
    """What a file holds.

    Attributes:
        input: the name of what it takes.
        output: the name of what it gives.
        nodes: by the names of the first values that they give; none comes before what it takes.
        constants: the numbers that stand in the file.
        bytes: the size of the file.
    """

    input: str
    output: str
    nodes: dict[str, onnx.NodeProto]
    constants: dict[str, onnx.TensorProto]
    bytes: int

    def array(self, name: str) -> npt.NDArray[Any] | None:
        """The constant of a name, (…); None where it is none.

        Raises:
            InvalidValue: it is not of float32 or float64, or lies in another file.
            ModelFileError: it does not add up.
        """
        turned = False
        while (node := self.nodes.get(name)) is not None and _passes(node):
            turned ^= node.op_type == "Transpose"
            name = node.input[0]
        if name not in self.constants:
            return None
        array = _array(self.constants[name], name)
        return array.T if turned else array

    def through(self, name: str) -> str:
        """The value before whatever passes it on unchanged when predicting."""
        while (node := self.nodes.get(name)) is not None and node.op_type in _UNCHANGING:
            name = node.input[0]
        return name


def _passes(node: onnx.NodeProto) -> bool:
    """Whether a node gives a constant on, turned or not."""
    turns = node.op_type == "Transpose" and all(list(a.ints) == [1, 0] for a in node.attribute)
    return turns or node.op_type == "Identity"


def load(path: str | os.PathLike[str]) -> Graph:
    """The graph in a file.

    Raises:
        MissingFile: there is no such file.
        ModelFileError: it cannot be read, or does not add up.
        InvalidValue: it is no chain of layers.
    """
    data = _read(path)
    try:
        graph = onnx.ModelProto.FromString(data).graph
    except DecodeError as error:
        raise ModelFileError(f"{os.fspath(path)}: it is no file of ONNX, or damaged") from error
    if not graph.node or not graph.output:
        raise ModelFileError(f"{os.fspath(path)}: it is no file of ONNX, or an empty one")
    constants = {tensor.name: tensor for tensor in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in constants]
    _only("takes", inputs)
    _only("gives", [value.name for value in graph.output])
    if len(graph.node) > MOST_NODES or graph.sparse_initializer:
        raise InvalidValue(f"a network has {MOST_NODES:,} nodes at most, and no sparse numbers")
    nodes = _in_order(graph, {*constants, *inputs})
    constants |= {
        name: _constant(node) for name, node in nodes.items() if node.op_type == "Constant"
    }
    return Graph(inputs[0], graph.output[0].name, nodes, constants, len(data))


def settings(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node that are numbers or texts.

    Raises:
        InvalidValue: it has another.
    """
    plain = (onnx.AttributeProto.FLOAT, onnx.AttributeProto.INT, onnx.AttributeProto.STRING)
    if any(attribute.type not in plain for attribute in node.attribute):
        raise InvalidValue(f"{said(node)} has settings that no layer has")
    found = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value
        for name, value in found.items()
    }


def said(node: onnx.NodeProto) -> str:
    """A node in a refusal."""
    operator = node.op_type if node.domain in _STANDARD else f"{node.domain}.{node.op_type}"
    return f"the node {operator[:40]}" + (f" {node.name[:60]!r}" if node.name else "")


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_BYTES:
                raise ModelFileError(
                    f"{os.fspath(path)}: it is no file, or larger than a file of ONNX can be"
                )
            return file.read(MOST_BYTES)
    except FileNotFoundError as error:
        raise MissingFile(f"there is no file {os.fspath(path)}") from error
    except OSError as error:
        raise ModelFileError(f"{os.fspath(path)}: it cannot be read ({error.strerror})") from error


def _only(what: str, names: list[str]) -> None:
    if len(names) != 1:
        shown = ", ".join(repr(name[:40]) for name in names[:4]) + ", …" * (len(names) > 4)
        raise InvalidValue(
            f"the graph {what} {len(names)} values ({shown}); a network alone {what} one: "
            "columns, labels and whatever else surrounds it are not read"
        )


def _in_order(graph: onnx.GraphProto, known: set[str]) -> dict[str, onnx.NodeProto]:
    """The nodes by what they give.

    Raises:
        ModelFileError: one takes what comes later or never, or two give the same.
        InvalidValue: one is of another domain than ONNX's own.
    """
    nodes: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        given = {name for name in node.output if name}
        taken = {name for name in node.input if name}
        whole = bool(given) and (bool(taken) or node.op_type == "Constant")
        if not whole or not taken <= known or given & known:
            raise ModelFileError(f"the graph does not add up at {said(node)}")
        known |= given
        if node.domain not in _STANDARD:
            raise InvalidValue(f"{said(node)} is none of ONNX's own operators")
        nodes[node.output[0]] = node
    return nodes


def _constant(node: onnx.NodeProto) -> onnx.TensorProto:
    """The number or the tensor of a Constant; an empty tensor for what no layer has use for."""
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor: TensorProto = attribute.t
            return tensor
        if attribute.name in ("value_float", "value_floats"):
            values = helper.get_attribute_value(attribute)
            return numpy_helper.from_array(np.array(values, np.float32))
    return TensorProto()


def _array(tensor: onnx.TensorProto, name: str) -> npt.NDArray[Any]:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise InvalidValue(
            "its numbers lie in another file, and only one is read: export it with external_data=False"
        )
    if tensor.data_type not in _TYPES:
        raise InvalidValue(f"{name[:60]!r} is not of float32 or float64, as a layer's numbers are")
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise ModelFileError(
            f"{name[:60]!r} does not have the numbers that its shape says"
        ) from error
    if not np.isfinite(array).all():
        raise ModelFileError(f"{name[:60]!r} holds numbers that are not finite")
    return array
