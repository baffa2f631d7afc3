"""One pass through module and loss, watched: which layers ran, which activations, which loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_LOSSES: dict[Any, str] = {
    F.binary_cross_entropy_with_logits: "BCEWithLogitsLoss",
    F.binary_cross_entropy: "BCELoss",
    F.cross_entropy: "CrossEntropyLoss",
    F.nll_loss: "NLLLoss",
    F.mse_loss: "MSELoss",
    F.l1_loss: "L1Loss",
    F.huber_loss: "HuberLoss",
    F.smooth_l1_loss: "SmoothL1Loss",
}
_BENDS: dict[Any, str] = {
    F.relu: "relu", torch.relu: "relu", torch.relu_: "relu", Tensor.relu: "relu",
    Tensor.relu_: "relu", F.relu6: "relu",
    torch.sigmoid: "sigmoid", Tensor.sigmoid: "sigmoid", F.sigmoid: "sigmoid",
    torch.tanh: "tanh", Tensor.tanh: "tanh", F.tanh: "tanh",
    F.softmax: "softmax", torch.softmax: "softmax", Tensor.softmax: "softmax",
    F.log_softmax: "log_softmax", torch.log_softmax: "log_softmax",
    Tensor.log_softmax: "log_softmax",
}  # fmt: skip


@dataclass(frozen=True)
class Link:
    """What a loss of PyTorch was called with.

    Attributes:
        loss: the name of its class.
        outputs: what the network gives.
        targets: what it should give.
        ignore: the index of no class, for the two losses that have one.
    """

    loss: str
    outputs: Tensor
    targets: Tensor
    ignore: int = -100


@dataclass(frozen=True)
class Ran:
    """A module with parameters of its own that ran.

    Attributes:
        name: in the whole module; empty for the whole module itself.
        module: the part.
        inputs: its first argument.
        outputs: what it returned.
    """

    name: str
    module: nn.Module
    inputs: Any
    outputs: Any


@dataclass(frozen=True)
class Bend:
    """An activation that ran.

    Attributes:
        kind: relu, sigmoid, tanh, softmax or log_softmax.
        after: the layer that ran last before it; None if none did.
        inside: the name of the module that applied it.
        outputs: what it returned.
    """

    kind: str
    after: Ran | None
    inside: str
    outputs: Tensor


@dataclass
class Pass:
    """What happened on the way from rows to loss.

    Attributes:
        ran: the modules with parameters of their own, in the order in which they finished.
        bends: the activations in their order.
        outputs: of the module; None if it raised.
        link: the loss of PyTorch that was called last; None if none was.
        loss: what the loss function returned; None if it raised.
        error: what was raised.
        at: the names of the modules that were running when it was, from the outside in, and what
            the innermost got.
    """

    ran: list[Ran] = field(default_factory=list)
    bends: list[Bend] = field(default_factory=list)
    outputs: Any = None
    link: Link | None = None
    loss: Any = None
    error: Exception | None = None
    at: tuple[list[str], Any] = field(default_factory=lambda: ([], None))

    @property
    def forward_failed(self) -> bool:
        """Whether the module raised."""
        return self.outputs is None and self.error is not None


def run(
    module: nn.Module, loss_fn: Callable[..., Any], inputs: tuple[Any, ...], targets: Any
) -> Pass:
    """Send rows through a module and a loss and watch; what is raised is kept, not raised."""
    seen = Pass()
    torch.manual_seed(0)  # the same dropout each time
    with warnings.catch_warnings(), _hooks(module, seen) as stack, _Functions(seen, stack):
        warnings.simplefilter("ignore")
        try:
            seen.outputs = module(*inputs)
            if targets is not None:
                seen.loss = loss_fn(seen.outputs, targets)
        except Exception as error:  # the user's code: whatever it is, it becomes a finding
            seen.error = error
            seen.at = ([name for name, _ in stack], stack[-1][1] if stack else None)
    return seen


class _Functions(TorchFunctionMode):
    """Sees each function of PyTorch that is called, inside modules or not."""

    def __init__(self, seen: Pass, stack: list[tuple[str, Any]]) -> None:
        super().__init__()
        self.seen, self.stack = seen, stack

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _LOSSES:
            self._link(_LOSSES[func], args, kwargs)
        result = func(*args, **kwargs)
        if func in _BENDS and isinstance(result, Tensor):
            after = self.seen.ran[-1] if self.seen.ran else None
            inside = self.stack[-1][0] if self.stack else ""
            self.seen.bends.append(Bend(_BENDS[func], after, inside, result))
        return result

    def _link(self, loss: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        outputs = args[0] if args else kwargs.get("input")
        targets = args[1] if len(args) > 1 else kwargs.get("target")
        if isinstance(outputs, Tensor) and isinstance(targets, Tensor):
            ignore = kwargs.get("ignore_index", -100)
            self.seen.link = Link(loss, outputs, targets, ignore)


@contextmanager
def _hooks(module: nn.Module, seen: Pass) -> Iterator[list[tuple[str, Any]]]:
    """The modules that are running, with what they got, from the outside in."""
    stack: list[tuple[str, Any]] = []
    handles = []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(_before(name, stack), prepend=True))
        handles.append(part.register_forward_hook(_after(name, stack, seen)))
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()


def _before(name: str, stack: list[tuple[str, Any]]) -> Callable[..., None]:
    def hook(part: nn.Module, args: tuple[Any, ...]) -> None:
        stack.append((name, args[0] if args else None))

    return hook


def _after(name: str, stack: list[tuple[str, Any]], seen: Pass) -> Callable[..., None]:
    def hook(part: nn.Module, args: tuple[Any, ...], outputs: Any) -> None:
        stack.pop()
        if any(True for _ in part.parameters(recurse=False)):
            seen.ran.append(Ran(name, part, args[0] if args else None, outputs))

    return hook
