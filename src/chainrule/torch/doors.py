"""The functions of this room, which ask for PyTorch when they are called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chainrule.activations import Activation
from chainrule.errors import MissingExtra
from chainrule.network import Network

if TYPE_CHECKING:
    from torch import nn


def from_torch(module: nn.Module, output: str | Activation | None = None) -> Network:
    """A network with a module's layers and exact copies of its weights: see `Network.from_torch`."""
    with _pytorch():
        from chainrule.torch.reading import network_of
    return network_of(module, output)


def to_torch(network: Network) -> Any:
    """A module with a network's layers and copies of its weights: see `Network.to_torch`."""
    with _pytorch():
        from chainrule.torch.module import NetworkModule
    return NetworkModule(network)


def to_torch_source(network: Network, weights: str | None = None) -> str:
    """The same module as a script: see `Network.to_torch_source`; PyTorch is not needed for it."""
    from chainrule.torch.source import source

    return source(network, weights)


@contextmanager
def _pytorch() -> Iterator[None]:
    try:
        yield
    except ImportError as absent:
        if absent.name != "torch":
            raise
        raise MissingExtra("torch") from absent
