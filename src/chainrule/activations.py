"""φ and its Jacobian: the functions between the affine maps.

Each works on arrays of any shape and keeps their type, float32 or float64. None overflows:
exponentials are taken of numbers below 0 only, except in `exponential`, whose value is infinite
where it must be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError, lookup


@dataclass(frozen=True)
class Activation:
    """An activation function φ, applied to each number of u on its own.

    Attributes:
        name: the name it stands under in `ACTIVATIONS`.
        value: u ↦ φ(u), any shape.
        derivative: u ↦ φ′(u), the same shape.
    """

    name: str
    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]

    @property
    def elementwise(self) -> bool:
        """Whether ∇φ is diagonal."""
        return True

    def jacobian(self, u: Array) -> Array:
        """∇φ, whose entry (j, k) is ∂φ⁽ʲ⁾/∂u_k (lecture, "the Jacobian matrix of φ").

        Args:
            u: one row (m,) or many (n, m).

        Returns:
            (m, m) or (n, m, m).
        """
        h = self.derivative(_rows(u))
        return np.asarray(h[..., None] * np.eye(u.shape[-1], dtype=u.dtype))

    def backward(self, u: Array, g: Array) -> Array:
        """The product g·∇φ(u) for each row: ∂L/∂u from g = ∂L/∂z, both (n, m)."""
        return np.asarray(g * self.derivative(u))

    def __repr__(self) -> str:
        """The name, in brackets."""
        return f"<activation {self.name}>"


class Softmax(Activation):
    """φ⁽ʲ⁾(u) = exp(u_j) / Σ_k exp(u_k), over the last axis: the one φ whose Jacobian is full."""

    @property
    def elementwise(self) -> bool:
        """Whether ∇φ is diagonal."""
        return False

    def jacobian(self, u: Array) -> Array:
        """∂φ⁽ʲ⁾/∂u_k = z_j (δ_jk − z_k), with z = φ(u); (m,) to (m, m), (n, m) to (n, m, m)."""
        z = self.value(_rows(u))
        return np.asarray(z[..., :, None] * (np.eye(u.shape[-1], dtype=u.dtype) - z[..., None, :]))

    def backward(self, u: Array, g: Array) -> Array:
        """The product g·∇φ(u) = z ⊙ (g − g·z) for each row, both (n, m)."""
        z = self.value(u)
        return np.asarray(z * (g - (g * z).sum(axis=-1, keepdims=True)))


def identity(u: Array) -> Array:
    """The identity: u."""
    return u


def _identity_derivative(u: Array) -> Array:
    return np.ones_like(u)


def relu(u: Array) -> Array:
    """Rectified linear: max(u, 0)."""
    return np.maximum(u, 0)


def heaviside(u: Array) -> Array:
    """Heaviside h(u): 1 where u > 0, else 0; so h(0) = 0 (lecture, derivative of the ReLU)."""
    return np.asarray(np.sign(np.maximum(u, 0)))  # NumPy's own heaviside is seven times slower


LEAKY_SLOPE = 0.01


def leaky_relu(u: Array) -> Array:
    """Leaky ReLU: u where u > 0, else u/100 (Maas, Hannun & Ng 2013)."""
    return np.where(u > 0, u, LEAKY_SLOPE * u)


def _leaky_relu_derivative(u: Array) -> Array:
    return np.where(u > 0, np.ones_like(u), np.full_like(u, LEAKY_SLOPE))


def logistic(u: Array) -> Array:
    """Logistic σ(u) = 1 / (1 + e⁻ᵘ); for u < 0 as eᵘ / (1 + eᵘ), which does not overflow."""
    e = np.exp(-np.abs(u))
    return np.asarray(np.where(u < 0, e, np.ones_like(e)) / (1 + e))


def _logistic_derivative(u: Array) -> Array:
    return logistic(u) * logistic(-u)  # σ′ = σ(1 − σ), and 1 − σ(u) = σ(−u) without cancellation


def tanh(u: Array) -> Array:
    """Hyperbolic tangent: (eᵘ − e⁻ᵘ) / (eᵘ + e⁻ᵘ)."""
    return np.asarray(np.tanh(u))


def _tanh_derivative(u: Array) -> Array:
    return np.asarray(1 - np.tanh(u) ** 2)


def softplus(u: Array) -> Array:
    """Softplus: log(1 + eᵘ), as max(u, 0) + log(1 + e^−|u|), which does not overflow."""
    return np.asarray(np.maximum(u, 0) + np.log1p(np.exp(-np.abs(u))))


def elu(u: Array) -> Array:
    """ELU: u where u > 0, else eᵘ − 1 (Clevert, Unterthiner & Hochreiter 2016, with α = 1)."""
    return np.where(u > 0, u, np.expm1(np.minimum(u, 0)))


def _elu_derivative(u: Array) -> Array:
    return np.where(u > 0, np.ones_like(u), np.exp(np.minimum(u, 0)))


SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def selu(u: Array) -> Array:
    """Scaled ELU: λu where u > 0, else λα(eᵘ − 1) (Klambauer et al. 2017, equation 2)."""
    return np.where(u > 0, SELU_SCALE * u, SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(u, 0)))


def _selu_derivative(u: Array) -> Array:
    below = SELU_SCALE * SELU_ALPHA * np.exp(np.minimum(u, 0))
    return np.where(u > 0, np.full_like(u, SELU_SCALE), below)


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _normal_cdf(u: Array) -> Array:
    """Φ(u) = ½ erfc(−u/√2), exact in the lower tail too."""
    return np.asarray(_erfc(-u / math.sqrt(2)) / 2).astype(u.dtype)


def gelu(u: Array) -> Array:
    """GELU: u Φ(u), with Φ the normal distribution (Hendrycks & Gimpel 2016, section 2)."""
    return np.asarray(u * _normal_cdf(u))


def _gelu_derivative(u: Array) -> Array:
    return np.asarray(_normal_cdf(u) + u * np.exp(-u * u / 2) / math.sqrt(2 * math.pi))


def silu(u: Array) -> Array:
    """SiLU: u σ(u) (Elfwing, Uchibe & Doya 2018, equation 2)."""
    return np.asarray(u * logistic(u))


def _silu_derivative(u: Array) -> Array:
    return np.asarray(logistic(u) * (1 + u * logistic(-u)))


def mish(u: Array) -> Array:
    """Mish: u tanh(log(1 + eᵘ)) (Misra 2020, equation 2)."""
    return np.asarray(u * np.tanh(softplus(u)))


def _mish_derivative(u: Array) -> Array:
    t = np.tanh(softplus(u))
    return np.asarray(t + u * logistic(u) * (1 - t**2))


def exponential(u: Array) -> Array:
    """Exponential: eᵘ, a Poisson mean whose logarithm is u; infinite where u is too large."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(u))


