"""Layers, and the network that they make (lecture, "An Artificial Neural Network consists of …").

A data point is a row, so a layer maps rows z (n, d) to φ(zW + b) (n, e) with W (d, e). Layers are
stored from input to output; what is shown to a person carries the lecture's numbers, which count
from the output: layer 1 is the last affine map, and with L layers the input is z_{L+1}.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from chainrule.activations import ACTIVATIONS, Activation, get
from chainrule.arrays import DTYPES, Array, DType, dtype_named, numbers
from chainrule.errors import ChainruleError, InvalidValue, ShapeError, unknown
from chainrule.initializers import initial

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from chainrule.explanation import Explanation
    from chainrule.torch.module import NetworkModule


class Layer:
    """The three pieces of a layer: a matrix W, a bias b and an activation φ.

    Attributes:
        W: (d, e), d numbers in and e out; the transpose of PyTorch's `Linear.weight`.
        b: (e,).
        activation: φ.
    """

    def __init__(
        self,
        W: npt.ArrayLike,
        b: npt.ArrayLike,
        activation: str | Activation = "identity",
    ) -> None:
        """Take a copy of W and b.

        Arrays that are not float32 become float64; b as a list takes the type of W.

        Raises:
            ShapeError: W is not a matrix, or b has not one number for each of its columns.
            InvalidValue: W or b holds no numbers, or they are of two types.
            UnknownName: no activation is called so.
        """
        self.W = _floats(W, "W")
        self.b = np.atleast_1d(
            _floats(b, "b") if isinstance(b, np.ndarray) else np.array(b, self.W.dtype)
        )
        self.activation = get(activation)
        if self.W.ndim != 2 or 0 in self.W.shape:
            raise ShapeError(f"W is a matrix (inputs, outputs), got shape {self.W.shape}")
        if self.b.shape != (self.W.shape[1],):
            raise ShapeError(
                f"W is {_by(self.W)}, so b is ({self.W.shape[1]},); got {self.b.shape}"
            )
        if self.W.dtype != self.b.dtype:
            raise InvalidValue(f"W is {self.W.dtype} and b is {self.b.dtype}: make them the same")

    @property
    def inputs(self) -> int:
        """d, how many numbers the layer takes."""
        return int(self.W.shape[0])

    @property
    def outputs(self) -> int:
        """e, how many numbers the layer gives."""
        return int(self.W.shape[1])

    def affine(self, z: Array) -> Array:
        """Pre-activation u = zW + b; (n, d) to (n, e), (d,) to (e,)."""
        return np.asarray(z @ self.W + self.b)

    def __call__(self, z: Array) -> Array:
        """φ(zW + b); (n, d) to (n, e), (d,) to (e,)."""
        return self.activation.value(self.affine(z))

    def __repr__(self) -> str:
        """Size, activation and type."""
        return f"Layer({_by(self.W)}, {self.activation.name}, {self.W.dtype})"

    def _repr_html_(self) -> str:
        from chainrule.explanation.reprs import layer_html

        return layer_html(self)

    def _repr_latex_(self) -> str:
        from chainrule.explanation.reprs import layer_latex

        return layer_latex(self)


@dataclass(frozen=True)
class Trace:
    """Everything on the way from x to z_1, under the lecture's numbers.

    With L layers, z[L+1] = x, and for r = L … 1: u[r+1] = z[r+1] W_r + b_r and z[r] = φ_r(u[r+1]).

    Attributes:
        u: the pre-activations u[L+1] … u[2].
        z: the input z[L+1], the hidden outputs, and the network's output z[1].
    """

    u: dict[int, Array]
    z: dict[int, Array]

    def _repr_html_(self) -> str:
        from chainrule.explanation.reprs import trace_html

        return trace_html(self)

    def _repr_latex_(self) -> str:
        from chainrule.explanation.reprs import trace_latex

        return trace_latex(self)


class Network:
    """A feed-forward network: x ↦ φ_1(… φ_{L−1}(φ_L(xW_L + b_L) W_{L−1} + b_{L−1}) …).

    Attributes:
        layers: from input to output.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Chain the layers, given from input to output.

        Raises:
            ShapeError: a layer does not take what the one before it gives.
            InvalidValue: there is no layer, or they are of two types.
        """
        self.layers = tuple(layers)
        if not self.layers:
            raise InvalidValue("a network has at least one layer")
        for r in range(len(self.layers) - 1, 0, -1):
            self._check_takes(r, self.layer(r + 1).outputs)
        dtypes = {str(layer.W.dtype) for layer in self.layers}
        if len(dtypes) > 1:
            raise InvalidValue(f"the layers are of two types, {' and '.join(sorted(dtypes))}")

    @classmethod
    def of_sizes(
        cls,
        sizes: Sequence[int],
        activation: str | Activation | Sequence[str | Activation] = "relu",
        output: str | Activation = "identity",
        seed: int = 0,
        dtype: DType = "float32",
        initializer: str = "auto",
    ) -> Network:
        """A new network with the given layer sizes.

        Args:
            sizes: inputs, hidden sizes …, outputs; [2, 20, 40, 20, 1] is the lecture's.
            activation: of every hidden layer, or one for each, from input to output.
            output: the activation of the output layer.
            seed: the same seed gives the same parameters.
            dtype: float32 or float64.
            initializer: a name from `initializers.INITIALIZERS`.

        Raises:
            InvalidValue: fewer than two sizes, one below 1, or another number of activations.
            UnknownName: an activation, type or initializer that is not there.
        """
        if len(sizes) < 2 or min(sizes) < 1:
            raise InvalidValue(f"sizes are two or more, each at least 1, got {list(sizes)}")
        hidden = len(sizes) - 2
        if isinstance(activation, (str, Activation)):
            activation = [activation] * hidden
        if len(activation) != hidden:
            raise InvalidValue(f"{hidden} hidden layers, {len(activation)} activations for them")
        phi = [get(a) for a in (*activation, output)]
        return cls(
            [
                Layer(*initial(initializer, phi[i].name, d, e, seed, i, dtype_named(dtype)), phi[i])
                for i, (d, e) in enumerate(pairwise(sizes))
            ]
        )

    @classmethod
    def from_json(cls, text: str) -> Network:
        """A network written by hand, or by `to_json`.

        So the one that says whether two numbers are equal::

            {
              "layers": [
                {"W": [[1, -1], [-1, 1]], "b": [0, 0], "activation": "relu"},
                {"W": [[-1], [-1]], "b": [0.5], "activation": "logistic"}
              ]
            }

        The layers stand from input to output. "dtype", beside them, is "float64" unless it says
        "float32"; a layer's "b" is 0 unless it is given, its "activation" the identity.

        Raises:
            InvalidValue: the text is not such JSON, or a number is not finite.
            ShapeError, UnknownName: as for a layer and for a network.
        """
        written = _object(_parsed(text), "a network", ("dtype", "layers"))
        layers = written.get("layers")
        if not isinstance(layers, list):
            raise InvalidValue('a network has "layers", a list')
        dtype = dtype_named(written.get("dtype", "float64"))
        return cls([_layer(layer, dtype, f"entry {i + 1}") for i, layer in enumerate(layers)])

    def to_json(self) -> str:
        """The network as JSON that `from_json` reads back exactly, a line for each layer.

        Raises:
            InvalidValue: a parameter is not finite, or an activation is not the library's.
        """
        lines = []
        for layer in self.layers:
            if ACTIVATIONS.get(layer.activation.name) is not layer.activation:
                raise InvalidValue(f"JSON has no word for your own {layer.activation.name!r}")
            parts = {"W": [*map(_plain, layer.W)], "b": _plain(layer.b)}
            lines.append("    " + json.dumps(parts | {"activation": layer.activation.name}))
        joined = ",\n".join(lines)
        return f'{{\n  "dtype": "{self.dtype}",\n  "layers": [\n{joined}\n  ]\n}}\n'

    @classmethod
    def from_torch(cls, module: nn.Module, output: str | Activation | None = None) -> Network:
        """A network with the layers of a PyTorch module and exact copies of its weights.

        The module is a Sequential, nested or not, or one of your own whose forward is a chain of
        Linear layers, activations, Dropout and Flatten; Dropout does nothing when predicting, and
        is left out here. The module stays as it is.

        Args:
            module: what to convert.
            output: φ_1 where the module ends in logits, as those for BCEWithLogitsLoss
                ("logistic") and CrossEntropyLoss ("softmax") do; the identity without it.

        Raises:
            InvalidValue: a part has no twin here; the text names it, and what could be done.
            MissingExtra: PyTorch is not installed.
        """
        from chainrule.torch import from_torch

        return from_torch(module, output)

    @classmethod
    def from_onnx(
        cls, path: str | os.PathLike[str], output: str | Activation | None = None
    ) -> Network:
        """The dense network in a file of ONNX, with exact copies of its weights.

        The graph is a chain of Gemm, or MatMul and Add, with the library's activations between
        them, as `chainrule.export.to_onnx` writes a network, and PyTorch a module of Linear layers;
        Dropout does nothing when predicting, and is left out. Nothing in the file is trusted.

        Args:
            path: the file, which holds all its numbers.
            output: φ_1 where the graph ends in logits, as in `from_torch`; the identity without it.

        Raises:
            InvalidValue: a part has no twin here; the text names it.
            ModelFileError: it cannot be read, is no file of ONNX, or does not add up.
            MissingFile: there is no such file.
            MissingExtra: onnx is not installed.
        """
        from chainrule.export import from_onnx

        network: Network = from_onnx(path, output)
        return network

    def to_torch(self) -> NetworkModule:
        """A PyTorch module with the same layers and copies of the weights.

        Its `forward` returns logits where φ_1 is logistic, softmax or exponential, as the losses of
        PyTorch take them; its `predict` returns classes, at ½ or the largest, or numbers.

        Raises:
            InvalidValue: an activation is not the library's.
            MissingExtra: PyTorch is not installed.
        """
        from chainrule.torch import to_torch

        module: NetworkModule = to_torch(self)
        return module

    def to_torch_source(self, weights: str | None = None) -> str:
        """The module of `to_torch` as a script that needs PyTorch alone.

        Args:
            weights: a file with the state_dict that the script is to load; the numbers stand in the
                script without it.

        Raises:
            InvalidValue: an activation is not the library's.
        """
        from chainrule.torch import to_torch_source

        return to_torch_source(self, weights)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden sizes …, outputs."""
        return (self.layers[0].inputs, *(layer.outputs for layer in self.layers))

    @property
    def activations(self) -> tuple[str, ...]:
        """The names of the activations, one for each layer, from input to output."""
        return tuple(layer.activation.name for layer in self.layers)

    @property
    def dtype(self) -> DType:
        """The type of the parameters, float32 or float64."""
        return dtype_named(str(self.layers[0].W.dtype))

    @property
    def parameter_count(self) -> int:
        """Σ (d·e + e) over the layers; the lecture's Σ d_{i−1}(d_i + 1) miscounts."""
        return sum(layer.W.size + layer.b.size for layer in self.layers)

    def layer(self, r: int) -> Layer:
        """The layer with the lecture's number r: 1 is the output layer.

        Raises:
            InvalidValue: there is no such layer.
        """
        if not 1 <= r <= len(self.layers):
            raise InvalidValue(f"layers are numbered 1 (output) to {len(self.layers)}, got {r}")
        return self.layers[-r]

    def __call__(self, X: npt.ArrayLike) -> Array:
        """z_1, the network's output: (n, d) to (n, k), one row (d,) to (k,).

        Raises:
            ShapeError: the rows do not have d numbers.
            InvalidValue: X holds no numbers.
        """
        return self.layers[-1].activation.value(self.logits(X))

    def logits(self, X: npt.ArrayLike) -> Array:
        """u_2 = z_2 W_1 + b_1, the output before φ_1; shapes and errors as for a call."""
        z = self.rows(X)
        for layer in self.layers[:-1]:
            z = layer(z)
        return self.layers[-1].affine(z)

    def trace(self, X: npt.ArrayLike) -> Trace:
        """Every u and z on the way from x to z_1; shapes and errors as for a call."""
        u, z = {}, {len(self.layers) + 1: self.rows(X)}
        for r in range(len(self.layers), 0, -1):
            u[r + 1] = self.layer(r).affine(z[r + 1])
            z[r] = self.layer(r).activation.value(u[r + 1])
        return Trace(u, z)

    def rows(self, X: npt.ArrayLike) -> Array:
        """X in the type of the network, (n, d) or (d,); errors as for a call."""
        x = numbers(X, "rows")
        if x.ndim not in (1, 2):
            raise ShapeError(f"data are rows (n, {self.layers[0].inputs}), got shape {x.shape}")
        self._check_takes(len(self.layers), x.shape[-1])
        return x.astype(self.dtype, copy=False)

    def explain(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        loss: str | None = None,
        *,
        layer: int | None = None,
        inputs: Sequence[str] = (),
        classes: Sequence[str] = (),
    ) -> Explanation:
        """Every matrix on the way from a row to its loss, and on the way back.

        Printed, it is text; a notebook shows it as formulas.

        Args:
            x: a row (d,), or a few, (n, d).
            y: what it should lead to, as `train` takes it; without it there is no way back.
            loss: its name; the one that goes with the output's activation without it.
            layer: the lecture's number of the one layer to show; all without it.
            inputs: names for the d numbers of a row.
            classes: names for the classes, by their numbers.

        Raises:
            ShapeError, InvalidValue: x or y does not fit the network, the loss does not go with its
                output, or there is no such layer.
            UnknownName: no loss is called so.
        """
        from chainrule.explanation import explain

        return explain(self, x, y, loss, layer=layer, inputs=inputs, classes=classes)

    def draw(
        self,
        X: npt.ArrayLike | None = None,
        y: npt.ArrayLike | None = None,
        what: str = "network",
        *,
        layer: int | None = None,
        unit: int | None = None,
        size: str = "page",
    ) -> Figure:
        """A picture: the network with its weights, its units, or how it sees rows of data.

        A notebook shows it; `chainrule.views.pictures.save` writes it to a file.

        Args:
            X: rows (n, d), for all but "network"; there one row (d,) fills the circles with its z,
                where else the biases do.
            y: what the rows should lead to, as `train` takes it; colours them.
            what: "network", circles and lines with the real weights; "regions", what it says over
                the plane of the data; "units", what each unit gives there; "bending", the plane as
                each layer bends it; "unit", what one unit sees.
            layer: the lecture's number, for "units" and "unit".
            unit: its number from 1, for "unit".
            size: "page" or "slide".

        Raises:
            InvalidValue: there is no such layer or unit, or rows are missing.
            ShapeError: X or y does not fit the network.
            UnknownName: there is no such picture or size.
            MissingExtra: matplotlib is not installed.
        """
        from chainrule.explanation.drawing import draw

        return draw(self, X, y, what, layer=layer, unit=unit, size=size)

    def copy(self) -> Network:
        """The same network with parameters of its own."""
        return self.astype(self.dtype)

    def astype(self, dtype: DType) -> Network:
        """The same network with parameters of its own, "float32" or "float64"."""
        return Network(
            [Layer(p.W.astype(dtype), p.b.astype(dtype), p.activation) for p in self.layers]
        )

    def _repr_html_(self) -> str:
        from chainrule.explanation.reprs import network_html

        return network_html(self)

    def _repr_latex_(self) -> str:
        from chainrule.explanation.reprs import network_latex

        return network_latex(self)

    def _check_takes(self, r: int, got: int) -> None:
        W = self.layer(r).W
        if got == W.shape[0]:
            return
        cause = "; did you pass its transpose?" if got == W.shape[1] else ""
        raise ShapeError(
            f"layer {r} takes rows of {W.shape[0]} numbers, got {got}: W_{r} is {_by(W)}{cause}"
        )

    def __repr__(self) -> str:
        """Sizes, activations and type."""
        sizes, names = "-".join(map(str, self.sizes)), ", ".join(self.activations)
        return f"Network({sizes}, {names}, {self.dtype})"


