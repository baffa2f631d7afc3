"""A module of PyTorch as a network: its forward is followed, and has to be a chain of layers."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from chainrule.activations import Activation
from chainrule.activations import get as get_activation
from chainrule.errors import InvalidValue
from chainrule.network import Layer, Network

_PLAIN: dict[Any, str] = {  # modules, functions and methods without settings
    nn.Identity: "", nn.ReLU: "relu", nn.Sigmoid: "logistic", nn.Tanh: "tanh", nn.SELU: "selu",
    nn.SiLU: "silu", nn.Mish: "mish",
    F.relu: "relu", torch.relu: "relu", F.sigmoid: "logistic", torch.sigmoid: "logistic",
    F.tanh: "tanh", torch.tanh: "tanh", F.selu: "selu", torch.selu: "selu", F.silu: "silu",
    F.mish: "mish", torch.exp: "exponential",
    "relu": "relu", "sigmoid": "logistic", "tanh": "tanh", "exp": "exponential",
    nn.Dropout: "", nn.AlphaDropout: "", nn.Flatten: "",  # they do nothing to rows when predicting
    F.dropout: "", F.alpha_dropout: "", torch.flatten: "", "flatten": "",
}  # fmt: skip


@dataclass(frozen=True)
class _Set:
    """An activation with settings, of which the library has some values only.

    Attributes:
        name: here.
        kinds: its module, functions and methods.
        arguments: the names of their arguments after the first.
        setting: the one that matters.
        values: those of it that are converted; the first is their default, unless that is None.
    """

    name: str
    kinds: tuple[Any, ...]
    arguments: tuple[str, ...]
    setting: str
    values: tuple[Any, ...]


_SET = (
    _Set(
        "leaky_relu",
        (nn.LeakyReLU, F.leaky_relu),
        ("negative_slope", "inplace"),
        "negative_slope",
        (0.01,),
    ),
    _Set("elu", (nn.ELU, F.elu), ("alpha", "inplace"), "alpha", (1.0,)),
    _Set("gelu", (nn.GELU, F.gelu), ("approximate",), "approximate", ("none",)),
    _Set("softplus", (nn.Softplus, F.softplus), ("beta", "threshold"), "beta", (1.0,)),
    _Set(
        "softmax", (nn.Softmax, F.softmax, torch.softmax, "softmax"), ("dim",), "dim", (None, 1, -1)
    ),
)
_HINTS: tuple[tuple[tuple[Any, ...], str], ...] = (
    (
        (nn.LogSoftmax, F.log_softmax, "log_softmax", nn.LogSigmoid, F.logsigmoid),
        "leave it out; a loss here stands on the logits, and output= names φ_1",
    ),
    (
        (nn.BatchNorm1d, nn.LayerNorm),
        "scale the inputs instead, or merge a trained BatchNorm1d into the Linear before it",
    ),
    (
        (nn.Conv1d, nn.Conv2d, nn.RNN, nn.LSTM, nn.GRU, nn.Embedding, nn.MultiheadAttention),
        "networks here are feed-forward; the part that is Linear layers can be converted",
    ),
)  # fmt: skip


def network_of(module: nn.Module, output: str | Activation | None = None) -> Network:
    """The network that a module is.

    Args:
        module: its forward is a chain of Linear, activations, Dropout and Flatten.
        output: φ_1 where the module ends in logits.

    Raises:
        InvalidValue: it is no such chain, or its parameters have no one type that networks have.
    """
    if not isinstance(module, nn.Module):
        raise InvalidValue(f"a module of PyTorch is converted, got {type(module).__name__}")
    steps = _steps(module)
    layers: list[tuple[nn.Linear, str]] = []
    for place, step in steps:
        if isinstance(step, nn.Linear):
            layers.append((step, ""))
        elif step:
            layers = _activated(layers, place, step)
    if not layers:
        raise InvalidValue("the module has no Linear layer")
    if output is not None:
        if layers[-1][1]:
            raise InvalidValue(
                f"the module ends in {layers[-1][1]}, so it has no room for the output {output!r}"
            )
        layers[-1] = layers[-1][0], get_activation(output).name
    _check_types(module)
    return Network([_layer(linear, phi or "identity") for linear, phi in layers])


def _activated(layers: list[tuple[nn.Linear, str]], place: str, phi: str) -> list[Any]:
    """The layers with an activation on the last one."""
    if not layers:
        raise InvalidValue(
            f"{place}: {phi} stands before the first Linear layer; apply it to the data"
        )
    linear, before = layers[-1]
    if before:
        raise InvalidValue(f"{place}: {phi} follows {before}, and a layer here has one activation")
    return [*layers[:-1], (linear, phi)]


def _layer(linear: nn.Linear, phi: str) -> Layer:
    """W is the transpose of PyTorch's weight; without a bias it is 0."""
    W = linear.weight.detach().cpu().numpy().T
    b = np.zeros(W.shape[1], W.dtype) if linear.bias is None else linear.bias.detach().cpu().numpy()
    return Layer(np.array(W, order="C"), b.copy(), phi)


