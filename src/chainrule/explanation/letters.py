"""The letters of an explanation: how a loss, an activation and the chain rule are written."""

from __future__ import annotations

from chainrule.activations import Activation
from chainrule.arrays import Array
from chainrule.losses import Loss
from chainrule.views.mathematics import raised

_VALUES = {"relu": "ReLU", "logistic": "σ", "leaky_relu": "LeakyReLU", "exponential": "exp"}
_SLOPES = {"relu": "h", "logistic": "σ′"}
_UNROLLED = 4  # layers whose factors are written out; beyond, dots stand for those between


def value(phi: Activation, u: str) -> str:
    """φ(u), as "ReLU(u_3)"."""
    return u if phi.name == "identity" else f"{_VALUES.get(phi.name, phi.name)}({u})"


def slope(phi: Activation, r: int, u: str) -> str:
    """φ′(u), as "h(u_3)"."""
    return "1" if phi.name == "identity" else f"{_SLOPES.get(phi.name, f'φ_{r}′')}({u})"


def factors(r: int) -> str:
    """The lecture's product ∂L/∂z_1·∇φ_1·W_1ᵀ⋯∇φ_{r−1}·W_{r−1}ᵀ, which is ∂L/∂z_r."""
    pairs = [f"∇φ_{i}·W_{i}ᵀ" for i in range(1, r)]
    if len(pairs) > _UNROLLED:
        pairs = [pairs[0], "⋯", pairs[-1]]
    return "·".join(["∂L/∂z_1", *pairs]).replace("·⋯·", " ⋯ ")


def tensor_row(phi: Activation, r: int, j: int, m: int, z: str) -> str:
    """The j-th matrix of ∂g_r/∂W_r, from 1: zᵀ·(0, …, h(u_j), …, 0)."""
    z, u = f"{z}ᵀ", f"u_{r + 1}"
    if not phi.elementwise:
        return f"{z}·∇φ_{r}{raised(j)}"
    if m == 1:
        return f"{z}·{slope(phi, r, u)}"
    entries = [slope(phi, r, u + raised(j)) if i == j else "0" for i in range(1, m + 1)]
    return f"{z}·({', '.join(entries)})"


def of_loss(loss: Loss, t: Array, outputs: int) -> tuple[str, str]:
    """L and ∂L/∂z_1 for one row, in letters.

    Args:
        loss: the loss.
        t: the row's target as `losses.targets` gives it, (k,) or (1,).
        outputs: k.
    """
    if loss.name == "cross_entropy" and t.shape == (1,):
        return _of_a_class(int(t[0]) + 1, outputs)
    if loss.name == "binary_cross_entropy" and outputs == 1:
        return ("−log z_1", "−1/z_1") if t[0] > 0 else ("−log(1 − z_1)", "1/(1 − z_1)")
    entry, derivative = _ENTRIES[loss.name.partition(":")[0]]
    if outputs == 1 or loss.name == "cross_entropy":
        return f"{_sum(entry) if outputs > 1 else entry}", derivative
    return f"1/{outputs}·{_sum(entry)}", f"1/{outputs}·({derivative})"


_ENTRIES = {
    "squared_error": ("(z_1 − y)²", "2(z_1 − y)"),
    "absolute_error": ("|z_1 − y|", "sign(z_1 − y)"),
    "huber": ("huber(z_1 − y)", "clip(z_1 − y, −1, 1)"),
    "quantile": ("max(τ(y − z_1), (τ − 1)(y − z_1))", "½sign(z_1 − y) + ½ − τ"),
    "poisson": ("z_1 − y log z_1", "1 − y/z_1"),
    "binary_cross_entropy": ("−y log z_1 − (1 − y)log(1 − z_1)", "−y/z_1 + (1 − y)/(1 − z_1)"),
    "cross_entropy": ("−y log z_1", "−y/z_1"),
}


def _sum(entry: str) -> str:
    return f"Σ({entry})"


def _of_a_class(c: int, outputs: int) -> tuple[str, str]:
    """−log of the probability of class c, counted from 1."""
    z = f"z_1{raised(c)}"
    before, after = ["0"] * (c - 1), ["0"] * (outputs - c)
    shorter = [["0", "…"] if len(zeros) > 2 else zeros for zeros in (before, after)]
    return f"−log {z}", f"({', '.join([*shorter[0], f'−1/{z}', *reversed(shorter[1])])})"
