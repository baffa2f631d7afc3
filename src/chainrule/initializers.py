"""The parameters before training: uniform in [−c, c], so that signals keep their size.

For a layer of d inputs and e outputs, c is

    he       √(6/d)         He, Zhang, Ren & Sun 2015, section 2.2, for the ReLU and its kin
    glorot   √(6/(d + e))   Glorot & Bengio 2010, equation 16
    lecun    √(3/d)         LeCun, Bottou, Orr & Müller 1998, section 4.6; what SELU needs
    torch    √(1/d)         as PyTorch fills nn.Linear, b included

and b = 0 but for "torch". "normal" draws from normal distributions instead, W with variance 1/d and b
with 1 (Holzmüller, Grinsztajn & Steinwart 2024, "Better by default", section 3.2); units then bend in
different places from the start. "auto" picks by the layer's activation.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.arrays import Array, DType
from chainrule.chance import Stream, key, uniform
from chainrule.elementary import normal
from chainrule.errors import unknown

INITIALIZERS = ("auto", "he", "glorot", "lecun", "torch", "normal")

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
    of_layer, count = key(seed, Stream.WEIGHTS, layer_index), (d + 1) * e
    if initializer == "normal":
        z = normal(uniform(2 * count, of_layer))
        return (z[: d * e] / math.sqrt(d)).reshape(d, e).astype(dtype), z[d * e :].astype(dtype)
    drawn = limit(initializer, d, e) * (2 * uniform(count, of_layer) - 1)
    W = drawn[: d * e].reshape(d, e).astype(dtype)
    b = drawn[d * e :].astype(dtype) if initializer == "torch" else np.zeros(e, dtype)
    return W, b