def softmax(u: Array) -> Array:
    """Class shares exp(u_j) / Σ_k exp(u_k), over the last axis.

    Taking the largest u off all of them first cancels, and keeps every exponential at most 1.
    """
    e = np.exp(u - u.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _softmax_derivative(u: Array) -> Array:
    raise InvalidValue("softmax has no derivative number by number: its Jacobian is full")


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation("identity", identity, _identity_derivative),
    "relu": Activation("relu", relu, heaviside),
    "leaky_relu": Activation("leaky_relu", leaky_relu, _leaky_relu_derivative),
    "logistic": Activation("logistic", logistic, _logistic_derivative),
    "tanh": Activation("tanh", tanh, _tanh_derivative),
    "softplus": Activation("softplus", softplus, logistic),
    "elu": Activation("elu", elu, _elu_derivative),
    "selu": Activation("selu", selu, _selu_derivative),
    "gelu": Activation("gelu", gelu, _gelu_derivative),
    "silu": Activation("silu", silu, _silu_derivative),
    "mish": Activation("mish", mish, _mish_derivative),
    "softmax": Softmax("softmax", softmax, _softmax_derivative),
    "exponential": Activation("exponential", exponential, exponential),
}

ALIASES = {"sigmoid": "logistic", "swish": "silu", "linear": "identity"}
_BY_ALIAS = {alias: ACTIVATIONS[name] for alias, name in ALIASES.items()}


def get(activation: str | Activation) -> Activation:
    """The activation of that name or alias; an Activation is returned as it is.

    Raises:
        UnknownName: no activation is called so.
    """
    if isinstance(activation, Activation):
        return activation
    return lookup("activation", activation, ACTIVATIONS | _BY_ALIAS)


def _rows(u: Array) -> Array:
    if u.ndim not in (1, 2):
        raise ShapeError(f"a Jacobian takes one row (m,) or rows (n, m), got shape {u.shape}")
    return u