def _floats(values: npt.ArrayLike, what: str) -> Array:
    """A C-contiguous copy; what is not float32 becomes float64."""
    array = numbers(values, what)
    dtype = array.dtype.name if array.dtype.name in DTYPES else "float64"
    return np.array(array, dtype, order="C")


def _by(W: Array) -> str:
    return f"{W.shape[0]}×{W.shape[1]}"


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"a network by hand is JSON text: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no finite number")


def _object(value: object, what: str, fields: Sequence[str]) -> dict[str, Any]:
    """The value as a JSON object with no other fields than these."""
    if not isinstance(value, dict):
        raise InvalidValue(f"{what} is a JSON object with the fields {', '.join(fields)}")
    for name in value:
        if name not in fields:
            raise unknown(f"field of {what}", name, fields)
    return value


def _layer(value: object, dtype: DType, what: str) -> Layer:
    """A layer as it stands in JSON; an error says in which entry of the list, counted from 1."""
    written = _object(value, f'{what} of "layers"', ("W", "b", "activation"))
    if "W" not in written:
        raise InvalidValue(f'{what} of "layers" has no W')
    try:
        W = _array(written["W"], "W", dtype)
        b = _array(written.get("b", [0] * W.shape[-1] if W.ndim else 0), "b", dtype)
        return Layer(W, b, written.get("activation", "identity"))
    except ChainruleError as error:
        raise type(error)(f'{what} of "layers": {error}') from error


def _array(values: object, name: str, dtype: DType) -> Array:
    try:
        with np.errstate(over="ignore"):  # what is too large is infinite, and refused below
            array = numbers(np.asarray(values), name).astype(dtype)
    except InvalidValue:
        raise
    except ValueError as error:
        raise InvalidValue(f"the rows of {name} differ in length") from error
    if not np.isfinite(array).all():
        raise InvalidValue(f"{name} holds numbers that {dtype} has no finite value for")
    return array


def _plain(row: Array) -> list[int | float]:
    """Numbers as people write them: the shortest that are read back exactly, 2 and not 2.0."""
    if not np.isfinite(row).all():
        raise InvalidValue("JSON has no word for parameters that are not finite")
    return [
        int(value) if value.is_integer() and abs(value) < 1e6 and str(value) != "-0.0" else value
        for value in (float(str(entry)) for entry in row)
    ]
