"""A graph of ONNX's operators while it is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from chainrule.errors import InvalidValue
from chainrule.version import __version__

# Old enough for every runtime of the last years; all that is needed is there since then.
OPSET, ML_OPSET, IR_VERSION = 17, 2, 8
ML = "ai.onnx.ml"


class Graph:
    """Nodes, constants and the names of what flows between them.

    Args:
        inputs: names that are taken, as they are.
    """

    def __init__(self, inputs: Iterable[str] = ()) -> None:
        self._taken = set(inputs)
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def fresh(self, name: str) -> str:
        """A name that nothing has: this one, or with underscores after it."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def input(self, name: str, dtype: str, shape: list[str | int], what: str) -> str:
        """A new input of that very name.

        Args:
            name: as a table has it.
            dtype: "float32", "float64" or "object" for text.
            shape: numbers, and words where any will do.
            what: for whoever reads the file.
        """
        self._inputs.append(_value(name, dtype, shape, what))
        return name

    def output(self, value: str, dtype: str, shape: list[str | int], what: str) -> None:
        """Let a value be an output."""
        self._outputs.append(_value(value, dtype, shape, what))

    def constant(self, array: npt.NDArray[Any], name: str = "constant") -> str:
        """A new constant."""
        name = self.fresh(name)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def node(
        self,
        operator: str,
        *values: str,
        name: str = "",
        domain: str = "",
        count: int = 1,
        **settings: Any,
    ) -> str:
        """A new node; the first of the values that it gives has a name like the given one."""
        out = [self.fresh(name or operator.lower()) for _ in range(count)]
        made = helper.make_node(
            operator, values, out, name=f"to {out[0]}", domain=domain, **settings
        )
        self._nodes.append(made)
        return out[0]

    def cast(self, value: str, dtype: str, name: str = "") -> str:
        """The same numbers in another type."""
        return self.node("Cast", value, name=name, to=_type(dtype))

    def model(self, title: str) -> onnx.ModelProto:
        """The whole, checked.

        Raises:
            InvalidValue: it is larger than the format allows.
        """
        graph = helper.make_graph(
            self._nodes, "chainrule", self._inputs, self._outputs, self._constants, title
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION,
            producer_name="chainrule", producer_version=__version__, doc_string=title,
        )  # fmt: skip
        if model.ByteSize() >= onnx.checker.MAXIMUM_PROTOBUF:
            raise InvalidValue("the model is too large for a file of ONNX: 2 GB is the most")
        onnx.checker.check_model(model, full_check=True)
        return model


def _value(name: str, dtype: str, shape: list[str | int], what: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _type(dtype), shape, what)


def _type(dtype: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
