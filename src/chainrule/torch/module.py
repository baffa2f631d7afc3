"""A network as a module of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from chainrule.activations import ACTIVATIONS, Activation
from chainrule.errors import InvalidValue
from chainrule.network import Network
from chainrule.torch.layers import LOGITS, MODULES


class NetworkModule(nn.Module):
    """The layers of a network, with copies of its weights.

    `forward` returns logits where φ_1 is one that a loss of PyTorch applies itself (logistic,
    softmax, exponential), so that BCEWithLogitsLoss, CrossEntropyLoss and PoissonNLLLoss take what
    it returns; else it returns the output. `predict` applies φ_1.

    Attributes:
        layers: Linear layers and activations, in the order of the network.
        link: the name of the φ_1 that `forward` leaves out, or "identity".
    """

    def __init__(self, network: Network) -> None:
        """Copy a network.

        Raises:
            InvalidValue: an activation is not the library's.
        """
        super().__init__()
        last = network.layers[-1].activation
        self.link = (
            last.name if last.name in LOGITS and ACTIVATIONS[last.name] is last else "identity"
        )
        parts: list[nn.Module] = []
        for layer in network.layers:
            linear = nn.Linear(layer.inputs, layer.outputs, dtype=_dtype(network))
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(layer.W.T.copy()))
                linear.bias.copy_(torch.from_numpy(layer.b))
            parts.append(linear)
            if layer is not network.layers[-1] or self.link == "identity":
                parts += _activation(layer.activation)
        self.layers = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        """Rows (n, d) to logits, or outputs, (n, k)."""
        z: Tensor = self.layers(x)
        return z

    def predict(self, X: npt.ArrayLike | Tensor) -> npt.NDArray[Any]:
        """The class of each row, at ½ or the largest, (n,); or the numbers, (n, k)."""
        first = next(self.parameters())
        rows = torch.as_tensor(X, dtype=first.dtype, device=first.device)
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                u = self(rows)
        finally:
            self.train(was_training)
        if self.link == "softmax":
            return np.asarray(u.argmax(dim=-1).cpu().numpy())
        if self.link == "logistic":
            classes = (u > 0).long().cpu().numpy()  # σ(u) > ½
            return np.asarray(classes[..., 0] if classes.shape[-1] == 1 else classes)
        return np.asarray((u.exp() if self.link == "exponential" else u).cpu().numpy())


class Exponential(nn.Module):
    """eᵘ, for which PyTorch has a function and no module."""

    def forward(self, u: Tensor) -> Tensor:
        """eᵘ, of any shape."""
        return torch.exp(u)


def _activation(phi: Activation) -> list[nn.Module]:
    if ACTIVATIONS.get(phi.name) is not phi:
        raise InvalidValue(f"PyTorch has no twin of your own activation {phi.name!r}")
    if phi.name == "identity":
        return []
    if phi.name == "exponential":
        return [Exponential()]
    name, settings = MODULES[phi.name]
    return [getattr(nn, name)(**settings)]


def _dtype(network: Network) -> torch.dtype:
    return torch.float64 if network.dtype == "float64" else torch.float32
