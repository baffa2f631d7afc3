"""A module of PyTorch as a network: its forward is followed, and has to be a chain of layers."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
}  # fmt: skip
_DROPS = (nn.Dropout, nn.AlphaDropout, F.dropout, F.alpha_dropout)  # nothing when predicting
_FLATTENS = (nn.Flatten, torch.flatten, "flatten")


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


@dataclass(frozen=True)
class Drop:
    """Dropout, where it stands.

    Attributes:
        place: in the module.
        share: of the numbers that a training step sets to 0.
        usual: whether it is nn.Dropout's, not AlphaDropout's.
    """

    place: str
    share: float
    usual: bool


@dataclass(frozen=True)
class Link:
    """A Linear layer and what follows it.

    Attributes:
        linear: the layer, the module's own.
        phi: the name of its activation; empty where the module has none there.
        drop: dropout of its outputs.
    """

    linear: nn.Linear
    phi: str = ""
    drop: Drop | None = None

    @property
    def layer(self) -> Layer:
        """A copy as a layer: W is the transpose of PyTorch's weight; without a bias b is 0."""
        W = self.linear.weight.detach().cpu().numpy().T
        bias = self.linear.bias
        b = np.zeros(W.shape[1], W.dtype) if bias is None else bias.detach().cpu().numpy()
        return Layer(np.array(W, order="C"), b.copy(), self.phi or "identity")


@dataclass(frozen=True)
class Chain:
    """A module whose forward is a chain of layers.

    Attributes:
        links: from input to output.
        flattens: whether rows of any shape are made flat before the first.
        odd_drop: dropout before the first Linear layer or before an activation, which networks
            here do not have; None if there is none.
    """

    links: tuple[Link, ...]
    flattens: bool = False
    odd_drop: Drop | None = None


def network_of(module: nn.Module, output: str | Activation | None = None) -> Network:
    """The network that a module is.

    Args:
        module: its forward is a chain of Linear, activations, Dropout and Flatten.
        output: φ_1 where the module ends in logits.

    Raises:
        InvalidValue: it is no such chain, or its parameters have no one type that networks have.
    """
    links = chain_of(module).links
    if output is not None:
        last = links[-1]
        if last.phi:
            raise InvalidValue(
                f"the module ends in {last.phi}, so it has no room for the output {output!r}"
            )
        links = (*links[:-1], Link(last.linear, get_activation(output).name))
    return Network([link.layer for link in links])


def chain_of(module: nn.Module) -> Chain:
    """The layers of a module in the order in which its forward calls them.

    Raises:
        InvalidValue: as `network_of`.
    """
    if not isinstance(module, nn.Module):
        raise InvalidValue(f"a module of PyTorch is converted, got {type(module).__name__}")
    chain = Chain(())
    for place, step in _steps(module):
        chain = _lengthened(chain, place, step)
    if not chain.links:
        raise InvalidValue("the module has no Linear layer")
    _check_types(module)
    return chain


_FLAT = "flat"  # the step that flattens


def _lengthened(chain: Chain, place: str, step: Any) -> Chain:
    """The chain with one step more."""
    links = chain.links
    match step:
        case nn.Linear():
            return replace(chain, links=(*links, Link(step)))
        case Drop() if links and links[-1].drop is None:
            return replace(chain, links=(*links[:-1], replace(links[-1], drop=step)))
        case Drop():
            return replace(chain, odd_drop=step)
        case str() if step == _FLAT:
            return chain if links else replace(chain, flattens=True)
        case str() if step:
            return _activated(chain, place, step)
    return chain


def _activated(chain: Chain, place: str, phi: str) -> Chain:
    """The chain with an activation on its last layer."""
    if not chain.links:
        raise InvalidValue(
            f"{place}: {phi} stands before the first Linear layer; apply it to the data"
        )
    last = chain.links[-1]
    if last.phi:
        raise InvalidValue(
            f"{place}: {phi} follows {last.phi}, and a layer here has one activation"
        )
    links = (*chain.links[:-1], Link(last.linear, phi))
    return replace(chain, links=links, odd_drop=chain.odd_drop or last.drop)


def _check_types(module: nn.Module) -> None:
    types = {str(p.dtype).removeprefix("torch.") for p in module.parameters()}
    if len(types) > 1 or not types <= {"float32", "float64"}:
        raise InvalidValue(
            f"parameters are float32 or float64, all alike; the module's are {', '.join(sorted(types))}:"
            " convert it by module.float()"
        )


def _steps(module: nn.Module) -> list[tuple[str, Any]]:
    """For each step of its forward the place, and a Linear, an activation's name, a Drop, or nothing."""
    parts = _listed(module)
    if parts is not None:
        return [_part(name, part) for name, part in parts]
    try:
        graph = fx.Tracer(()).trace(module)  # type: ignore[arg-type]  # no calls of math to follow
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


def _listed(module: nn.Module, prefix: str = "") -> list[tuple[str, nn.Module]] | None:
    """The parts of a Sequential, nested ones too, by name; None where a forward has to be followed."""
    if type(module) is not nn.Sequential:
        return None
    found: list[tuple[str, nn.Module]] = []
    for name, part in zip(module._modules, module, strict=True):  # one that stands twice, twice
        inner = _listed(part, f"{prefix}{name}.")
        if inner is not None:
            found += inner
        elif type(part) is not nn.Sequential and type(part).__module__.startswith("torch.nn."):
            found.append((prefix + name, part))
        else:
            return None
    return found


def _part(name: str, part: nn.Module) -> tuple[str, Any]:
    """What a module of PyTorch's own does, and where it stands."""
    place = f"{name} ({type(part).__name__})"
    return place, part if isinstance(part, nn.Linear) else _done(place, type(part), vars(part))


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
        return _part(str(node.target), module.get_submodule(str(node.target)))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "?")
    place = f"{name} in forward"
    if node.target in _ARITHMETIC:
        raise InvalidValue(
            f"{place}: arithmetic of one's own has no twin here; a Linear layer can hold it"
        )
    named = dict(zip(_arguments(node.target), node.args[1:], strict=False))
    return place, _done(place, node.target, named | node.kwargs)


def _arguments(function: Any) -> tuple[str, ...]:
    """The names of the arguments of a function or method after the first."""
    if function in _DROPS:
        return ("p", "training", "inplace")
    if function in _FLATTENS:
        return ("start_dim", "end_dim")
    return next((each.arguments for each in _SET if function in each.kinds), ())


_ARITHMETIC = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul,
    torch.add, torch.sub, torch.mul, torch.div, torch.matmul,
)  # fmt: skip


def _done(place: str, kind: Any, settings: Mapping[str, Any]) -> Drop | str:
    """Dropout, a flattening, the name of an activation here, or nothing for what does nothing."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _DROPS:
        share = settings.get("p", 0.5) if settings.get("training", True) else 0.0
        return Drop(place, share, kind in (nn.Dropout, F.dropout)) if share else ""
    if kind in _FLATTENS:
        return _flattening(place, kind, settings)
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


def _flattening(place: str, kind: Any, settings: Mapping[str, Any]) -> str:
    start = settings.get("start_dim", 1 if kind is nn.Flatten else 0)
    if start != 1 or settings.get("end_dim", -1) != -1:
        raise InvalidValue(
            f"{place} has to keep the rows apart and flatten the rest: start_dim=1, end_dim=-1"
        )
    return _FLAT
