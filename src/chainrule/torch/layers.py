"""The activations and their twins in `torch.nn`, as plain words."""

from __future__ import annotations

from typing import Any

MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "logistic": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {"threshold": 50}),  # exact in float64, where their own 20 is not
    "elu": ("ELU", {}),
    "selu": ("SELU", {}),
    "gelu": ("GELU", {}),
    "silu": ("SiLU", {}),
    "mish": ("Mish", {}),
    "softmax": ("Softmax", {"dim": -1}),
}
LOGITS = ("logistic", "softmax", "exponential")  # φ_1 that losses of PyTorch apply themselves
