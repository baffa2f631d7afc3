"""The parameters before training: uniform in [−c, c], so that signals keep their size.

For a layer of d inputs and e outputs, c is

    he       √(6/d)         He, Zhang, Ren & Sun 2015, section 2.2, for the ReLU and its kin
    glorot   √(6/(d + e))   Glorot & Bengio 2010, equation 16
    lecun    √(3/d)         LeCun, Bottou, Orr & Müller 1998, section 4.6; what SELU needs
    torch    √(1/d)         as PyTorch fills nn.Linear, b included

and b = 0 but for "torch". "auto" picks by the layer's activation.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.arrays import Array, DType
from chainrule.chance import Stream, key, uniform
from chainrule.errors import unknown

INITIALIZERS = ("auto", "he", "glorot", "lecun", "torch")

_AUTO = dict.fromkeys(("relu", "leaky_relu", "gelu", "silu", "mish", "elu"), "he") | {
    "selu": "lecun"
}


def limit(initializer: str, d: int, e: int) -> float:
    """The bound c for a layer of d inputs and e outputs.

    Raises:
        UnknownName: no initializer with a limit is called so.
    """
    match initializer:
        case "he":
            return math.sqrt(6 / d)
        case "glorot":
            return math.sqrt(6 / (d + e))
        case "lecun":
            return math.sqrt(3 / d)
        case "torch":
            return math.sqrt(1 / d)
    raise unknown("initializer", initializer, INITIALIZERS)


def initial(
    initializer: str, activation: str, d: int, e: int, seed: int, layer_index: int, dtype: DType
) -> tuple[Array, Array]:
    """W (d, e) and b (e,) of a layer before training.

    Args:
        initializer: a name from `INITIALIZERS`.
        activation: the name of the layer's activation; "auto" goes by it.
        d: how many numbers the layer takes.
        e: how many numbers it gives.
        seed: the seed of the training.
        layer_index: the layer's place from input to output, from 0.
        dtype: the type of the arrays; the numbers are drawn in float64.

    Raises:
        UnknownName: no initializer is called so.
    """
    if initializer == "auto":
        initializer = _AUTO.get(activation, "glorot")
    c = limit(initializer, d, e)
    drawn = c * (2 * uniform((d + 1) * e, key(seed, Stream.WEIGHTS, layer_index)) - 1)
    W = drawn[: d * e].reshape(d, e).astype(dtype)
    b = drawn[d * e :].astype(dtype) if initializer == "torch" else np.zeros(e, dtype)
    return W, b