def _check_types(module: nn.Module) -> None:
    types = {str(p.dtype).removeprefix("torch.") for p in module.parameters()}
    if len(types) > 1 or not types <= {"float32", "float64"}:
        raise InvalidValue(
            f"parameters are float32 or float64, all alike; the module's are {', '.join(sorted(types))}:"
            " convert it by module.float()"
        )


def _steps(module: nn.Module) -> list[tuple[str, Any]]:
    """For each node of its forward the place, and a Linear, an activation's name, or nothing."""
    try:
        graph = fx.Tracer().trace(module)
    except Exception as error:  # whatever a user's own forward raises when numbers are not there
        raise InvalidValue(
            f"the forward of {type(module).__name__} cannot be followed without numbers ({error});"
            " a forward that only calls layers, one after the other, can"
        ) from error
    found, last = [], None
    for node in graph.nodes:
        if node.op == "placeholder":
            if last is not None:
                raise InvalidValue(
                    "the forward takes more than one argument: it has to take rows alone"
                )
            last = node
            continue
        _check_chain(node, last)
        last = node
        if node.op != "output":
            found.append(_step(module, node))
    return found


def _check_chain(node: fx.Node, last: fx.Node | None) -> None:
    """Refuse a forward that branches."""
    if node.op == "get_attr" or list(node.all_input_nodes) != [last]:
        place = node.target if isinstance(node.target, str) else node.name
        raise InvalidValue(
            f"{place}: the forward is no chain there: it takes something else than the result of the"
            " step before, as a skip connection does"
        )


def _step(module: nn.Module, node: fx.Node) -> tuple[str, Any]:
    """What a node does, and where it stands."""
    if node.op == "call_module":
        part = module.get_submodule(str(node.target))
        place = f"{node.target} ({type(part).__name__})"
        return place, part if isinstance(part, nn.Linear) else _phi(place, type(part), vars(part))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "?")
    place = f"{name} in forward"
    if node.target in _ARITHMETIC:
        raise InvalidValue(
            f"{place}: arithmetic of one's own has no twin here; a Linear layer can hold it"
        )
    found = next((each for each in _SET if node.target in each.kinds), None)
    named = {} if found is None else dict(zip(found.arguments, node.args[1:], strict=False))
    return place, _phi(place, node.target, named | node.kwargs)


_ARITHMETIC = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul,
    torch.add, torch.sub, torch.mul, torch.div, torch.matmul,
)  # fmt: skip


def _phi(place: str, kind: Any, settings: Mapping[str, Any]) -> str:
    """The name of an activation here, or nothing for what does nothing."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    for each in _SET:
        if kind in each.kinds:
            value = settings.get(each.setting, each.values[0])
            if value is None or value not in each.values:
                only = " or ".join(repr(v) for v in each.values if v is not None)
                raise InvalidValue(
                    f"{place} is converted with {each.setting} {only} only, it has {value!r}"
                )
            return each.name
    hint = next(
        (hint for kinds, hint in _HINTS if kind in kinds), "only Linear layers and activations have"
    )
    raise InvalidValue(f"{place} has no twin here: {hint}")
